"""What streams say, frame by frame."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.streams import hub
from bench.testbed.served_fleet import Server, serving, simulated, write_config
from tests.builders import config_map, namespace, pod, widget, widget_crd
from tests.following.watching import listed, told, watched

WEB = {"labelSelector": "app=web"}


def relabel(cluster: SimulatedCluster, plural: str, name: str, **labels: str) -> None:
    obj = cluster.storage.collection(plural)["default", name].obj
    cluster.storage.replace({**obj, "metadata": {**obj["metadata"], "labels": labels}})


def remove(cluster: SimulatedCluster, plural: str, name: str) -> None:
    cluster.storage.remove(cluster.storage.collection(plural)["default", name].obj)


async def test_a_stream_begins_with_what_there_is_and_goes_on_with_what_happens(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    made = prod.storage.create(pod("one"))
    async with watched(session, server, "/pods", watch="1") as stream:
        first, added, synced = await stream.until("SYNCED")
        assert first == {"type": "RESET"}
        metadata = made["metadata"]
        assert list(added) == [
            "type",
            "cluster",
            "resource",
            "namespace",
            "name",
            "uid",
            "resourceVersion",
            "object",
        ]
        assert added["type"] == "ADDED"
        assert (added["cluster"], added["resource"]) == ("prod", "pods")
        assert (added["namespace"], added["name"]) == ("default", "one")
        assert (added["uid"], added["resourceVersion"]) == (metadata["uid"], metadata["resourceVersion"])
        (item,) = (await listed(session, server, "/pods"))["items"]
        assert added["object"] == item
        assert [cluster["name"] for cluster in synced["clusters"]] == ["edge", "prod"]
        assert {cluster["state"] for cluster in synced["clusters"]} == {"synced"}
        assert list(synced["clusters"][0]) == ["name", "state", "since", "objects", "error"]

        relabel(prod, "pods", "one", app="web")
        modified = await stream.next()
        assert (modified["type"], modified["object"]["metadata"]["labels"]) == ("MODIFIED", {"app": "web"})
        remove(prod, "pods", "one")
        deleted = await stream.next()
        assert (deleted["type"], deleted["uid"]) == ("DELETED", metadata["uid"])
        gone = deleted["object"]["metadata"]
        assert gone["name"] == "one"
        assert gone["namespace"] == "default"
        assert gone["uid"] == metadata["uid"]
        assert gone["resourceVersion"] == deleted["resourceVersion"]
        assert int(deleted["resourceVersion"]) > int(modified["resourceVersion"])


async def test_who_comes_back_is_told_what_changed_and_no_more(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    for name in ("stays", "changes", "goes"):
        prod.storage.create(pod(name))
    async with watched(session, server, resource="pods") as stream:
        cursor = (await stream.until("SYNCED"))[-1]["cursor"]
        relabel(prod, "pods", "changes", a="b")
        await stream.next()
    remove(prod, "pods", "goes")
    prod.storage.create(pod("comes"))
    await server.fleet.coverage("pods").stores[1].reached(prod.storage.version)
    async with watched(session, server, resource="pods", cursor=cursor) as stream:
        frames = await stream.until("SYNCED")
    assert sorted(told(frames[:-1])) == [("ADDED", "comes"), ("DELETED", "goes"), ("MODIFIED", "changes")]


async def test_a_list_and_a_stream_from_its_cursor_miss_nothing(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    cursor = (await listed(session, server, "/pods"))["metadata"]["resourceVersion"]
    prod.storage.create(pod("two"))
    async with watched(session, server, "/pods", watch="1", cursor=cursor) as stream:
        frames = await stream.until("SYNCED")
        if len(frames) == 1:
            frames = [await stream.next()]
        assert told(frames[:1]) == [("ADDED", "two")]


@pytest.mark.parametrize("other", [{}, {"labelSelector": "app=db"}, {"namespace": "default"}])
async def test_a_cursor_of_another_query_begins_anew(
    other: dict[str, str], prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    cursor = (await listed(session, server, "/pods", **WEB))["metadata"]["resourceVersion"]
    async with watched(session, server, resource="pods", cursor=cursor, **other) as stream:
        assert await stream.next() == {"type": "RESET"}


async def test_an_event_source_with_an_unreadable_id_begins_anew(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "of some other server"}
    async with session.get(f"{server.url}/pods", params={"watch": "1"}, headers=headers) as answer:
        assert answer.status == 200
        while b"data: " not in (line := await answer.content.readline()):
            pass
        assert json.loads(line.removeprefix(b"data: ")) == {"type": "RESET"}


async def test_what_a_cursor_does_not_cover_is_sent_from_the_start(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    prod.storage.create(config_map("map"))
    cursor = (await listed(session, server, "/pods"))["metadata"]["resourceVersion"]
    async with watched(session, server, resource="pods,configmaps", cursor=cursor) as stream:
        frames = await stream.until("SYNCED")
    assert {"type": "RESET"} not in frames
    assert ("ADDED", "map") in told(frames)
    assert ("ADDED", "one") not in told(frames)


async def test_who_was_told_to_forget_comes_back_with_nothing_of_that(
    prod: SimulatedCluster, config: Path, server: Server, session: aiohttp.ClientSession
) -> None:
    """One server cannot go on from a cursor; who is cut off there may find one that can."""
    for name in ("stays", "changes"):
        prod.storage.create(pod(name))
    async with watched(session, server, resource="pods") as stream:
        cursor = (await stream.until("SYNCED"))[-1]["cursor"]
        for store in server.fleet.coverage("pods").stores:
            store.began -= 10  # cursors tell when they were made in whole seconds
        relabel(prod, "pods", "changes", a="b")
        await stream.next()
    prod.storage.compact()
    async with serving(config) as other, watched(session, other, resource="pods", cursor=cursor) as stream:
        bookmark, reset = await stream.before_reset()
        assert reset == {"type": "RESET", "cluster": "prod", "resource": "pods"}
        assert bookmark["type"] == "BOOKMARK"
    async with watched(session, server, resource="pods", cursor=cursor) as stream:
        assert told(await stream.until("SYNCED")) == [("MODIFIED", "changes"), ("SYNCED", None)]
    async with watched(session, server, resource="pods", cursor=bookmark["cursor"]) as stream:
        frames = await stream.until("SYNCED")
    assert told(frames) == [("RESET", None), ("ADDED", "changes"), ("ADDED", "stays"), ("SYNCED", None)]


async def test_what_leaves_a_selector_is_deleted_and_what_enters_is_added(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one", app="db"))
    async with watched(session, server, resource="pods", **WEB) as stream:
        assert told(await stream.until("SYNCED")) == [("RESET", None), ("SYNCED", None)]
        relabel(prod, "pods", "one", app="web")
        assert told([await stream.next()]) == [("ADDED", "one")]
        relabel(prod, "pods", "one", app="web", tier="1")
        assert told([await stream.next()]) == [("MODIFIED", "one")]
        relabel(prod, "pods", "one", app="db")
        assert told([await stream.next()]) == [("DELETED", "one")]
        relabel(prod, "pods", "one", app="db", tier="2")
        remove(prod, "pods", "one")
        prod.storage.create(pod("two", app="web"))
        assert told([await stream.next()]) == [("ADDED", "two")]


async def test_who_comes_back_is_told_of_what_left_the_selector(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("leaves", app="web"))
    prod.storage.create(pod("never", app="db"))
    async with watched(session, server, resource="pods", **WEB) as stream:
        cursor = (await stream.until("SYNCED"))[-1]["cursor"]
    relabel(prod, "pods", "leaves", app="db")
    relabel(prod, "pods", "never", app="db", tier="1")
    await server.fleet.coverage("pods").stores[1].reached(prod.storage.version)
    async with watched(session, server, resource="pods", cursor=cursor, **WEB) as stream:
        assert told(await stream.until("SYNCED"))[:-1] == [("DELETED", "leaves")]


async def test_a_stream_without_a_snapshot_begins_with_a_bookmark(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    async with session.get(f"{server.url}/pods", params={"watch": "1", "initial": "none"}) as answer:
        first = (await answer.content.readline()).decode()
        assert first.startswith('{"type":"BOOKMARK","cursor":"')
        prod.storage.create(pod("two"))
        assert b'"name":"two"' in await answer.content.readline()


async def test_the_whole_history_is_sent_to_who_wants_it(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    async with watched(session, server, resource="pods", history="full") as stream:
        cursor = (await stream.until("SYNCED"))[-1]["cursor"]
        happened = [("ADDED", "one"), ("MODIFIED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]
        prod.storage.create(pod("one"))
        relabel(prod, "pods", "one", a="1")
        relabel(prod, "pods", "one", a="2")
        remove(prod, "pods", "one")
        assert told([await stream.next() for _ in happened]) == happened
    async with watched(session, server, resource="pods", history="full", cursor=cursor) as stream:
        assert told(await stream.until("SYNCED"))[:-1] == happened


async def test_changes_come_as_patches_to_who_was_sent_the_version_before(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one", app="web"))
    async with watched(session, server, resource="pods", delta="merge") as stream:
        added, synced = (await stream.until("SYNCED"))[1:]
        relabel(prod, "pods", "one", app="db")
        frame = await stream.next()
        assert list(frame)[-2:] == ["previousResourceVersion", "patch"]
        assert frame["previousResourceVersion"] == added["resourceVersion"]
        assert frame["patch"]["metadata"]["labels"] == {"app": "db"}
        relabel(prod, "pods", "one")
        assert (await stream.next())["patch"]["metadata"]["labels"] == {"app": None}
    async with watched(session, server, resource="pods", delta="merge", cursor=synced["cursor"]) as stream:
        frames = await stream.until("SYNCED")
        assert all("patch" not in frame for frame in frames)


async def test_no_patch_is_sent_of_what_this_stream_was_not_sent(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    async with (
        watched(session, server, resource="pods", delta="merge") as knowing,
        watched(session, server, resource="pods", delta="merge", initial="none") as stream,
    ):
        await knowing.until("SYNCED")
        await stream.bookmark()
        relabel(prod, "pods", "one", app="web")
        assert "object" in await stream.next()
        assert "patch" in await knowing.next()
        relabel(prod, "pods", "one", app="db")
        assert "patch" in await stream.next()
        assert "patch" in await knowing.next()


async def test_only_some_fields_are_sent_to_who_asks_for_these(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one", app="web"))
    async with watched(session, server, resource="pods", fields="metadata.labels") as stream:
        added = (await stream.until("SYNCED"))[1]
    assert set(added["object"]) == {"cluster", "kind", "apiVersion", "metadata"}
    assert added["object"]["metadata"]["labels"] == {"app": "web"}


async def test_namespaces_and_clusters_limit_what_is_sent(
    prod: SimulatedCluster, edge: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    for cluster in (prod, edge):
        cluster.storage.create(pod("here", "shop"))
        cluster.storage.create(pod("there", "default"))
    async with watched(session, server, resource="pods", cluster="prod", namespace="shop") as stream:
        frames = await stream.until("SYNCED")
        edge.storage.create(pod("another", "shop"))
        prod.storage.create(pod("mine", "shop"))
        frames.append(await stream.next())
    assert [(frame.get("cluster"), frame.get("name")) for frame in frames] == [
        (None, None),
        ("prod", "here"),
        (None, None),
        ("prod", "mine"),
    ]


async def test_a_resource_that_no_cluster_serves_yet_is_waited_for(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    async with watched(session, server, resource="widgets.example.com") as stream:
        assert told(await stream.until("SYNCED")) == [("RESET", None), ("SYNCED", None)]
        made = prod.storage.create(widget_crd())
        prod.storage.create(widget("one"))
        frame = (await stream.until("ADDED"))[-1]
        assert (frame["resource"], frame["name"]) == ("widgets.example.com", "one")
        prod.storage.remove(made)
        frames = [await stream.next()]
        while frames[-1]["type"] not in ("RESET", "DELETED"):
            frames.append(await stream.next())
        assert frames[-1]["cluster"] == "prod"


async def test_clusters_that_fail_and_recover_say_so_and_keep_their_objects(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    async with watched(session, server, resource="pods") as stream:
        await stream.until("SYNCED")
        await prod.stop()
        frame = await stream.next()
        assert list(frame) == ["type", "cluster", "resource", "state", "since", "error"]
        assert (frame["type"], frame["cluster"], frame["resource"]) == ("CLUSTER", "prod", "pods")
        assert frame["state"] in ("stale", "unreachable")
        assert frame["error"]
        prod.storage.create(pod("two"))
        await prod.start()
        frames = await stream.until("CLUSTER")
        while frames[-1]["state"] != "synced":
            frames += await stream.until("CLUSTER")
        assert "RESET" not in {frame["type"] for frame in frames}
        if ("ADDED", "two") not in told(frames):
            assert told([await stream.next()]) == [("ADDED", "two")]


async def test_clusters_come_and_go_in_open_streams(
    prod: SimulatedCluster,
    edge: SimulatedCluster,
    config: Path,
    server: Server,
    session: aiohttp.ClientSession,
) -> None:
    edge.storage.create(pod("edgy"))
    async with simulated("new") as new, watched(session, server, resource="pods") as stream:
        new.storage.create(pod("newest"))
        await stream.until("SYNCED")
        write_config(config, [("prod", prod.url), ("new", new.url)])
        before, reset = await stream.before_reset()
        assert before["type"] == "BOOKMARK"
        frames = [reset, *await stream.until("CLUSTER")]
        while ("ADDED", "newest") not in told(frames):
            frames.append(await stream.next())
        gone = [frame for frame in frames if frame.get("cluster") == "edge"]
        assert gone[0] == {"type": "RESET", "cluster": "edge", "resource": "pods"}
        assert (gone[1]["type"], gone[1]["state"]) == ("CLUSTER", "removed")
        assert "resource" not in gone[1]
        write_config(config, [("prod", prod.url), ("edge", edge.url)])
        while ("ADDED", "edgy") not in told(frames):
            frames.append(await stream.next())
    async with watched(session, server, resource="pods", cursor=before["cursor"]) as stream:
        assert ("ADDED", "edgy") in told(await stream.until("SYNCED"))


async def test_a_resource_that_may_not_be_read_any_more_is_forgotten_first(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    async with watched(session, server, resource="pods") as stream:
        await stream.until("SYNCED")
        prod.accounts["t"] = type(prod.accounts["t"])("t", namespaces=frozenset())
        await prod.stop()
        await prod.start()
        frames = await stream.until("RESET")
        assert frames[-1] == {"type": "RESET", "cluster": "prod", "resource": "pods"}
        assert (await stream.until("CLUSTER"))[-1]["state"] == "forbidden"


async def test_bookmarks_come_all_the_time(
    config: Path, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub.HEARTBEAT_SECONDS <= 15
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.1)
    async with serving(config) as server, watched(session, server, resource="pods") as stream:
        await stream.until("SYNCED")
        assert list(await stream.bookmark()) == ["type", "cursor"]
        assert list(await stream.bookmark()) == ["type", "cursor"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "resource is missing"),
        ({"resource": "pods", "labelSelector": "a in"}, "labelSelector"),
        ({"resource": "pods", "fieldSelector": "a"}, "fieldSelector"),
        ({"resource": "pods", "cursor": "?"}, "cursor"),
        ({"resource": "pods", "delta": "yes"}, "delta 'yes' is not accepted; accepted is none, merge"),
        ({"resource": "pods", "initial": "some"}, "initial"),
        ({"resource": "pods", "history": "some"}, "history"),
        ({"resource": "clusters"}, "'clusters'"),
        ({"resource": "pods", "sort": "a"}, "sort"),
    ],
)
async def test_what_is_wrong_is_said_before_the_stream_begins(
    query: dict[str, str], said: str, server: Server, session: aiohttp.ClientSession
) -> None:
    async with session.get(f"{server.url}/stream", params=query) as answer:
        assert (answer.status, answer.content_type) == (400, "application/problem+json")
        assert said in (await answer.json())["detail"]


async def test_a_list_knows_nothing_of_what_only_streams_have(
    server: Server, session: aiohttp.ClientSession
) -> None:
    async with session.get(f"{server.url}/pods", params={"initial": "none"}) as answer:
        assert answer.status == 400
        assert "watch=1" in (await answer.json())["detail"]


async def test_a_stream_is_told_when_the_server_stops(
    config: Path, prod: SimulatedCluster, session: aiohttp.ClientSession
) -> None:
    server = Server(config)
    await server.start()
    async with watched(session, server, resource="pods") as stream:
        await stream.until("SYNCED")
        await server.stop()
        last = await stream.next()
        assert (last["type"], last["status"]) == ("ERROR", 503)
        assert not await stream.answer.content.read()


async def test_the_head_of_a_stream_is_not_a_stream(server: Server, session: aiohttp.ClientSession) -> None:
    async with session.head(f"{server.url}/pods", params={"watch": "1"}) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/x-ndjson"


async def test_a_stream_waits_for_what_was_written_through_this_server(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod.storage.create(namespace("default"))
    await listed(session, server, "/configmaps")
    (store,) = server.fleet.clusters["prod"].watches.get("configmaps").stores  # type: ignore[union-attr]
    apply, late = store.apply, asyncio.Event()

    async def after_a_while(*arguments: Any) -> None:
        await late.wait()
        apply(*arguments)

    monkeypatch.setattr(store, "apply", lambda *arguments: asyncio.create_task(after_a_while(*arguments)))
    async with session.post(
        f"{server.url}/configmaps", params={"cluster": "prod"}, json=config_map("written")
    ) as answer:
        assert answer.status == 201, await answer.text()
    async with watched(session, server, resource="configmaps") as stream:
        assert await stream.next() == {"type": "RESET"}
        late.set()
        assert told(await stream.until("SYNCED")) == [("ADDED", "written"), ("SYNCED", None)]
