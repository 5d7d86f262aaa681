"""Simulated clusters for fleets, which try again quickly."""

import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from app.fleet import cluster as fleet_cluster
from app.fleet import fleet as fleet_module
from app.kube.auth import kubeconfig_files
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.builders import namespace, pod
from tests.clusters.fleets import Servers


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "LOOK_SECONDS", 0.02)
    for name in ("SETTLED_SECONDS", "REMOVED_SECONDS", "DOUBTED_SECONDS"):
        monkeypatch.setattr(kubeconfig_files, name, 0.04)
    monkeypatch.setattr(fleet_cluster, "RETRY_SECONDS", (0.05, 0.1))
    monkeypatch.setattr(fleet_cluster, "CONNECT_SECONDS", 0.5)


@pytest.fixture
async def serve() -> AsyncIterator[Servers]:
    """Starts simulated clusters with a kube-system namespace and these pods."""
    async with AsyncExitStack() as stack:

        async def start(*names: str) -> SimulatedCluster:
            cluster = SimulatedCluster(token="t", seed=str(time.monotonic_ns()))
            cluster.storage.create(namespace("kube-system"))
            for name in names:
                cluster.storage.create(pod(name))
            return await stack.enter_async_context(cluster)

        yield start


@pytest.fixture
def hung() -> Iterator[str]:
    """The URL of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
