"""Simulated clusters misbehave as they are told, and only then."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import orjson
import pytest

from app.simulator.apiserver import served_watches
from app.simulator.apiserver.faults import Fault
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.builders import namespace, widget_crd
from tests.simulated.api import data_map

SECONDS = 20.0


@pytest.fixture
async def cluster() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster() as cluster:
        for name in ("default", "shop"):
            cluster.storage.create(namespace(name))
        cluster.storage.create(data_map("a", namespace="default"))
        yield cluster


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        yield session


def _path(cluster: SimulatedCluster) -> str:
    return f"{cluster.url}/api/v1/configmaps"


async def _names(session: aiohttp.ClientSession, cluster: SimulatedCluster) -> list[str]:
    async with session.get(_path(cluster)) as answer:
        assert answer.status == 200
        return [item["metadata"]["name"] for item in orjson.loads(await answer.read())["items"]]


def _watch(session: aiohttp.ClientSession, cluster: SimulatedCluster, **query: str) -> Any:
    version = str(cluster.storage.version)
    return session.get(_path(cluster), params={"watch": "1", "resourceVersion": version, **query})


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (Fault.GONE, 410, "Expired"),
        (Fault.BUSY, 429, "TooManyRequests"),
        (Fault.ERROR, 500, "InternalError"),
        (Fault.UNAVAILABLE, 503, "ServiceUnavailable"),
        (Fault.UNAUTHORIZED, 401, "Unauthorized"),
        (Fault.FORBIDDEN, 403, "Forbidden"),
    ],
)
async def test_as_many_requests_fail_as_told(
    session: aiohttp.ClientSession, cluster: SimulatedCluster, fault: Fault, status: int, reason: str
) -> None:
    cluster.faults.add(fault, verb="list", resource="configmaps", times=2)
    for _ in range(2):
        async with session.get(_path(cluster)) as answer:
            body = orjson.loads(await answer.read())
            assert (answer.status, body["reason"], body["code"]) == (status, reason, status)
            assert answer.headers.get("Retry-After") == ("1" if fault is Fault.BUSY else None)
        async with session.get(f"{cluster.url}/api/v1/pods") as answer:
            assert answer.status == 200, "another resource"
    assert await _names(session, cluster) == ["a"]


async def test_faults_by_chance_come_as_seeded(session: aiohttp.ClientSession) -> None:
    async def statuses() -> list[int]:
        async with SimulatedCluster(seed=7) as cluster:
            cluster.faults.add(Fault.ERROR, chance=0.5)
            found = []
            for _ in range(20):
                async with session.get(_path(cluster)) as answer:
                    found.append(answer.status)
            return found

    first = await statuses()
    assert set(first) == {200, 500}
    assert await statuses() == first


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.ABORT])
async def test_a_request_that_is_never_answered(
    session: aiohttp.ClientSession, cluster: SimulatedCluster, fault: Fault
) -> None:
    cluster.faults.add(fault)
    # What is not idempotent is not tried again by the client itself.
    path = f"{cluster.url}/api/v1/namespaces/default/configmaps"
    asked = asyncio.ensure_future(session.post(path, json=data_map("b")))
    if fault is Fault.HANG:
        done, _ = await asyncio.wait({asked}, timeout=0.2)
        assert not done
        cluster.faults.clear()
    with pytest.raises(aiohttp.ClientError):
        await asked
    cluster.faults.clear()
    assert await _names(session, cluster) == ["a"]


async def test_an_answer_that_is_garbage(session: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    cluster.faults.add(Fault.GARBAGE)
    async with session.get(_path(cluster)) as answer:
        assert answer.status == 200
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(await answer.read())


async def test_a_slow_answer_is_whole_in_the_end(
    session: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    cluster.faults.add(Fault.SLOW)
    async with session.get(_path(cluster)) as answer:
        pieces = [piece async for piece in answer.content.iter_any()]
    assert len(pieces) > 5
    assert [item["metadata"]["name"] for item in orjson.loads(b"".join(pieces))["items"]] == ["a"]


@pytest.mark.parametrize("open_already", [True, False])
@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.GONE_EVENT, 410), (Fault.ERROR_EVENT, 500), (Fault.EMPTY, 0)]
)
async def test_a_watch_ends_as_told(
    session: aiohttp.ClientSession, cluster: SimulatedCluster, fault: Fault, code: int, open_already: bool
) -> None:
    if not open_already:
        cluster.faults.add(fault, verb="watch")
    async with _watch(session, cluster) as answer:
        assert answer.status == 200
        if open_already:
            cluster.faults.strike(fault)
        events = [orjson.loads(line) for line in (await answer.read()).splitlines()]
    assert [event["object"]["code"] for event in events] == ([code] if code else [])
    assert all(event["type"] == "ERROR" for event in events)


async def test_a_watch_says_something_that_is_no_event(
    session: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    cluster.faults.add(Fault.GARBAGE_EVENT)
    async with _watch(session, cluster) as answer:
        (line,) = (await answer.read()).splitlines()
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(line)


async def test_a_watch_is_cut_in_the_middle_of_a_line(
    session: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    async with _watch(session, cluster) as answer:
        cluster.storage.create(data_map("b", namespace="default"))
        assert (await answer.content.readline()).endswith(b"\n")
        cluster.faults.strike(Fault.DROP)
        assert b"\n" not in await answer.content.readany()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.readany()


async def test_a_watch_stays_open_and_says_nothing_more(
    session: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    async with _watch(session, cluster) as answer:
        cluster.storage.create(data_map("b", namespace="default"))
        assert b'"b"' in await answer.content.readline()
        cluster.faults.strike(Fault.STALL)
        cluster.storage.create(data_map("c", namespace="default"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await answer.content.readline()
        cluster.faults.clear()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.readline()
    assert await _names(session, cluster) == ["a", "b", "c"]


@pytest.mark.parametrize("takes_gzip", [True, False])
async def test_each_flush_of_a_watch_is_a_gzip_member_where_the_client_takes_that(
    session: aiohttp.ClientSession, cluster: SimulatedCluster, takes_gzip: bool
) -> None:
    cluster.faults.add(Fault.GZIP)
    session.headers["Accept-Encoding"] = "gzip" if takes_gzip else "identity"
    lines = []
    async with _watch(session, cluster) as answer:
        for name in ("b", "c"):
            cluster.storage.create(data_map(name, namespace="default"))
            member = await answer.content.readany()
            assert member.startswith(b"\x1f\x8b") is takes_gzip
            lines.append(gzip.decompress(member) if takes_gzip else member)
    assert [orjson.loads(line)["object"]["metadata"]["name"] for line in lines] == ["b", "c"]


async def test_bookmarks_come_in_time_to_who_asked_but_not_for_events(
    session: aiohttp.ClientSession, cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_watches, "BOOKMARK_SECONDS", 0.05)
    async with _watch(session, cluster, allowWatchBookmarks="true") as answer:
        for _ in range(2):
            event = orjson.loads(await answer.content.readline())
            assert event["type"] == "BOOKMARK"
            assert event["object"]["metadata"] == {"resourceVersion": str(cluster.storage.version)}
    query = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": "1"}
    for path, more in (("events", {}), ("secrets", {"allowWatchBookmarks": "false"})):
        async with session.get(f"{cluster.url}/api/v1/{path}", params={**query, **more}) as answer:
            assert await answer.read() == b""


async def test_a_server_that_stops_cuts_everybody_and_returns_on_its_port(
    session: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    url = cluster.url
    async with _watch(session, cluster) as answer:
        await cluster.stop()
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    with pytest.raises(aiohttp.ClientConnectorError):
        await _names(session, cluster)
    await cluster.start()
    assert cluster.url == url
    assert await _names(session, cluster) == ["a"]


@pytest.mark.parametrize("emptied", [False, True])
async def test_a_history_goes_back(
    session: aiohttp.ClientSession, cluster: SimulatedCluster, emptied: bool
) -> None:
    storage = cluster.storage
    backup: tuple[int, dict[str, Any]] = (1, {}) if emptied else storage.snapshot()
    storage.create(data_map("b", namespace="default"))
    version = storage.version
    storage.restore(backup)
    assert await _names(session, cluster) == ([] if emptied else ["a"])
    async with session.get(_path(cluster)) as answer:
        now = int(orjson.loads(await answer.read())["metadata"]["resourceVersion"])
    assert now == backup[0] < version
    storage.create(data_map("c", namespace="default"))
    assert storage.version == backup[0] + 1


async def test_definitions_go_back_with_the_history(
    session: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    backup = cluster.storage.snapshot()
    cluster.storage.create(widget_crd(scope="Cluster"))

    async def status() -> int:
        async with session.get(f"{cluster.url}/apis/example.com/v1/widgets") as answer:
            return answer.status

    assert await status() == 200
    cluster.storage.restore(backup)
    assert await status() == 404


async def test_history_is_bounded(session: aiohttp.ClientSession) -> None:
    async with SimulatedCluster(history=3) as cluster:
        for name in "abcdef":
            cluster.storage.create(data_map(name, namespace="default"))
        oldest = cluster.storage.version - 3
        for version, kinds in ((oldest, ["ADDED"] * 3), (oldest - 1, ["ERROR"])):
            query = {"resourceVersion": str(version), "timeoutSeconds": "1"}
            async with _watch(session, cluster, **query) as answer:
                lines = (await answer.read()).splitlines()
            assert [orjson.loads(line)["type"] for line in lines] == kinds


@pytest.mark.parametrize(
    "change",
    [
        lambda cluster: cluster.accounts.clear(),
        lambda cluster: cluster.accounts.update({"other": cluster.accounts.pop("t")}),
    ],
)
async def test_tokens_expire(
    session: aiohttp.ClientSession, change: Callable[[SimulatedCluster], None]
) -> None:
    async with SimulatedCluster(token="t") as cluster:
        headers = {"Authorization": "Bearer t"}
        async with session.get(_path(cluster), headers=headers) as answer:
            assert answer.status == 200
        change(cluster)
        async with session.get(_path(cluster), headers=headers) as answer:
            assert answer.status == 401
