"""Fleets of simulated clusters, and how they are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.simulated_fleet import kubeconfig

Servers = Callable[..., Awaitable[SimulatedCluster]]


def write(path: Path, **servers: str) -> None:
    path.write_text(yaml.safe_dump(kubeconfig((name, url, "t") for name, url in servers.items())))


@asynccontextmanager
async def watched(
    path: Path,
    *,
    watch: tuple[str, ...] = ("pods",),
    release_after: float = 600,
    namespaces: dict[str, list[str]] | None = None,
) -> AsyncIterator[Fleet]:
    options = ClusterOptions(
        watch=watch, release_after=release_after, managed_fields=False, secret_values=False
    )
    fleet = Fleet(options, [path], namespaces=namespaces)
    await fleet.start()
    try:
        yield fleet
    finally:
        await fleet.close()


def held(fleet: Fleet, word: str = "pods") -> dict[str, set[str]]:
    """The names of what is held in each cluster."""
    coverage = fleet.coverage(word)
    return {
        cluster.name: {found.name for store in coverage.stores_of(cluster) for found in store.select()}
        for cluster in coverage.clusters
    }


def states(fleet: Fleet, word: str = "pods") -> dict[str, str]:
    return {status.name: status.state for status in fleet.coverage(word).statuses()}


async def until(check: Callable[[], Any], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
