"""A server over two simulated clusters, and the command that asks it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from app.fleet.cluster import Options
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from testbed.served_fleet import pod, serving, simulated, write_config
from tests.commands.running import Command

Clusters = dict[str, SimulatedCluster]
OPTIONS = Options(
    watch=("pods", "deployments", "configmaps"),
    release_after=600,
    managed_fields=False,
    secret_values=False,
)


def deployment(name: str, namespace: str = "default") -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }


def running(name: str, namespace: str = "default", **labels: str) -> dict[str, Any]:
    """A pod that kubectl calls Running."""
    made: dict[str, Any] = pod(name, namespace, **labels)
    state = {"running": {"startedAt": "2026-01-31T10:00:00Z"}}
    states = [{"name": "main", "ready": True, "restartCount": 0, "state": state}]
    return {**made, "status": {"phase": "Running", "containerStatuses": states}}


@pytest.fixture
async def clusters() -> AsyncIterator[Clusters]:
    async with AsyncExitStack() as stack:
        found: Clusters = {}
        for name in ("prod", "staging"):
            cluster = simulated(name)
            for namespace in ("default", "shop"):
                cluster.storage.create(
                    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
                )
            cluster.storage.create(running("web-1", app="web"))
            cluster.storage.create(deployment("web"))
            found[name] = await stack.enter_async_context(cluster)
        found["prod"].storage.create(running("db-1", "shop", app="db"))
        yield found


@pytest.fixture
async def command(clusters: Clusters, tmp_path: Path) -> AsyncIterator[Command]:
    """The command, asking a server that has synced both."""
    config = write_config(tmp_path / "config", [(each.name, each.url) for each in clusters.values()])
    async with serving(config, options=OPTIONS) as server:
        yield Command(server.url)
