"""What operators ask: is it alive, is it ready, which version, how is it doing."""

from collections.abc import Iterator

import orjson
from aiohttp import web

from app.api.http.app_keys import FLEET
from app.api.http.metrics import METRICS
from app.api.http.problem import Problem
from app.api.http.query_parameters import flag
from app.fleet.cluster import Cluster
from app.logging import WRITES, stderr_output
from app.version import version as this_version


async def alive(request: web.Request) -> web.StreamResponse:
    """Answer ``GET /healthz``: the process is there."""
    return web.Response(text="ok\n")


async def ready(request: web.Request) -> web.StreamResponse:
    """Whether every cluster has synced once or has been given up on."""
    clusters = request.app[FLEET].chosen(None)
    missing = [cluster for cluster in clusters if not _settled(cluster)]
    if flag(request, "verbose"):
        lines = [
            f"[{'-' if cluster in missing else '+'}]{cluster.name} {cluster.condition.state}\n"
            for cluster in clusters
        ]
        return web.Response(text="".join([*lines, *_log()]), status=503 if missing else 200)
    if missing:
        raise Problem(
            503, f"{len(missing)} of {len(clusters)} clusters have not synced yet; ?verbose names them"
        )
    return web.Response(text="ok\n")


def _log() -> Iterator[str]:
    """A line about the log, if there is anything to say of it."""
    output = stderr_output()
    if output is None:
        return
    error, lost = output.error, output.lost.total()
    lines = f"{lost} lines were lost, {output.lost[WRITES]} of them of writes" if lost else ""
    if error or lost:
        words = "; ".join(filter(None, [error and f"cannot be written: {error}", lines]))
        yield f"[{'-' if error else '+'}]log {words}\n"


def _settled(cluster: Cluster) -> bool:
    return cluster.settled.is_set() and all(watch.settled for watch in cluster.watches if watch.pinned)


async def version(request: web.Request) -> web.StreamResponse:
    """Answer ``GET /version``."""
    document = {"name": "k8s-mcp-server", "version": this_version()}
    return web.Response(body=orjson.dumps(document), content_type="application/json")


async def metrics(request: web.Request) -> web.StreamResponse:
    """Answer ``GET /metrics`` in Prometheus' text format."""
    body, content_type = request.app[METRICS].exposition()
    return web.Response(body=body, headers={"Content-Type": content_type})
