"""A server over two simulated clusters, and sessions to ask it."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.served_fleet import Server, serving, simulated, write_config


@pytest.fixture
async def prod() -> AsyncIterator[SimulatedCluster]:
    async with simulated("prod") as cluster:
        yield cluster


@pytest.fixture
async def edge() -> AsyncIterator[SimulatedCluster]:
    async with simulated("edge") as cluster:
        yield cluster


@pytest.fixture
def config(prod: SimulatedCluster, edge: SimulatedCluster, tmp_path: Path) -> Path:
    return write_config(tmp_path / "config", [("prod", prod.url), ("edge", edge.url)])


@pytest.fixture
async def server(config: Path) -> AsyncIterator[Server]:
    async with serving(config) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session
