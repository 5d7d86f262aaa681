"""Replicas behind one address: who loses one goes on at another, and is sent only what is new."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.streams import hub
from bench.testbed.served_fleet import Server, serving, simulated, write_config
from bench.testbed.stream_followers import Follower
from tests.builders import config_map, pod
from tests.following.proxy import Proxy
from tests.following.watching import told, watched

CLIENTS = 24
QUERIES = (
    {"resource": "pods"},
    {"resource": "pods,configmaps"},
    {"resource": "pods,configmaps", "labelSelector": "app=web"},
    {"resource": "configmaps"},
)


async def churn(cluster: SimulatedCluster) -> None:
    """Create, change and delete pods, several times a second. Nothing happens to config maps."""
    for number in range(1, 100_000):
        cluster.storage.create(pod(f"pod-{number}", app="web" if number % 2 else "db"))
        if number > 5:
            cluster.storage.replace(pod(f"pod-{number - 5}", app="web" if number % 3 else "db"))
        if number > 20:
            cluster.storage.remove(pod(f"pod-{number - 20}"))
        await asyncio.sleep(0.05)


@asynccontextmanager
async def ongoing(task: asyncio.Task[None]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def resets(client: Follower) -> list[tuple[object, ...]]:
    """The RESET frames that came after the client had been synced once."""
    kinds = [frame[0] for frame in client.frames]
    synced = kinds.index("SYNCED") if "SYNCED" in kinds else len(kinds)
    return [frame for frame in client.frames[synced:] if frame[0] == "RESET"]


def held(client: Follower) -> dict[tuple[str, str, str, str], str]:
    return {key: found["metadata"]["resourceVersion"] for key, found in client.objects.items()}


def truth(cluster: SimulatedCluster, query: dict[str, str]) -> dict[tuple[str, str, str, str], str]:
    web = "labelSelector" in query
    return {
        (cluster.name, plural, namespace, name): str(stored.version)
        for plural in query["resource"].split(",")
        for (namespace, name), stored in cluster.storage.collection(plural).items()
        if not web or stored.obj["metadata"]["labels"].get("app") == "web"
    }


async def until_equal(cluster: SimulatedCluster, clients: list[Follower]) -> None:
    deadline = asyncio.get_running_loop().time() + 20
    while wrong := [client for client in clients if held(client) != truth(cluster, dict(client.query))]:
        assert asyncio.get_running_loop().time() < deadline, [client.frames[-20:] for client in wrong]
        await asyncio.sleep(0.05)


async def test_a_rolling_restart_resends_nothing(tmp_path: Path) -> None:
    """While pods change, each of two replicas is restarted; nobody is told to forget anything."""
    async with AsyncExitStack() as closing:
        cluster = await closing.enter_async_context(simulated("prod"))
        for number in range(10):
            cluster.storage.create(config_map(f"map-{number}", app="web"))
        config = write_config(tmp_path / "config", [("prod", cluster.url)])
        churning = asyncio.create_task(churn(cluster))
        await closing.enter_async_context(ongoing(churning))
        servers = [Server(config), Server(config)]

        async def stop() -> None:
            await asyncio.gather(*(server.stop() for server in servers))

        closing.push_async_callback(stop)
        for server in servers:
            await server.start()
            await asyncio.sleep(0.5)
        clients = [
            Follower(
                [server.url for server in servers],
                QUERIES[number % len(QUERIES)],
                ("events", "messages", "lines")[number % 3],
                random.Random(number),
                slow=0,
            )
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.restless = False
            await closing.enter_async_context(ongoing(asyncio.create_task(client.run())))
        await asyncio.sleep(1)
        for number in range(len(servers)):
            port = servers[number].port
            await servers[number].stop()
            await asyncio.sleep(0.3)
            servers[number] = Server(config)
            await servers[number].start(port)
            await asyncio.sleep(3)
        connects = [sum(frame[0] == "CONNECT" for frame in client.frames) for client in clients]
        assert sum(connects) > len(clients), "nobody was cut off"
        assert [frame for client in clients for frame in resets(client)] == []
        assert [server.hub.counters.starts.keys() & {"reset", "partial"} for server in servers] == [
            set(),
            set(),
        ]
        cluster.storage.create(config_map("last", app="web"))
        churning.cancel()
        await until_equal(cluster, clients)


async def test_only_the_part_that_has_another_history_is_told_anew(
    prod: SimulatedCluster,
    edge: SimulatedCluster,
    config: Path,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """etcd of one cluster was restored and passed the old versions: the other one is gone on with."""
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.2)
    prod.storage.create(pod("before"))
    async with serving(config) as first, watched(session, first, resource="pods") as stream:
        await stream.until("SYNCED")
        backup = prod.storage.snapshot()
        prod.storage.create(pod("undone"))
        edge.storage.create(pod("stays"))
        await stream.next()
        await stream.next()
        cursor = (await stream.bookmark())["cursor"]
    prod.storage.restore(backup)
    async with serving(config) as second:
        async with watched(session, second, resource="pods") as stream:
            await stream.until("SYNCED")
            # The version of what was undone is another object's now, and newer than the first list.
            for name in ("one", "two"):
                prod.storage.create(pod(name))
                await stream.next()
        async with watched(session, second, resource="pods", cursor=cursor) as stream:
            frames = await stream.until("SYNCED")
        assert [(frame["type"], frame["cluster"]) for frame in frames if frame["type"] == "RESET"] == [
            ("RESET", "prod")
        ]
        assert {frame["name"] for frame in frames if "name" in frame} == {"before", "one", "two"}
        assert second.hub.counters.starts == {"snapshot": 1, "partial": 1}


async def test_a_cursor_ahead_of_a_quiet_resource_is_gone_on_with(
    prod: SimulatedCluster, config: Path, session: aiohttp.ClientSession
) -> None:
    """What one replica listed later than another, and nothing has changed, is the same."""
    prod.storage.create(config_map("quiet"))
    async with serving(config) as earlier:
        async with watched(session, earlier, resource="configmaps") as stream:
            await stream.until("SYNCED")
        prod.storage.create(pod("elsewhere"))
        async with serving(config) as later, watched(session, later, resource="configmaps") as stream:
            cursor = (await stream.until("SYNCED"))[-1]["cursor"]
        async with watched(session, earlier, resource="configmaps", cursor=cursor) as stream:
            assert told(await stream.until("SYNCED")) == [("SYNCED", None)]
            prod.storage.create(config_map("new"))
            assert told([await stream.next()]) == [("ADDED", "new")]


async def test_what_a_faster_replica_sent_is_forgotten_where_a_slower_one_missed_it(
    prod: SimulatedCluster, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """A client was sent a pod, behind its cursor; the next replica sees neither that nor its end."""
    prod.storage.create(pod("stays"))
    async with (
        Proxy(int(prod.url.rpartition(":")[2]), random.Random(1)) as way,
        serving(write_config(tmp_path / "fast", [("prod", prod.url)])) as fast,
        serving(write_config(tmp_path / "slow", [("prod", way.url)])) as slow,
        watched(session, slow, resource="pods") as beside,
    ):
        await beside.until("SYNCED")
        async with watched(session, fast, resource="pods") as stream:
            cursor = (await stream.until("SYNCED"))[-1]["cursor"]
            target, way.target = way.target, 1
            way.cut()
            prod.storage.create(pod("ghost"))
            assert told([await stream.next()]) == [("ADDED", "ghost")]
        prod.storage.remove(pod("ghost"))
        prod.storage.compact()
        async with watched(session, slow, resource="pods", cursor=cursor) as stream:
            await stream.until("SYNCED")
            prod.storage.create(pod("last"))
            way.target = target
            frames = await stream.until("ADDED")
            assert told(frames)[-2:] == [("RESET", None), ("ADDED", "last")]
            # Who was sent everything by this replica itself is sent the difference.
            assert ("RESET", None) not in told(await beside.until("ADDED"))
