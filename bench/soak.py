"""A day in fast motion: ``python -m bench.soak [MINUTES]``, an hour if left out.

Three clusters change, fail and are restored; clients of every kind come with cursors, read
slowly and go. It prints the memory of the server as it goes, and in the end whether every client
knows the truth; the exit status is 1 where one does not, or where memory has grown.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.report import megabytes
from bench.sources import Measured
from bench.testbed.cluster_history import RESOURCES, History
from bench.testbed.served_fleet import simulated, write_config
from bench.testbed.stream_followers import TRANSPORTS, Follower
from bench.testbed.stream_truth import QUERIES, known, truth

CLUSTERS, CLIENTS = 3, 60
STEP_SECONDS = 0.2
SETTLE_SECONDS = 120.0
# What memory may grow by after the first fifth of the time.
GROWTH = 1.1
_PAGE = os.sysconf("SC_PAGE_SIZE")


async def soak(minutes: float) -> bool:
    rng = random.Random(0)
    async with AsyncExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        clusters = {f"c{number}": simulated(f"c{number}", history=500) for number in range(CLUSTERS)}
        for cluster in clusters.values():
            await running.enter_async_context(cluster)
        config = write_config(folder / "kubeconfig", [(name, each.url) for name, each in clusters.items()])
        (folder / "k8s-mcp.yaml").write_text("watch: [pods, configmaps]\n")
        product = running.enter_context(
            Measured(folder, "--kubeconfig", str(config), "--config", f"{folder}/k8s-mcp.yaml")
        )
        clients = [
            Follower(
                [product.url],
                {"resource": ",".join(RESOURCES), **QUERIES[number % len(QUERIES)][0]},
                [*TRANSPORTS][number % len(TRANSPORTS)],
                random.Random(number),
                slow=0.05 if number % 5 == 0 else 0,
            )
            for number in range(CLIENTS)
        ]
        tasks = [asyncio.create_task(client.run()) for client in clients]
        histories = [History(cluster, random.Random(name)) for name, cluster in clusters.items()]
        sizes: list[float] = []
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            until = min(end, time.monotonic() + minutes * 60 / 20)
            while time.monotonic() < until:
                await rng.choice(histories).step()
                for client in clients:
                    client.frames.clear()
                await asyncio.sleep(STEP_SECONDS)
            for history in histories:
                history.settle()
            sizes.append(_resident(product))
            sys.stdout.write(
                f"{(1 - (end - time.monotonic()) / minutes / 60):4.0%}  {megabytes(sizes[-1])}\n"
            )
            sys.stdout.flush()
        for client in clients:
            client.restless = False
        wrong = await _settled(clients, clusters)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        faults = [fault for fault in ended if not isinstance(fault, asyncio.CancelledError)]
    steady = sizes[len(sizes) // 5 :]
    growth = max(steady[len(steady) // 2 :]) / max(steady[: len(steady) // 2])
    sys.stdout.write(f"{len(clients) - wrong} of {len(clients)} clients know the truth; faults: {faults}\n")
    sys.stdout.write(f"the second half takes {growth:.3f} of the memory of the first\n")
    return not wrong and not faults and growth <= GROWTH


async def _settled(clients: list[Follower], clusters: Mapping[str, SimulatedCluster]) -> int:
    """How many clients do not know the truth even after a while."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        wrong = sum(
            known(client) != truth(clusters, QUERIES[number % len(QUERIES)][1])
            for number, client in enumerate(clients)
        )
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(0.5)


def _resident(product: Measured) -> float:
    return int(Path(f"/proc/{product.pid}/statm").read_text().split()[1]) * _PAGE


if __name__ == "__main__":
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    sys.exit(0 if asyncio.run(soak(minutes)) else 1)
