"""What one stream, view or cluster does amiss or leaves behind is no matter of the others."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.simulator.apiserver.faults import Fault
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.streams import hub, view_parts
from app.streams.channel import Channel
from app.streams.delivery import Stream
from app.streams.scope import ViewScope
from bench.testbed.served_fleet import Server, serving
from tests.builders import pod
from tests.following.watching import watched

SECONDS = 20.0
PODS = 400


def only_stream(server: Server) -> Stream:
    (stream,) = server.hub.streams
    return stream


@pytest.mark.parametrize(("owner", "sign"), [(ViewScope, "bookmark"), (Channel, "pulse")])
async def test_what_ends_during_a_heartbeat_gets_no_sign_of_it(
    config: Path,
    session: aiohttp.ClientSession,
    owner: type,
    sign: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.05)
    give_sign = getattr(owner, sign)
    async with serving(config) as server, AsyncExitStack() as open_streams:
        streams: list[Stream] = []
        for number in range(3):
            query = {"resource": "pods", "labelSelector": f"app=a{number}"}
            client = await open_streams.enter_async_context(watched(session, server, **query))
            await client.until("SYNCED")
            streams += server.hub.streams - {*streams}
        owners = [stream.view.scope if owner is ViewScope else stream.channel for stream in streams]
        ended, beaten = asyncio.Event(), asyncio.Event()
        signs_after_end: list[Any] = []

        def end_the_last_and_take_long(receiver: Any) -> None:
            if ended.is_set():
                signs_after_end.append(receiver)
                if signs_after_end.count(owners[1]) == 2:
                    beaten.set()
            give_sign(receiver)
            if receiver is owners[1] and not ended.is_set():
                streams[2].end()
                ended.set()
                time.sleep(0.02)  # The heart has to let others have their turn.

        monkeypatch.setattr(owner, sign, end_the_last_and_take_long)
        async with asyncio.timeout(SECONDS):
            await beaten.wait()
    assert owners[2] not in signs_after_end
    assert "a view failed" not in caplog.text


async def test_a_fault_in_one_cluster_keeps_nothing_of_another_from_a_view(
    server: Server, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed: list[str] = []

    def refresh(_: ViewScope, cluster: str) -> None:
        refreshed.append(cluster)
        if cluster == "edge":
            raise RuntimeError("a fault")

    async with watched(session, server, resource="pods") as client:
        await client.until("SYNCED")
        monkeypatch.setattr(ViewScope, "refresh", refresh)
        for cluster in ("edge", "prod"):
            for notice in server.fleet.listeners:
                notice(cluster)
        await asyncio.sleep(0.1)
    assert refreshed == ["edge", "prod"]


@pytest.mark.parametrize("delta", ["", "merge"])
async def test_frames_that_a_client_does_not_take_are_counted_once_it_does(
    prod: SimulatedCluster, server: Server, delta: str
) -> None:
    query = {"resource": "pods", "cluster": "prod"} | ({"delta": delta} if delta else {})
    async with (
        aiohttp.ClientSession(read_bufsize=2**16) as session,
        watched(session, server, **query) as client,
    ):
        received = 0
        while (await client.raw())["type"] != "SYNCED":
            received += 1
        (part,) = only_stream(server).view.scope.parts.values()
        (store,) = part.stores
        for number in range(PODS):
            prod.storage.create(pod(f"p{number}") | {"long": "x" * 40_000})
            await store.reached(prod.storage.version)
            await asyncio.sleep(0.001)
        assert only_stream(server).behind_since is not None
        prod.storage.create(pod("last"))
        received += 1
        while (await client.raw()).get("name") != "last":
            received += 1
        assert server.hub.counters.frames == received + 1


async def test_nothing_is_kept_of_objects_that_many_changes_at_once_deleted(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_parts, "MANY_CHANGES", 5)
    async with watched(session, server, resource="pods", cluster="prod", delta="merge") as client:
        await client.until("SYNCED")
        (part,) = only_stream(server).view.scope.parts.values()
        for number in range(30):
            prod.storage.create(pod(f"p{number}"))
            assert (await client.next())["type"] == "ADDED"
        assert part._sent is not None
        assert len(part._sent) == 30
        # A list that is taken anew has all deletions at once.
        await prod.stop()
        prod.faults.add(Fault.GONE, verb="watch", resource="pods", times=1)
        for stored in [*prod.storage.collection("pods").values()]:
            prod.storage.remove(stored.obj)
        await prod.start()
        for _ in range(30):
            await client.until("DELETED")
        assert part._sent == {}
        prod.storage.create(pod("one"))
        await client.until("ADDED")
        prod.storage.replace(pod("one", app="web"))
        assert (await client.until("MODIFIED"))[-1]["patch"]["metadata"]["labels"] == {"app": "web"}
