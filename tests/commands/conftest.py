"""A server over two simulated clusters, and the command that asks it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.fleet.cluster import ClusterOptions
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.served_fleet import serving, simulated, write_config
from tests.builders import deployment, namespace, running_pod
from tests.commands.running import Command

Clusters = dict[str, SimulatedCluster]
OPTIONS = ClusterOptions(
    watch=("pods", "deployments", "configmaps"),
    release_after=600,
    managed_fields=False,
    secret_values=False,
)


@pytest.fixture
async def clusters() -> AsyncIterator[Clusters]:
    async with AsyncExitStack() as stack:
        found: Clusters = {}
        for name in ("prod", "staging"):
            cluster = simulated(name)
            for each in ("default", "shop"):
                cluster.storage.create(namespace(each))
            cluster.storage.create(running_pod("web-1", app="web"))
            cluster.storage.create(deployment("web", app="web"))
            found[name] = await stack.enter_async_context(cluster)
        found["prod"].storage.create(running_pod("db-1", "shop", app="db"))
        yield found


@pytest.fixture
async def command(clusters: Clusters, tmp_path: Path) -> AsyncIterator[Command]:
    """The command, asking a server that has synced both."""
    config = write_config(tmp_path / "config", [(each.name, each.url) for each in clusters.values()])
    async with serving(config, options=OPTIONS) as server:
        yield Command(server.url)
