"""Watches that never end, and what is built on them."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from app.client import AsyncFleet, Event, FleetError
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.served_fleet import Server
from tests.builders import pod


async def test_a_watch_tells_what_there_is_and_what_happens(
    fleet: AsyncFleet, prod: SimulatedCluster
) -> None:
    prod.storage.create(pod("one"))
    async with asyncio.timeout(30), aclosing(fleet.watch("pods")) as events:
        told = [await anext(events) for _ in range(3)]
        assert [(each.type, each.cluster, each.name) for each in told] == [
            ("RESET", "", ""),
            ("ADDED", "prod", "one"),
            ("SYNCED", "", ""),
        ]
        assert told[1].object is not None
        assert told[1].object.metadata.name == "one"
        assert told[1].resource == "pods"
        assert {each.name: each.state for each in told[2].clusters} == {"edge": "synced", "prod": "synced"}
        prod.storage.remove(prod.storage.collection("pods")["default", "one"].obj)
        gone = await anext(events)
        assert (gone.type, gone.name, gone.cursor) == ("DELETED", "one", told[2].cursor)


async def test_a_watch_goes_on_from_the_cursor_of_a_list(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    prod.storage.create(pod("one"))
    pods = await fleet.list("pods")
    prod.storage.create(pod("two"))
    async with asyncio.timeout(30), aclosing(fleet.watch("pods", cursor=pods.cursor)) as events:
        assert [(each.type, each.name) for each in [await anext(events)]] == [("ADDED", "two")]


async def test_a_watch_outlives_its_server(
    fleet: AsyncFleet, prod: SimulatedCluster, server: Server, config: Path
) -> None:
    async with asyncio.timeout(60), aclosing(fleet.watch("pods")) as events:
        while (await anext(events)).type != "SYNCED":
            pass
        await server.stop()
        prod.storage.create(pod("meanwhile"))
        other = Server(config)
        await other.start(server.port)
        try:
            told = [await anext(events)]
            while told[-1].type != "SYNCED":
                told.append(await anext(events))
        finally:
            await other.stop()
            await server.start()  # for the fixture to stop
    assert "meanwhile" in [each.name for each in told if each.type in ("ADDED", "MODIFIED")]


async def test_what_cannot_heal_is_raised(fleet: AsyncFleet) -> None:
    with pytest.raises(FleetError, match="labelSelector") as wrong:
        await anext(aiter(fleet.watch("pods", label_selector="=")))
    assert wrong.value.status == 400


async def test_an_informer_is_kept_in_step(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    prod.storage.create(pod("one"))
    seen: asyncio.Queue[Event] = asyncio.Queue()
    async with asyncio.timeout(30), fleet.informer("pods", handler=seen.put_nowait) as known:
        await known.synced()
        assert known["prod", "default", "one"].metadata.name == "one"
        assert [*known] == [("prod", "default", "one")]
        assert known.clusters == {"edge": "synced", "prod": "synced"}
        prod.storage.create(pod("two"))
        while (await seen.get()).name != "two":
            pass
        assert len(known) == 2
        prod.storage.remove(prod.storage.collection("pods")["default", "one"].obj)
        while (await seen.get()).type != "DELETED":
            pass
        assert [*known] == [("prod", "default", "two")]


async def test_an_informer_that_cannot_be_says_so(fleet: AsyncFleet) -> None:
    with pytest.raises(FleetError, match="labelSelector"):
        async with fleet.informer("pods", label_selector="=") as known:
            await known.synced()


async def test_a_handler_that_raises_ends_its_informer(fleet: AsyncFleet) -> None:
    def handle(event: Event) -> None:
        raise LookupError(event.type)

    with pytest.raises(LookupError, match="RESET"):
        async with asyncio.timeout(30), fleet.informer("pods", handler=handle) as known:
            await known.synced()


async def test_a_watch_of_rows_brings_columns_and_cells(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    prod.storage.create(pod("one"))
    rows = fleet.watch("pods", cluster="prod", shape="table")
    async with asyncio.timeout(30), aclosing(rows) as events:
        _, head, added = [await anext(events) for _ in range(3)]
        assert (head.type, head.cluster, head.columns[0]["name"]) == ("COLUMNS", "prod", "Name")
        assert (added.name, added.cells[0], added.object) == ("one", "one", None)
        assert len(added.cells) == len(head.columns)
