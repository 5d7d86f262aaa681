# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/k8s-mcp
COPY pyproject.toml README.md LICENSE ./
COPY app app
RUN /opt/k8s-mcp/bin/pip install --no-cache-dir --disable-pip-version-check . \
    && /opt/k8s-mcp/bin/k8s-mcp version

FROM python:3.13-slim
LABEL org.opencontainers.image.title="k8s-mcp-server" \
      org.opencontainers.image.description="A management control plane for many Kubernetes clusters" \
      org.opencontainers.image.licenses="Apache-2.0"
# HOME is /root, so that `-v ~/.kube:/root/.kube` reads as it does for everybody else; the user may enter
# it, and so may any other that `--user` names.
RUN useradd --uid 1000 --home-dir /root --no-create-home --shell /usr/sbin/nologin k8s-mcp \
    && chmod 755 /root
COPY --from=build /opt/k8s-mcp /opt/k8s-mcp
COPY config/healthcheck.py /opt/k8s-mcp/healthcheck.py
ENV HOME=/root PATH=/opt/k8s-mcp/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Nobody reaches the loopback address of a container, whatever it is started with: `serve --demo` for one.
ENV K8S_MCP_HOST=0.0.0.0
USER 1000
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "/opt/k8s-mcp/healthcheck.py"]
ENTRYPOINT ["k8s-mcp"]
CMD ["serve"]
