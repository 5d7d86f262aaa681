"""Watches of a cluster's own API from the cache: exact transitions, or the API server's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse

from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_object import BodyFormat
from app.kubeapi.cached import cached_reads, cached_watch
from tests.builders import stored_pod
from tests.kubeapi.conftest import Client, Front, Upstream
from tests.reading.conftest import Held

PODS = "/clusters/prod/api/v1/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
INITIAL = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}


@pytest.fixture
async def held(front: Front, upstream: Upstream) -> tuple[Client, Held]:
    client, held = await front.client(upstream.url)
    held.fill("pods", [stored_pod("web-1", "a", 5, app="web"), stored_pod("db-1", "b", 7, app="db")], 10)
    return client, held


class Watched:
    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> tuple[str, Any]:
        """The type and the object of the next event."""
        async with asyncio.timeout(20):
            event = json.loads(await self.answer.content.readline())
        return event["type"], event["object"]

    async def short(self) -> tuple[str, str, str]:
        kind, found = await self.next()
        metadata = found["metadata"]
        return kind, metadata.get("name", ""), metadata["resourceVersion"]

    async def ended(self) -> bool:
        async with asyncio.timeout(20):
            return await self.answer.content.read() == b""


@asynccontextmanager
async def watch(client: Client, accept: str = "application/json", **query: str) -> AsyncIterator[Watched]:
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    async with client.get(PODS, params={"watch": "true", **query}, headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["X-Cache"] == "hit"
        assert answer.headers["Content-Type"] == "application/json"
        yield Watched(answer)


def put(held: Held, name: str, namespace: str, version: int, **labels: str) -> None:
    document = {"type": "ADDED", "object": stored_pod(name, namespace, version, **labels)}
    found = decode_event(json.dumps(document).encode(), BodyFormat()).object
    assert found is not None
    held._feed("pods").apply("MODIFIED", found)


def delete(held: Held, name: str, namespace: str, version: int) -> None:
    held._feed("pods").store.delete(f"{namespace}\0{name}", f"{namespace}/{name}", version)


async def test_a_watch_goes_on_from_a_list(held: tuple[Client, Held]) -> None:
    client, cluster = held
    put(cluster, "new", "a", 11)
    async with watch(client, resourceVersion="10") as events:
        kind, found = await events.next()
        assert (kind, found) == ("ADDED", stored_pod("new", "a", 11))
        put(cluster, "web-1", "a", 12, app="web")
        delete(cluster, "new", "a", 13)
        assert await events.short() == ("MODIFIED", "web-1", "12")
        # A deletion carries the last state, with the version of the deletion.
        kind, found = await events.next()
        assert (kind, found) == ("DELETED", stored_pod("new", "a", 13))


async def test_changes_carry_the_managed_fields_that_they_came_with(held: tuple[Client, Held]) -> None:
    client, cluster = held
    changed = stored_pod("web-1", "a", 11)
    changed["metadata"]["managedFields"] = [{"manager": "kubectl", "operation": "Apply"}]
    found = decode_event(json.dumps({"type": "MODIFIED", "object": changed}).encode(), BodyFormat()).object
    assert found is not None
    assert b"kubectl" not in found.tail
    async with watch(client, resourceVersion="10") as events:
        cluster._feed("pods").apply("MODIFIED", found)
        assert await events.next() == ("MODIFIED", changed)
    async with client.get(PODS, headers={"Accept-Encoding": "identity"}) as answer:
        assert "kubectl" not in await answer.text()


async def test_without_a_version_it_begins_with_what_there_is(held: tuple[Client, Held]) -> None:
    client, cluster = held
    for query in ({}, {"resourceVersion": "0"}):
        async with watch(client, **query) as events:
            assert [await events.short() for _ in range(2)] == [
                ("ADDED", "web-1", "5"),
                ("ADDED", "db-1", "7"),
            ]
            version = cluster._feed("pods").store.version + 1
            put(cluster, "db-1", "b", version)
            assert await events.short() == ("MODIFIED", "db-1", str(version))
            put(cluster, "db-1", "b", version + 1)
            break


async def test_initial_events_end_with_a_bookmark(held: tuple[Client, Held]) -> None:
    async with watch(held[0], **INITIAL) as events:
        assert [(await events.short())[1] for _ in range(2)] == ["web-1", "db-1"]
        kind, found = await events.next()
    assert (kind, found) == (
        "BOOKMARK",
        {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": "10", "annotations": {"k8s.io/initial-events-end": "true"}},
        },
    )


async def test_what_enters_or_leaves_a_selector_is_added_or_deleted(held: tuple[Client, Held]) -> None:
    client, cluster = held
    async with watch(client, resourceVersion="10", labelSelector="app=web") as events:
        put(cluster, "db-1", "b", 11, app="db", other="x")
        put(cluster, "db-1", "b", 12, app="web")
        put(cluster, "db-1", "b", 13, app="web", other="x")
        put(cluster, "db-1", "b", 14, app="db")
        delete(cluster, "db-1", "b", 15)
        delete(cluster, "web-1", "a", 16)
        assert [await events.short() for _ in range(4)] == [
            ("ADDED", "db-1", "12"),
            ("MODIFIED", "db-1", "13"),
            ("DELETED", "db-1", "14"),
            ("DELETED", "web-1", "16"),
        ]


async def test_one_namespace_and_one_name(held: tuple[Client, Held]) -> None:
    client, cluster = held
    query = {"resourceVersion": "10", "fieldSelector": "metadata.name=db-1", "watch": "1"}
    async with client.get("/clusters/prod/api/v1/namespaces/b/pods", params=query) as answer:
        assert answer.headers["X-Cache"] == "hit"
        events = Watched(answer)
        put(cluster, "db-1", "a", 11)
        put(cluster, "db-2", "b", 12)
        put(cluster, "db-1", "b", 13)
        assert await events.short() == ("MODIFIED", "db-1", "13")


async def test_tables_say_their_columns_once(held: tuple[Client, Held]) -> None:
    client, cluster = held
    async with watch(client, TABLE, includeObject="None", **INITIAL) as events:
        first, second, bookmark = [await events.next() for _ in range(3)]
        put(cluster, "new", "a", 11)
        changed = await events.next()
    assert (first[0], first[1]["kind"], first[1]["metadata"]) == ("ADDED", "Table", {"resourceVersion": "5"})
    assert first[1]["columnDefinitions"][0]["name"] == "Name"
    assert (first[1]["rows"][0]["cells"][0], first[1]["rows"][0]["object"]) == ("web-1", None)
    assert second[1]["columnDefinitions"] is None
    assert (changed[0], changed[1]["rows"][0]["cells"][0]) == ("ADDED", "new")
    annotated = bookmark[1]["rows"][0]["object"]["metadata"]
    assert (bookmark[0], annotated["resourceVersion"]) == ("BOOKMARK", "10")


async def test_metadata_alone(held: tuple[Client, Held]) -> None:
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    async with watch(held[0], accept) as events:
        assert await events.next() == (
            "ADDED",
            {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": stored_pod("web-1", "a", 5, app="web")["metadata"],
            },
        )


async def test_it_ends_in_time_with_a_bookmark(held: tuple[Client, Held]) -> None:
    client, cluster = held
    async with watch(client, resourceVersion="10", timeoutSeconds="1", allowWatchBookmarks="true") as events:
        cluster._feed("pods").advance(17)
        assert await events.short() == ("BOOKMARK", "", "17")
        assert await events.ended()


async def test_bookmarks_come_by_themselves(
    held: tuple[Client, Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_watch, "BOOKMARK_SECONDS", (0.05, 0.1))
    client, cluster = held
    async with watch(client, resourceVersion="10", allowWatchBookmarks="true") as events:
        assert await events.short() == ("BOOKMARK", "", "10")
        cluster._feed("pods").advance(12)
        while (await events.short()) != ("BOOKMARK", "", "12"):
            pass


async def test_what_is_followed_is_not_released(held: tuple[Client, Held]) -> None:
    client, cluster = held
    cluster.watches._release_after = 0.0
    cluster.fill("configmaps", [stored_pod("c", "a", 5)], 10)
    async with client.get("/clusters/prod/api/v1/configmaps?watch=1&resourceVersion=10") as answer:
        assert answer.headers["X-Cache"] == "hit"
        cluster.watches.release()
        assert cluster.watches.get("configmaps") is not None


async def test_the_end_of_this_server_ends_it(held: tuple[Client, Held]) -> None:
    client, _ = held
    async with watch(client, resourceVersion="10") as events:
        runner = client.server.runner
        assert runner is not None
        ending = asyncio.create_task(runner.cleanup())
        assert await events.ended()
        async with asyncio.timeout(10):
            await ending


async def test_a_relist_ends_it(held: tuple[Client, Held]) -> None:
    client, cluster = held
    async with watch(client, resourceVersion="10") as events:
        put(cluster, "web-1", "a", 11)
        assert (await events.short())[0] == "MODIFIED"
        # What this finds to be gone has gone at a version that nobody knows.
        cluster.fill("pods", [stored_pod("web-1", "a", 11)], 20)
        assert await events.ended()


@pytest.mark.parametrize("how", ["another history", "forbidden", "gone"])
async def test_it_ends_with_what_it_follows(held: tuple[Client, Held], how: str) -> None:
    client, cluster = held
    async with watch(client, resourceVersion="10") as events:
        if how == "another history":
            cluster.fill(
                "pods", [stored_pod("web-1", "a", 5, app="web"), stored_pod("db-1", "b", 7, app="db")], 10
            )
            cluster.fill("pods", [stored_pod("web-1", "a", 2)], 3)
        else:
            cluster.report("pods", how, "no")
        assert await events.ended()


async def test_who_falls_behind_is_cut_off_rather_than_lied_to(held: tuple[Client, Held]) -> None:
    client, cluster = held
    async with watch(client, resourceVersion="10") as events:
        for version in range(11, 6011):
            put(cluster, "web-1", "a", version)
        seen = [json.loads(line) async for line in events.answer.content]
    # Nothing is skipped before the end.
    versions = [event["object"]["metadata"]["resourceVersion"] for event in seen]
    assert versions == [str(11 + number) for number in range(len(versions))]
    assert len(versions) < 6000


@pytest.mark.parametrize(
    "query",
    [
        {"resourceVersion": "3"},
        {"resourceVersion": "10", "limit": "1"},
        {"resourceVersion": "10", "continue": "x"},
        {"resourceVersion": "10", "resourceVersionMatch": "NotOlderThan"},
        {"sendInitialEvents": "true"},
        {"sendInitialEvents": "perhaps", "resourceVersionMatch": "NotOlderThan"},
        {"resourceVersion": "999"},
        {"resourceVersion": "10", "fieldSelector": "nonsense=1"},
        {"resourceVersion": "10", "timeoutSeconds": "-1"},
    ],
)
async def test_the_rest_is_the_api_servers(
    held: tuple[Client, Held],
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, str],
) -> None:
    monkeypatch.setattr(cached_reads, "PATIENCE_SECONDS", 0.05)
    async with held[0].get(PODS, params={"watch": "1", **query}) as answer:
        assert answer.headers["X-Cache"] == "miss"
    assert len(upstream.seen) == 1


async def test_where_nobody_answers_it_waits_for_what_comes(held: tuple[Client, Held]) -> None:
    client, cluster = held
    assert cluster.connection is not None
    cluster.connection.server = "http://127.0.0.1:1"
    cluster.report("pods", "unreachable", "connection refused")
    async with watch(client, resourceVersion="10") as events:
        assert events.answer.headers["Warning"].startswith('299 - "stale ')
        put(cluster, "web-1", "a", 11)
        assert await events.short() == ("MODIFIED", "web-1", "11")
    async with client.get(PODS, params={"watch": "1", "resourceVersion": "3"}) as answer:
        assert answer.status == 503


async def test_a_watch_that_is_not_live_is_the_api_servers(held: tuple[Client, Held]) -> None:
    client, cluster = held
    cluster.report("pods", "stale", "connection lost")
    async with client.get(PODS, params={"watch": "1", "resourceVersion": "10"}) as answer:
        assert answer.headers["X-Cache"] == "miss"
