"""Fixtures that tests of several folders use."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from bench.testbed.control_plane import BASIC, WHOLE, ControlPlane
from bench.testbed.event_loop import asyncio_alone
from tests.kubernetes.binaries import assets

# How fast examples are made says nothing where other tests have the cores.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

StartPlane = Callable[[int], ControlPlane]


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``pytest -n … --dist loadgroup`` one worker has all tests that share real control planes."""
    for item in items:
        if {"control_plane", "start_plane"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("kubernetes"))


@pytest.fixture(scope="session", autouse=True)
def _servers_on_asyncio() -> Iterator[None]:
    """Have servers run on asyncio's own loop, wherever uvloop is installed."""
    with asyncio_alone():
        yield


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A real kube-apiserver with its etcd, for all tests that leave it running and clean up."""
    with ControlPlane(assets(*BASIC)) as plane:
        yield plane


@pytest.fixture
def start_plane() -> Iterator[StartPlane]:
    """Starts whole control planes: ``start_plane(3)`` has three nodes. They end with the test."""
    binaries = assets(*WHOLE)
    with ExitStack() as planes:
        yield lambda nodes: planes.enter_context(ControlPlane(binaries, nodes=nodes))
