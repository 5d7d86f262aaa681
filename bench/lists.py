"""A list of 10,000 pods: what it costs here, in a server that encodes dicts, and in kube-apiserver."""

import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from app.api.http.rendering import Listing, json_length, json_list
from app.cache.segments import SEGMENT_BYTES
from app.cache.store import Store
from app.fleet.store_feed import StoreFeed
from app.kube.discovery.api_resource import Resource
from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_object import BodyFormat
from bench.pods import encoded, event, pods, stripped
from bench.raw import Answer, get
from bench.report import Row, milliseconds
from bench.sources import Cluster, Measured, one_cluster, only_pods
from bench.testbed.processes import cpu_seconds
from bench.testbed.product import until
from bench.unheard import UNHEARD

PODS, TIMES, ROUNDS = 10_000, 30, 3
MOST_ABOVE_STREAMING = 1.33


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        cluster = running.enter_context(one_cluster(Path(folder), PODS))
        flags = ("--kubeconfig", str(cluster.kubeconfig), "--config", str(only_pods(Path(folder))))
        product = running.enter_context(Measured(Path(folder), *flags))
        until(lambda: product.state("bench-0") == "synced", seconds=60)
        ours, answers = _cost(f"{product.url}/pods", product.pid)
        through, _ = _cost(f"{product.url}/clusters/bench-0/api/v1/pods", product.pid)
        rows = _against_kubernetes(cluster, ours)
        size = answers[0].size
        with _server("stream", str(size)) as (stream, streaming), _server("bytes", str(size)) as (url, pid):
            # By turns, so that whatever else the machine does falls on all of them.
            turns = [
                (
                    _cost(f"{product.url}/pods", product.pid)[0],
                    _cost(stream, streaming)[0],
                    _cost(url, pid)[0],
                )
                for _ in range(ROUNDS)
            ]
    ours, streamed, sent = (statistics.median(costs) for costs in zip(*turns, strict=True))
    dumps, composed = _dumps(), _composed()
    with _server("dicts") as (url, pid):
        served, _ = _cost(url, pid)
    first = sorted(answer.first for answer in answers)
    what = f"list of {PODS:,} pods, CPU"
    return [
        Row(
            what,
            milliseconds(ours),
            f"streaming its bytes with aiohttp {milliseconds(streamed)}",
            ours / streamed,
            "<=",
            MOST_ABOVE_STREAMING,
        ),
        Row(what, milliseconds(ours), f"sendall of its bytes {milliseconds(sent)}", ours / sent, "<="),
        Row(what, milliseconds(ours), f"serving orjson.dumps {milliseconds(served)}", served / ours, ">=", 6),
        Row(what, milliseconds(ours), f"orjson.dumps alone {milliseconds(dumps)}", dumps / ours, ">="),
        Row(
            "the making of its bytes alone, CPU",
            milliseconds(composed),
            f"orjson.dumps alone {milliseconds(dumps)}",
            dumps / composed,
            ">=",
            6,
        ),
        Row(
            "the same through the cluster's own API, CPU",
            milliseconds(through),
            f"/pods {milliseconds(ours)}",
            through / ours,
            "<=",
            2,
        ),
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
    return _cheapest(lambda: orjson.dumps(document))


def _composed() -> float:
    """What makes the pieces of the same list from a store, as an answer does."""
    store = Store("bench", "pods")
    feed = StoreFeed(store, UNHEARD)
    for pod in encoded(PODS):
        found = decode_event(event(pod).rstrip(), BodyFormat()).object
        assert found is not None
        feed.apply("ADDED", found)
    resource = Resource("", "v1", "pods", "pod", "Pod", namespaced=True)

    async def compose() -> None:
        listing = Listing(resource, "cursor", [], [(store.cluster, store.all())])
        assert json_length(listing) == sum([len(piece) async for piece in json_list(listing)])

    with asyncio.Runner() as runner:
        return _cheapest(lambda: runner.run(compose()))


def _cheapest(action: Callable[[], object]) -> float:
    """CPU seconds of one call, in the best of some."""

    def once() -> float:
        began = time.process_time()
        action()
        return time.process_time() - began

    return min(once() for _ in range(TIMES))


@contextmanager
def _server(*kind: str) -> Iterator[tuple[str, int]]:
    """The same list in a process of its own, URL and pid: from ``dicts``, as one would write it at first,
    or as so many bytes that lie ready, in a ``stream`` of aiohttp or, as ``bytes``, in one blocking call."""
    command = [sys.executable, "-m", "bench.lists", *kind]
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

    _serve(answer)


def _serve(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
    application = web.Application()
    application.router.add_get("/pods", answer)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        web.run_app(application, sock=listening, print=None)


def _stream_bytes(size: int) -> None:
    body = b"x" * size
    pieces = [body[start : start + SEGMENT_BYTES] for start in range(0, size, SEGMENT_BYTES)]

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = size
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    _serve(answer)


def _send_bytes(size: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode()
    body = b"x" * size
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head)
                connection.sendall(body)


if __name__ == "__main__":
    match sys.argv[1:]:
        case "stream", size:
            _stream_bytes(int(size))
        case "bytes", size:
            _send_bytes(int(size))
        case _:
            _serve_dicts()
