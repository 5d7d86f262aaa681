"""How the first list of 10,000 pods is best asked for: in pages, whole or streamed, for us and the server."""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from app.cache.store import Store
from app.fleet.store_feed import StoreFeed
from app.kube.auth.cluster_access import open_access
from app.kube.auth.kubeconfig import find_contexts
from app.kube.client import Connection
from app.kube.discovery.api_resource import Resource
from app.kube.reflector import Reflector
from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_object import BodyFormat
from bench import real
from bench.report import Row, megabytes, milliseconds
from bench.testbed.control_plane import ControlPlane
from bench.testbed.processes import cpu_seconds
from bench.unheard import UNHEARD

PODS, ROUNDS = 10_000, 2
PODS_OF_ALL = Resource("", "v1", "pods", "pod", "Pod", namespaced=True)


def run() -> list[Row]:
    if not real.available():
        sys.stderr.write("KUBEBUILDER_ASSETS is not set: streamed and paged lists are not compared\n")
        return []
    with tempfile.TemporaryDirectory() as folder, real.filled(PODS) as plane:
        kubeconfig = plane.kubeconfig(Path(folder) / "kubeconfig")
        _list("pages", kubeconfig, plane)  # what the server makes once is not counted
        costs = {
            way: [
                min(column)
                for column in zip(*(_list(way, kubeconfig, plane) for _ in range(ROUNDS)), strict=True)
            ]
            for way in ("pages", "whole", "streamed")
        }
    return [
        Row(f"{what} of a first list in pages", show(ours), f"{other} {show(theirs)}", ours / theirs)
        for other in ("whole", "streamed")
        for what, show, ours, theirs in zip(
            ("our CPU", "our peak memory", "kube-apiserver's CPU"),
            (milliseconds, megabytes, milliseconds),
            costs["pages"],
            costs[other],
            strict=True,
        )
    ]


def _list(way: str, kubeconfig: Path, plane: ControlPlane) -> tuple[float, float, float]:
    """Our CPU in seconds, the growth of our peak memory in bytes, and the server's CPU in seconds."""
    before = cpu_seconds(plane.pid())
    command = [sys.executable, "-m", "bench.paging", way, str(kubeconfig)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    cpu, peak = orjson.loads(done.stdout)
    return cpu, peak, cpu_seconds(plane.pid()) - before


async def _take(way: str, kubeconfig: Path) -> tuple[float, float]:
    connection = Connection(await open_access(find_contexts([kubeconfig])[0]))
    feed = StoreFeed(Store("bench", "pods"), UNHEARD)
    used, began = _peak(), time.process_time()
    if way == "streamed":
        await _stream(connection, feed)
    else:
        permits = asyncio.Semaphore(1)
        reflector = Reflector(connection, PODS_OF_ALL, feed, pages_from_cache=way == "pages", relists=permits)
        task = asyncio.create_task(reflector.run())
        await feed.settled.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    cpu, peak = time.process_time() - began, _peak()
    assert len(feed.store) == PODS
    await connection.close()
    return cpu, peak - used


async def _stream(connection: Connection, feed: StoreFeed) -> None:
    """The list as the beginning of a watch (kube-apiserver's WatchList)."""
    params = {"watch": "1", "sendInitialEvents": "true", "allowWatchBookmarks": "true"}
    params |= {"resourceVersionMatch": "NotOlderThan"}
    async with connection.watch(PODS_OF_ALL.path(), params) as chunks:
        async for lines in chunks:
            for line in lines:
                event = decode_event(line, BodyFormat())
                if event.object is not None:
                    feed.gather([event.object])
                elif event.initial_events_end:
                    feed.swap(event.version, continues=True)
                    return


def _peak() -> int:
    """The most bytes that this process has had resident. getrusage would include those of its parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


if __name__ == "__main__":
    sys.stdout.write(orjson.dumps(asyncio.run(_take(sys.argv[1], Path(sys.argv[2])))).decode())
