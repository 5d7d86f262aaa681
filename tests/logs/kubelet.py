"""A kubelet as far as logs go, for a real kube-apiserver to ask: its containers say what a test says."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bench.testbed.control_plane import ControlPlane

CHECK_SECONDS = 0.02
Place = tuple[str, str]


def second(stamp: str) -> float:
    """A time as text, in seconds; its fraction may have up to nine digits."""
    whole, dot, rest = stamp.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    fraction, zone = (rest[:digits], rest[digits:]) if dot else ("", "")
    return datetime.fromisoformat(whole + zone).timestamp() + float(f"0.{fraction or 0}")


def now(seconds_ago: float = 0) -> str:
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() - seconds_ago, UTC).strftime(
        "%Y-%m-%dT%H:%M:%S.%f000Z"
    )


@dataclass
class Run:
    """What a container has said since it was started: ``TIME text``, or bytes as they are."""

    lines: list[str] = field(default_factory=list)
    rest: str = ""
    has_ended: bool = False

    def chosen(self, query: Mapping[str, str]) -> list[str]:
        lines = self.lines
        since = second(query["sinceTime"]) if "sinceTime" in query else 0.0
        if "sinceSeconds" in query:
            since = datetime.now(UTC).timestamp() - int(query["sinceSeconds"])
        if since:
            # A line without a time goes with the one before.
            kept, keeps = [], True
            for line in lines:
                if line[:4].isdigit():
                    keeps = second(line.partition(" ")[0]) >= since
                if keeps:
                    kept.append(line)
            lines = kept
        tail = int(query["tailLines"]) if "tailLines" in query else len(lines)
        return lines[len(lines) - min(tail, len(lines)) :]


class Kubelet:
    """Answers for the node ``name``. ``asked`` are the queries of all requests for logs."""

    def __init__(self, plane: ControlPlane, name: str = "odd-node") -> None:
        self.plane = plane
        self.name = name
        self.asked: list[dict[str, str]] = []
        self.runs: dict[Place, list[Run]] = {}
        self.refuses = False
        self.forgets_times = False
        self.delays: dict[str, float] = {}
        self._open: list[web.BaseRequest] = []
        self._runner = web.AppRunner(self._application(), shutdown_timeout=0.1)
        self._pods: list[str] = []

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.plane.ca_file, self.plane.ca_file.with_suffix(".key"))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = self._runner.addresses[0][1]
        self.plane.request("POST", "/api/v1/nodes", {"metadata": {"name": self.name}})
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        self._patch(f"/api/v1/nodes/{self.name}/status", {"status": status})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for name in [*self._pods]:
            self.delete(name)
        self.plane.request("DELETE", f"/api/v1/nodes/{self.name}")
        self.cut()
        await self._runner.cleanup()

    # -- pods ----------------------------------------------------------------------------------------

    def run(
        self,
        name: str,
        *containers: str,
        init: tuple[str, ...] = (),
        policy: str = "Always",
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Have a pod with these containers, which all run."""
        images = [{"name": each, "image": "i"} for each in containers]
        spec: dict[str, Any] = {"nodeName": self.name, "containers": images, "restartPolicy": policy}
        spec["initContainers"] = [{"name": each, "image": "i"} for each in init]
        metadata = {"name": name, "labels": dict(labels or {})}
        self.plane.request("POST", "/api/v1/namespaces/default/pods", {"metadata": metadata, "spec": spec})
        self._pods.append(name)
        for each in (*init, *containers):
            self.runs[name, each] = [Run()]
        self.state(name, "Running", {each: {"running": {"startedAt": now()}} for each in containers})

    def state(self, pod: str, phase: str, containers: Mapping[str, Any]) -> None:
        """Report how a pod and its containers are."""
        statuses = [
            {"name": name, "image": "i", "imageID": "", "ready": True, "restartCount": 0, "state": state}
            for name, state in containers.items()
        ]
        self._patch(
            f"/api/v1/namespaces/default/pods/{pod}/status",
            {"status": {"phase": phase, "containerStatuses": statuses}},
        )

    def delete(self, pod: str) -> None:
        if pod in self._pods:
            self._pods.remove(pod)
        self.plane.request(
            "DELETE",
            f"/api/v1/namespaces/default/pods/{pod}?gracePeriodSeconds=0&propagationPolicy=Background",
        )

    def attach(self, pod: str, container: str) -> None:
        """Have an ephemeral container in a pod."""
        spec = {"ephemeralContainers": [{"name": container, "image": "i"}]}
        self._patch(f"/api/v1/namespaces/default/pods/{pod}/ephemeralcontainers", {"spec": spec})
        self.runs[pod, container] = [Run()]

    # -- logs ----------------------------------------------------------------------------------------

    def say(self, pod: str, container: str, *lines: str) -> None:
        self.runs[pod, container][-1].lines += lines

    def cut(self) -> None:
        """Break all open answers off."""
        for request in self._open:
            if request.transport is not None:
                request.transport.abort()
        self._open = []

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/containerLogs/default/{pod}/{container}", self._logs)
        return app

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.asked.append(query)
        if self.refuses:
            return web.Response(status=500, text="the kubelet is not well")
        runs = self.runs[request.match_info["pod"], request.match_info["container"]]
        if "previous" in query and len(runs) < 2:
            return web.Response(status=400, text="previous terminated container not found")
        await asyncio.sleep(self.delays.get(request.match_info["pod"], 0))
        run = runs[-2] if "previous" in query else runs[-1]
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        self._open.append(request)
        stamped = query.get("timestamps") == "true"
        sent, lines = len(run.lines), run.chosen({} if self.forgets_times else query)
        while True:
            for line in lines:
                text = line if stamped or not line[:4].isdigit() else line.partition(" ")[2]
                await response.write(f"{text}\n".encode())
            if run.rest:
                await response.write(run.rest.encode())
                run.rest = ""
            if "follow" not in query or run.has_ended:
                return response
            await asyncio.sleep(CHECK_SECONDS)
            lines, sent = run.lines[sent:], len(run.lines)

    def _patch(self, path: str, body: object) -> None:
        self.plane.request("PATCH", path, body, content_type="application/strategic-merge-patch+json")
