"""A watch event from the socket's bytes into the store, against kubernetes_asyncio's Watch into V1Pod."""

import asyncio
import time

from kubernetes_asyncio.watch import Watch

from app.cache.store import Store
from app.fleet.store_feed import StoreFeed
from app.kube.wire.line_splitter import LineSplitter
from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_object import BodyFormat
from bench.pods import encoded, event
from bench.report import Row, microseconds
from bench.unheard import UNHEARD

OURS, PEERS, CHUNK = 10_000, 400, 64 * 1024


def run() -> list[Row]:
    lines = [event(pod) for pod in encoded(OURS)]
    ours = min(_ours(lines) for _ in range(3)) / OURS
    peer = asyncio.run(_peer(lines[:PEERS])) / PEERS
    return [
        Row(
            "ingest of a pod event, CPU",
            microseconds(ours),
            f"Watch into V1Pod {microseconds(peer)}",
            peer / ours,
            ">=",
            50,
        )
    ]


def _ours(lines: list[bytes]) -> float:
    """CPU seconds from received chunks to a filled store."""
    stream = b"".join(lines)
    feed = StoreFeed(Store("bench", "pods"), UNHEARD)
    splitter, shape = LineSplitter(), BodyFormat()
    began = time.process_time()
    for start in range(0, len(stream), CHUNK):
        for line in splitter.feed(stream[start : start + CHUNK]):
            found = decode_event(line, shape)
            assert found.object is not None
            feed.apply(found.type, found.object)
    spent = time.process_time() - began
    assert len(feed.store) == len(lines)
    return spent


async def _peer(lines: list[bytes]) -> float:
    async with Watch() as watch:
        began = time.process_time()
        known = {}
        for line in lines:
            pod = watch.unmarshal_event(line.decode(), "V1Pod")["object"]
            known[pod.metadata.namespace, pod.metadata.name] = pod
        spent = time.process_time() - began
    assert len(known) == len(lines)
    return spent
