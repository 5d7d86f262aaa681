"""100 clusters of 1,000 pods from start to synced, against downloading and decoding the same bytes."""

import asyncio
import gc
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import orjson
import yaml

from bench.report import Row, seconds
from bench.sources import stub_clusters

CLUSTERS, PODS, ROUNDS = 100, 1_000, 3


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, stub_clusters(Path(folder), CLUSTERS, PODS) as kubeconfig:
        bare = min(_child("bare", kubeconfig) for _ in range(ROUNDS))
        ours = min(_child("ours", kubeconfig) for _ in range(ROUNDS))
    return [
        Row(
            f"{CLUSTERS} clusters of {PODS:,} pods, start to synced",
            seconds(ours),
            f"bare download and decode {seconds(bare)}",
            ours / bare,
            "<=",
            1.5,
        )
    ]


def _child(arm: str, kubeconfig: Path) -> float:
    command = [sys.executable, "-m", "bench.fleet", arm, str(kubeconfig)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


async def _ours(kubeconfig: Path) -> float:
    """Seconds from the start of a fleet until every cluster of it is synced."""
    from app.fleet.cluster import Options
    from app.fleet.fleet import Fleet

    gc.freeze()  # as the server does
    began = time.perf_counter()
    options = Options(watch=("pods",), release_after=600, managed_fields=False, secret_values=False)
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


async def _bare(kubeconfig: Path) -> float:
    """Seconds to fetch the list of pods of every cluster, all at once, and decode each."""
    servers = _servers(kubeconfig)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def fetch(server: str) -> int:
            async with session.get(f"{server}/api/v1/pods?resourceVersion=0") as answer:
                return len(orjson.loads(await answer.read())["items"])

        counts = await asyncio.gather(*map(fetch, servers))
    assert sum(counts) == CLUSTERS * PODS
    return time.perf_counter() - began


def _servers(kubeconfig: Path) -> list[str]:
    return [entry["cluster"]["server"] for entry in yaml.safe_load(kubeconfig.read_text())["clusters"]]


if __name__ == "__main__":
    measured = asyncio.run({"ours": _ours, "bare": _bare}[sys.argv[1]](Path(sys.argv[2])))
    sys.stdout.write(f"{measured}\n")
