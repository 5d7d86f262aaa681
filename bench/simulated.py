"""Simulated clusters with many pods, all in one process.

``python -m bench.simulated FOLDER CLUSTERS PODS`` writes FOLDER/kubeconfig and serves until it is ended.
"""

import asyncio
import gc
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import yaml

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.seed.many_pods import many_pods
from app.simulator.simulated_fleet import kubeconfig

TOKEN = "bench"


async def serve(folder: Path, clusters: int, pods: int) -> None:
    """The clusters are called bench-0, bench-1, …"""
    async with AsyncExitStack() as running:
        servers: list[tuple[str, str, str]] = []
        for number in range(clusters):
            cluster = SimulatedCluster(f"bench-{number}", token=TOKEN, seed=number)
            cluster.storage.plant(many_pods(pods, seed=number, now=datetime.now(UTC)))
            await running.enter_async_context(cluster)
            servers.append((cluster.name, cluster.url, TOKEN))
        gc.collect()
        gc.freeze()
        unfinished = folder / "kubeconfig.part"
        unfinished.write_text(yaml.safe_dump(kubeconfig(servers)))
        unfinished.rename(folder / "kubeconfig")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
