"""100 clusters of 1,000 pods from start to synced, against downloading and decoding the same bytes."""

import asyncio
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec
import orjson
import yaml

from bench.report import Row, seconds
from bench.simulated import TOKEN
from bench.sources import simulated_clusters

CLUSTERS, PODS, ROUNDS, AT_ONCE = 100, 1_000, 2, 4
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def run() -> list[Row]:
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated_clusters(Path(folder), CLUSTERS, PODS) as kubeconfig,
    ):
        decoded, skipped, ours = (
            min(_child(arm, kubeconfig) for _ in range(ROUNDS)) for arm in ("decode", "skip", "ours")
        )
    what = f"{CLUSTERS} clusters of {PODS:,} pods, start to synced"
    return [
        Row(what, seconds(ours), f"download, orjson.loads {seconds(decoded)}", ours / decoded, "<=", 1.5),
        Row(what, seconds(ours), f"download, parse and keep nothing {seconds(skipped)}", ours / skipped),
    ]


def _child(arm: str, kubeconfig: Path) -> float:
    command = [sys.executable, "-m", "bench.fleet", arm, str(kubeconfig)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


async def _ours(kubeconfig: Path) -> float:
    """Seconds from the start of a fleet until every cluster of it is synced."""
    from app.fleet.cluster import ClusterOptions
    from app.fleet.fleet import Fleet

    gc.freeze()  # as the server does
    began = time.perf_counter()
    options = ClusterOptions(watch=("pods",), release_after=600, managed_fields=False, secret_values=False)
    fleet = Fleet(options, [kubeconfig])
    await fleet.start()
    coverage = fleet.coverage("pods")
    await coverage.ready(120)
    spent = time.perf_counter() - began
    statuses = coverage.statuses()
    assert {status.state for status in statuses} == {"synced"}, statuses
    assert sum(status.objects for status in statuses) == CLUSTERS * PODS
    await fleet.close()
    return spent


async def _bare(kubeconfig: Path, decode: Callable[[bytes], object]) -> float:
    """Seconds to fetch the list of pods of every cluster and decode each.

    The peer is given its best: all at once it takes twice as long, for want of pages of memory that were
    used before, and so it does with the garbage collector on.
    """
    servers = _servers(kubeconfig)
    gc.disable()
    permits = asyncio.Semaphore(AT_ONCE)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def fetch(server: str) -> int:
            async with (
                permits,
                session.get(f"{server}/api/v1/pods?resourceVersion=0", headers=BEARER) as answer,
            ):
                body = await answer.read()
                decode(body)
                return len(body)

        sizes = await asyncio.gather(*map(fetch, servers))
    assert min(sizes) > PODS * 5000
    return time.perf_counter() - began


def _servers(kubeconfig: Path) -> list[str]:
    return [entry["cluster"]["server"] for entry in yaml.safe_load(kubeconfig.read_text())["clusters"]]


def _measure(arm: str, kubeconfig: Path) -> float:
    if arm == "ours":
        return asyncio.run(_ours(kubeconfig))
    skip = msgspec.json.Decoder(msgspec.defstruct("Anything", [])).decode
    return asyncio.run(_bare(kubeconfig, orjson.loads if arm == "decode" else skip))


if __name__ == "__main__":
    sys.stdout.write(f"{_measure(sys.argv[1], Path(sys.argv[2]))}\n")
