"""How the first list of 10,000 pods is best asked for: streamed or in pages, for us and for the server."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

from bench import real
from bench.report import Row, megabytes, milliseconds
from tests.kubernetes.plane import ControlPlane
from tests.kubernetes.processes import cpu_seconds

PODS, ROUNDS = 10_000, 3


def run() -> list[Row]:
    if not real.available():
        sys.stderr.write("KUBEBUILDER_ASSETS is not set: streamed and paged lists are not compared\n")
        return []
    with tempfile.TemporaryDirectory() as folder, real.filled(PODS) as plane:
        kubeconfig = plane.kubeconfig(Path(folder) / "kubeconfig")
        _list("paged", kubeconfig, plane)  # what the server makes once is not counted
        paged, streamed = (
            [
                min(column)
                for column in zip(*(_list(way, kubeconfig, plane) for _ in range(ROUNDS)), strict=True)
            ]
            for way in ("paged", "streamed")
        )
    return [
        Row(f"{what} of a streamed first list", show(ours), f"paged {show(theirs)}", ours / theirs)
        for what, show, ours, theirs in zip(
            ("our CPU", "our peak memory", "kube-apiserver's CPU"),
            (milliseconds, megabytes, milliseconds),
            streamed,
            paged,
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
    import random
    import time

    from app.cache.store import Store
    from app.fleet.feed import Feed
    from app.kube.access import open_access
    from app.kube.connection import Connection
    from app.kube.kubeconfig import find_contexts
    from app.kube.reflector import Reflector
    from app.kube.resources import Resource

    connection = Connection(await open_access(find_contexts([kubeconfig])[0]))
    feed = Feed(Store("bench", "pods"), lambda before, after: None)
    reflector = Reflector(
        connection,
        Resource("", "v1", "pods", "pod", "Pod", namespaced=True),
        feed,
        streams_lists=way == "streamed",
        relists=asyncio.Semaphore(1),
        rng=random.Random(1),
    )
    used, began = _peak(), time.process_time()
    task = asyncio.create_task(reflector.run())
    await feed.settled.wait()
    cpu, peak = time.process_time() - began, _peak()
    assert len(feed.store) == PODS
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await connection.close()
    return cpu, peak - used


def _peak() -> int:
    """The most bytes that this process has had resident. getrusage would include those of its parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


if __name__ == "__main__":
    sys.stdout.write(orjson.dumps(asyncio.run(_take(sys.argv[1], Path(sys.argv[2])))).decode())
