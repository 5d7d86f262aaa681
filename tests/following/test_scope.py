"""Clusters and resources that come, go and change their meaning while streams begin or are open."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.fleet import fleet
from app.kube.auth import kubeconfig_files
from app.simulator.apiserver.faults import Fault
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.served_fleet import Server, serving, simulated, write_config
from bench.testbed.stream_followers import Known
from tests.builders import crd, pod, widget
from tests.following.watching import Watched, watched

SECONDS = 8.0


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new in a kubeconfig is taken over at once."""
    monkeypatch.setattr(fleet, "LOOK_SECONDS", 0.1)
    for name in ("SETTLED_SECONDS", "REMOVED_SECONDS"):
        monkeypatch.setattr(kubeconfig_files, name, 0.1)


@pytest.fixture
async def third() -> AsyncIterator[SimulatedCluster]:
    async with simulated("third") as cluster:
        yield cluster


def widget_of_a(name: str) -> dict[str, Any]:
    """A widget of the first of two groups."""
    return widget(name) | {"apiVersion": "a.example.com/v1"}


async def until_held(client: Known, stream: Watched, *names: tuple[str, str]) -> None:
    """Read until the client holds exactly the objects of these clusters and names."""
    async with asyncio.timeout(SECONDS):
        while {(key[0], key[3]) for key in client.objects} != {*names}:
            client.take(await stream.raw())


async def test_who_comes_back_forgets_a_cluster_that_goes_while_first_lists_are_waited_for(
    prod: SimulatedCluster, edge: SimulatedCluster, config: Path, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("here"))
    edge.storage.create(pod("there"))
    client = Known()
    async with serving(config) as server, watched(session, server, resource="pods") as stream:
        for frame in await stream.until("SYNCED"):
            client.take(frame)
    assert len(client.objects) == 2
    edge.faults.add(Fault.HANG, verb="list", resource="pods")
    server = Server(config, patience=3.0)
    await server.start()
    try:
        async with watched(session, server, resource="pods", cursor=client.cursor) as stream:
            assert server.hub.streams
            write_config(config, [("prod", prod.url)])
            for frame in await stream.until("SYNCED"):
                client.take(frame)
            assert [cluster["name"] for cluster in frame["clusters"]] == ["prod"]
            await until_held(client, stream, ("prod", "here"))
            prod.storage.create(pod("later"))
            await until_held(client, stream, ("prod", "here"), ("prod", "later"))
    finally:
        await server.stop()


async def test_a_word_that_has_two_meanings_keeps_nothing_else_from_a_stream(
    prod: SimulatedCluster,
    edge: SimulatedCluster,
    third: SimulatedCluster,
    tmp_path: Path,
    session: aiohttp.ClientSession,
) -> None:
    for cluster in (prod, edge, third):
        cluster.storage.create(pod("one"))
    for group in ("a.example.com", "b.example.com"):
        edge.storage.create(crd("widgets", "Widget", group=group))
    clusters = [("prod", prod.url), ("edge", edge.url), ("third", third.url)]
    config = write_config(tmp_path / "fleet", clusters[:1])
    client = Known()
    async with serving(config) as server, watched(session, server, resource="pods,widgets") as stream:
        for number in (1, 2, 3):
            write_config(config, clusters[:number])
            await until_held(client, stream, *((name, "one") for name, _ in clusters[:number]))


@pytest.mark.parametrize("ends_with", ["a definition", "a cluster"])
async def test_objects_that_are_held_already_are_sent_once_a_word_means_them(
    prod: SimulatedCluster,
    edge: SimulatedCluster,
    third: SimulatedCluster,
    tmp_path: Path,
    session: aiohttp.ClientSession,
    ends_with: str,
) -> None:
    for cluster in (edge, third):
        cluster.storage.create(crd("widgets", "Widget", group="a.example.com"))
        cluster.storage.create(widget_of_a(f"of-{cluster.name}"))
    second = third.storage.create(crd("widgets", "Widget", group="b.example.com"))
    config = write_config(tmp_path / "fleet", [("prod", prod.url)])
    by_word, by_full_name = Known(), Known()
    async with (
        serving(config) as server,
        watched(session, server, resource="widgets") as stream,
        watched(session, server, resource="widgets.a.example.com") as full_name_stream,
    ):
        write_config(config, [("prod", prod.url), ("third", third.url)])
        await until_held(by_full_name, full_name_stream, ("third", "of-third"))
        write_config(config, [("prod", prod.url), ("third", third.url), ("edge", edge.url)])
        held = [("third", "of-third"), ("edge", "of-edge")]
        await until_held(by_full_name, full_name_stream, *held)
        if ends_with == "a definition":
            third.storage.remove(second)
        else:
            write_config(config, [("prod", prod.url), ("edge", edge.url)])
            held = held[1:]
        await until_held(by_word, stream, *held)
        edge.storage.create(widget_of_a("later"))
        await until_held(by_word, stream, *held, ("edge", "later"))
        assert server.hub.counters.resets == 0
