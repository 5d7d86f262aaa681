"""A server over simulated clusters, to write through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.api.application import make_application
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.simulated_fleet import kubeconfig
from tests.builders import namespace

Client = TestClient[web.Request, web.Application]
Clusters = dict[str, SimulatedCluster]
StartServer = Callable[..., Awaitable[Client]]
StartClusters = Callable[..., Awaitable[Clusters]]
OPTIONS = ClusterOptions(
    watch=("pods", "deployments"), release_after=600, managed_fields=False, secret_values=False
)


@pytest.fixture
async def start_clusters() -> AsyncIterator[StartClusters]:
    """Starts simulated clusters of these names, each with the namespaces kube-system and default."""
    async with AsyncExitStack() as stack:

        async def start(*names: str) -> Clusters:
            found = {}
            for name in names:
                cluster = SimulatedCluster(name, token="t", seed=name)
                for each in ("kube-system", "default"):
                    cluster.storage.create(namespace(each))
                found[name] = await stack.enter_async_context(cluster)
            return found

        yield start


@pytest.fixture
async def serve(
    tmp_path: Path, aiohttp_client: Callable[[TestServer], Awaitable[Client]]
) -> AsyncIterator[StartServer]:
    """A server over such clusters, once it has tried each of them if they are to be ``settled``."""
    async with AsyncExitStack() as stack:

        async def start(
            clusters: Clusters, options: ClusterOptions = OPTIONS, *, settled: bool = True, **serving: Any
        ) -> Client:
            path = tmp_path / "kubeconfig"
            path.write_text(
                yaml.safe_dump(kubeconfig((each.name, each.url, "t") for each in clusters.values()))
            )
            fleet = Fleet(options, [path])
            await fleet.start()
            stack.push_async_callback(fleet.close)
            app = make_application(fleet, Door(None, "127.0.0.1", []), Serving(5.0, None, None, **serving))
            client = await aiohttp_client(TestServer(app))
            if settled:
                async with asyncio.timeout(20):
                    await asyncio.gather(*(each.settled.wait() for each in fleet.clusters.values()))
            return client

        yield start


@pytest.fixture
async def clusters(start_clusters: StartClusters) -> Clusters:
    return await start_clusters("prod", "staging")


@pytest.fixture
async def client(clusters: Clusters, serve: StartServer) -> Client:
    return await serve(clusters)
