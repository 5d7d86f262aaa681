"""A server over two simulated clusters, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from app.client import AsyncFleet
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.served_fleet import Server
from tests.builders import namespace
from tests.following.conftest import config, edge, prod, server

__all__ = ["config", "edge", "prod", "server"]


@pytest.fixture
async def fleet(server: Server, prod: SimulatedCluster, edge: SimulatedCluster) -> AsyncIterator[AsyncFleet]:
    for cluster in (prod, edge):
        cluster.storage.create(namespace("default"))
    async with AsyncFleet(server.url) as fleet:
        yield fleet
