"""A list of 10,000 pods: what it costs here, in a server that encodes dicts, and in kube-apiserver."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from bench.pods import pods, stripped
from bench.raw import Answer, get
from bench.report import Row, milliseconds
from bench.sources import Cluster, Measured, one_cluster, only_pods
from tests.kubernetes.processes import cpu_seconds
from tests.kubernetes.product import until

PODS, TIMES = 10_000, 30


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        cluster = running.enter_context(one_cluster(Path(folder), PODS))
        flags = ("--kubeconfig", str(cluster.kubeconfig), "--config", str(only_pods(Path(folder))))
        product = running.enter_context(Measured(Path(folder), *flags))
        until(lambda: product.state("bench-0") == "synced", seconds=60)
        ours, answers = _cost(f"{product.url}/pods", product.pid)
        rows = _against_kubernetes(cluster, ours)
    dumps = _dumps()
    with _encoding_server() as (url, pid):
        served, _ = _cost(url, pid)
    first = sorted(answer.first for answer in answers)
    what = f"list of {PODS:,} pods, CPU"
    return [
        Row(what, milliseconds(ours), f"serving orjson.dumps {milliseconds(served)}", served / ours, ">=", 6),
        Row(what, milliseconds(ours), f"orjson.dumps alone {milliseconds(dumps)}", dumps / ours, ">="),
        *rows,
        Row(
            "its first byte, median",
            milliseconds(first[len(first) // 2]),
            "10 ms",
            first[len(first) // 2] / 0.010,
            "<=",
            1,
        ),
    ]


def _against_kubernetes(cluster: Cluster, ours: float) -> list[Row]:
    if cluster.plane is None:
        return []
    url = f"{cluster.plane.url}/api/v1/pods?resourceVersion=0"
    theirs, _ = _cost(url, cluster.plane.pid(), cluster=cluster)
    against = f"kube-apiserver {milliseconds(theirs)}"
    return [Row(f"list of {PODS:,} pods, CPU", milliseconds(ours), against, theirs / ours, ">=", 20)]


def _cost(url: str, pid: int, *, cluster: Cluster | None = None) -> tuple[float, list[Answer]]:
    """CPU seconds that the process ``pid`` spends on one answer, and all answers."""
    plane = cluster.plane if cluster else None
    context, token = (plane.ssl_context, plane.token) if plane else (None, "")
    get(url, token=token, context=context)
    began = cpu_seconds(pid)
    answers = [get(url, token=token, context=context) for _ in range(TIMES)]
    spent = cpu_seconds(pid) - began
    assert all(answer.status == 200 for answer in answers)
    return spent / TIMES, answers


def _dicts() -> dict[str, Any]:
    return {"kind": "PodList", "apiVersion": "v1", "items": [stripped(pod) for pod in pods(PODS)]}


def _dumps() -> float:
    document = _dicts()

    def once() -> float:
        began = time.process_time()
        orjson.dumps(document)
        return time.process_time() - began

    return min(once() for _ in range(TIMES))


@contextmanager
def _encoding_server() -> Iterator[tuple[str, int]]:
    """The same list from dicts, as one would write it at first, in a process of its own: URL and pid."""
    command = [sys.executable, "-m", "bench.lists"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            yield f"http://127.0.0.1:{port}/pods", process.pid
        finally:
            process.terminate()


def _serve_dicts() -> None:
    document = _dicts()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(document), content_type="application/json")

    application = web.Application()
    application.router.add_get("/pods", answer)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        web.run_app(application, sock=listening, print=None)


if __name__ == "__main__":
    _serve_dicts()
