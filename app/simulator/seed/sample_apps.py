"""The applications of simulated clusters, as data."""

from __future__ import annotations

import msgspec

# A pod template with this annotation makes its pods misbehave: "crash-loop" or "bad-image". It is how a
# cluster is seeded with trouble, and how somebody who plays with one causes some.
FAILURE_ANNOTATION = "demo.k8s-mcp.dev/habit"


class App(msgspec.Struct, frozen=True):
    """One workload. replicas are scaled with the cluster; failure_mode is a value of
    :data:`FAILURE_ANNOTATION`."""

    namespace: str
    name: str
    image: str
    replicas: int = 2
    port: int = 8080
    kind: str = "Deployment"
    cpu: str = "100m"
    memory: str = "128Mi"
    failure_mode: str | None = None
    public: bool = False
    storage: str | None = None
    schedule: str | None = None
    part_of: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """The recommended labels of the workload and its pods."""
        name, _, tag = self.image.rpartition(":")
        del name
        return {
            "app": self.name,
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/part-of": self.part_of or self.namespace,
            "app.kubernetes.io/version": tag.removeprefix("v"),
        }


APPS: tuple[App, ...] = (
    App("shop", "storefront", "ghcr.io/acme/storefront:v3.18.2", 4, cpu="250m", memory="256Mi", public=True),
    App("shop", "cart", "ghcr.io/acme/cart:v2.7.0", 3),
    App("shop", "catalog", "ghcr.io/acme/catalog:v5.1.4", 3, memory="512Mi"),
    App("shop", "checkout", "ghcr.io/acme/checkout:v4.0.9", 3, cpu="200m"),
    App("shop", "search", "ghcr.io/acme/search:v1.22.1", 2, memory="1Gi"),
    App("shop", "reviews", "ghcr.io/acme/reviews:v2.14.0", 2, failure_mode="bad-image"),
    App("shop", "recommendations", "ghcr.io/acme/recommendations:v0.9.3", 2, memory="2Gi", cpu="500m"),
    App("shop", "catalog-db", "postgres:16.4", 3, 5432, "StatefulSet", "500m", "1Gi", storage="50Gi"),
    App("shop", "session-cache", "redis:7.4.0", 3, 6379, "StatefulSet", "100m", "256Mi", storage="4Gi"),
    App("shop", "sitemap", "ghcr.io/acme/sitemap:v1.3.0", 1, kind="CronJob", schedule="*/15 * * * *"),
    App("payments", "payments-api", "ghcr.io/acme/payments-api:v6.2.1", 3, cpu="250m", public=True),
    App("payments", "ledger", "ghcr.io/acme/ledger:v3.3.0", 3, memory="512Mi"),
    App("payments", "fraud-detector", "ghcr.io/acme/fraud-detector:v1.8.5", 2, cpu="1", memory="2Gi"),
    App("payments", "payout-worker", "ghcr.io/acme/payout-worker:v2.0.1", 2, failure_mode="crash-loop"),
    App("payments", "webhook-dispatcher", "ghcr.io/acme/webhook-dispatcher:v1.4.4", 2),
    App("payments", "ledger-db", "postgres:16.4", 2, 5432, "StatefulSet", "1", "2Gi", storage="100Gi"),
    App("payments", "reconcile", "ghcr.io/acme/reconcile:v1.1.0", 1, kind="CronJob", schedule="*/5 * * * *"),
    App("platform", "gateway", "envoyproxy/envoy:v1.31.2", 3, 8443, cpu="500m", memory="512Mi", public=True),
    App("platform", "identity", "quay.io/keycloak/keycloak:25.0.6", 2, memory="1Gi"),
    App("platform", "feature-flags", "ghcr.io/acme/feature-flags:v1.0.12", 2),
    App("platform", "notifications", "ghcr.io/acme/notifications:v2.9.0", 2),
    App("platform", "nats", "nats:2.10.21", 3, 4222, "StatefulSet", "200m", "256Mi", storage="10Gi"),
    App("platform", "migrate-identity", "ghcr.io/acme/migrate:v0.4.0", 1, kind="Job"),
    App("data", "warehouse-loader", "ghcr.io/acme/warehouse-loader:v0.17.2", 2, memory="1Gi"),
    App("data", "stream-processor", "flink:1.20.0", 3, 8081, cpu="1", memory="4Gi"),
    App("data", "nightly-report", "ghcr.io/acme/report:v1.6.0", 1, kind="CronJob", schedule="30 2 * * *"),
    App("monitoring", "grafana", "grafana/grafana:11.2.2", 1, 3000, memory="256Mi", public=True),
    App(
        "monitoring",
        "prometheus",
        "prom/prometheus:v2.54.1",
        2,
        9090,
        "StatefulSet",
        "1",
        "4Gi",
        storage="200Gi",
    ),
    App(
        "monitoring", "kube-state-metrics", "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.13.0", 1
    ),
    App("monitoring", "node-exporter", "prom/node-exporter:v1.8.2", 1, 9100, "DaemonSet", "50m", "64Mi"),
    App(
        "ingress-nginx",
        "ingress-nginx-controller",
        "registry.k8s.io/ingress-nginx/controller:v1.11.2",
        2,
        443,
    ),
    App("cert-manager", "cert-manager", "quay.io/jetstack/cert-manager-controller:v1.15.3", 1, 9402),
    App("cert-manager", "cert-manager-webhook", "quay.io/jetstack/cert-manager-webhook:v1.15.3", 1, 10250),
    App("default", "hello", "ghcr.io/acme/hello:v1.0.3", 2),
)

SYSTEM_APPS: tuple[App, ...] = (
    App("kube-system", "coredns", "registry.k8s.io/coredns/coredns:v1.11.3", 2, 53, memory="70Mi"),
    App("kube-system", "metrics-server", "registry.k8s.io/metrics-server/metrics-server:v0.7.2", 1, 10250),
    App("kube-system", "kube-proxy", "registry.k8s.io/kube-proxy:v1.37.0", 1, 10249, "DaemonSet"),
    App("kube-system", "cilium", "quay.io/cilium/cilium:v1.16.2", 1, 9879, "DaemonSet", memory="512Mi"),
)

STATIC_PODS: tuple[App, ...] = (
    App("kube-system", "etcd", "registry.k8s.io/etcd:3.5.21-0", 1, 2379, "Pod", memory="100Mi"),
    App("kube-system", "kube-apiserver", "registry.k8s.io/kube-apiserver:v1.37.0", 1, 6443, "Pod", "250m"),
    App(
        "kube-system",
        "kube-controller-manager",
        "registry.k8s.io/kube-controller-manager:v1.37.0",
        1,
        10257,
        "Pod",
    ),
    App("kube-system", "kube-scheduler", "registry.k8s.io/kube-scheduler:v1.37.0", 1, 10259, "Pod"),
)
