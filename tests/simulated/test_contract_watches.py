"""Watches of simulated and real API servers."""

from typing import Any

import pytest

from tests.simulated.api import Api

STREAMED = {
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


def _seen(event: dict[str, Any]) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


async def test_a_watch_goes_on_where_a_list_ended(api: Api) -> None:
    path = api.path("configmaps")
    await api.config_maps("a", "b")
    version = (await api.get(path)).version
    await api.config_maps("c")
    patched = await api.patch(f"{path}/a", {"data": {"a": "2"}})
    await api.delete(f"{path}/b")
    async with api.watch(path, resourceVersion=version) as events:
        assert _seen(await events.next()) == ("ADDED", "c")
        modified = await events.next()
        assert (modified["type"], modified["object"]) == ("MODIFIED", patched)
        deleted = await events.next()
        assert _seen(deleted) == ("DELETED", "b")
        assert deleted["object"]["data"] == {"a": "1"}, "its last state"
        assert int(deleted["object"]["metadata"]["resourceVersion"]) > int(
            patched["metadata"]["resourceVersion"]
        )
        await api.config_maps("d")
        assert _seen(await events.next()) == ("ADDED", "d")
    # From the version of any of these events on, the rest comes once more.
    resumed = deleted["object"]["metadata"]["resourceVersion"]
    async with api.watch(path, resourceVersion=resumed) as events:
        assert _seen(await events.next()) == ("ADDED", "d")


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
async def test_a_watch_without_a_version_begins_with_what_there_is(api: Api, query: dict[str, str]) -> None:
    path = api.path("configmaps")
    await api.config_maps("b", "a")
    await api.get(path)  # Consistent, so that no cache is behind it.
    async with api.watch(path, **query) as events:
        assert [_seen(await events.next()) for _ in "ab"] == [("ADDED", "a"), ("ADDED", "b")]
        await api.delete(f"{path}/a")
        assert _seen(await events.next()) == ("DELETED", "a")


async def test_a_streamed_list_ends_with_a_bookmark_and_stays_a_watch(api: Api) -> None:
    path = api.path("configmaps")
    await api.config_maps("b", "a")
    version = (await api.get(path)).version
    async with api.watch(path, **STREAMED) as events:
        assert [_seen(await events.next()) for _ in "ab"] == [("ADDED", "a"), ("ADDED", "b")]
        bookmark = await events.next()
        assert bookmark["type"] == "BOOKMARK"
        assert (bookmark["object"]["kind"], bookmark["object"]["apiVersion"]) == ("ConfigMap", "v1")
        metadata = bookmark["object"]["metadata"]
        assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert int(metadata["resourceVersion"]) >= int(version)
        await api.patch(f"{path}/a", {"data": {"a": "2"}})
        assert _seen(await events.next()) == ("MODIFIED", "a")


async def test_a_streamed_list_of_nothing_is_a_bookmark(api: Api) -> None:
    async with api.watch(api.path("secrets"), **STREAMED, resourceVersion="") as events:
        assert (await events.next())["type"] == "BOOKMARK"


async def test_a_streamed_list_brings_no_bookmark_unasked(api: Api) -> None:
    await api.config_maps("a")
    query = {key: value for key, value in STREAMED.items() if key != "allowWatchBookmarks"}
    async with api.watch(api.path("configmaps"), **query, timeoutSeconds="2") as events:
        assert [_seen(event) for event in await events.rest()] == [("ADDED", "a")]


async def test_a_streamed_list_of_a_version_that_has_not_been_yet_is_refused_in_the_stream(api: Api) -> None:
    async with api.watch(api.path("configmaps"), **STREAMED, resourceVersion="99999999") as events:
        (error,) = await events.rest()
    assert error["type"] == "ERROR"
    assert (error["object"]["code"], error["object"]["reason"]) == (504, "Timeout")
    assert error["object"]["details"]["causes"] == [
        {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    ]


async def test_a_watch_from_a_forgotten_version_is_an_error_in_the_stream(api: Api) -> None:
    widgets = api.path("widgets", group=await api.define())
    await api.forget()
    async with api.watch(widgets, resourceVersion="1") as events:
        (error,) = await events.rest()
    assert error["type"] == "ERROR"
    assert (error["object"]["kind"], error["object"]["code"], error["object"]["reason"]) == (
        "Status",
        410,
        "Expired",
    )
    assert error["object"]["message"].startswith("too old resource version: 1 (")


async def test_a_watch_ends_when_its_time_is_over(api: Api) -> None:
    await api.config_maps("a")
    version = (await api.get(api.path("configmaps"))).version
    async with api.watch(api.path("configmaps"), resourceVersion=version, timeoutSeconds="1") as events:
        assert await events.rest() == []


@pytest.mark.parametrize(
    "query",
    [
        {"sendInitialEvents": "true"},
        {"sendInitialEvents": "true", "resourceVersionMatch": "Exact"},
        {"resourceVersionMatch": "NotOlderThan", "resourceVersion": "1"},
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, query: dict[str, str]) -> None:
    answer = await api.get(api.path("configmaps"), watch="1", **query)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["kind"] == "ListOptions"
    assert answer.body["details"]["causes"][0]["field"] == "resourceVersionMatch"


async def test_what_enters_or_leaves_a_selection_is_added_or_deleted(api: Api) -> None:
    path = api.path("configmaps")
    await api.config_maps("a", labels={"app": "web"})
    await api.config_maps("b")
    version = (await api.get(path)).version
    async with api.watch(path, resourceVersion=version, labelSelector="app=web") as events:
        await api.patch(f"{path}/b", {"metadata": {"labels": {"app": "web"}}})
        assert _seen(await events.next()) == ("ADDED", "b")
        left = await api.patch(f"{path}/a", {"metadata": {"labels": {"app": "db"}}})
        event = await events.next()
        assert _seen(event) == ("DELETED", "a")
        assert event["object"]["metadata"]["labels"] == {"app": "web"}, "as it was when it was selected"
        assert event["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
        await api.patch(f"{path}/a", {"data": {"a": "3"}})
        await api.patch(f"{path}/b", {"data": {"a": "3"}})
        assert _seen(await events.next()) == ("MODIFIED", "b")


async def test_one_object_is_watched_by_its_name(api: Api) -> None:
    path = api.path("configmaps")
    await api.config_maps("a", "b")
    version = (await api.get(path)).version
    async with api.watch(path, resourceVersion=version, fieldSelector="metadata.name=b") as events:
        await api.patch(f"{path}/a", {"data": {"a": "2"}})
        await api.patch(f"{path}/b", {"data": {"a": "2"}})
        assert _seen(await events.next()) == ("MODIFIED", "b")
    named = await api.get(f"{path}/a", watch="1", resourceVersion=version)
    assert named.body["kind"] == "ConfigMap", "the path of one object is not watched but read"


async def test_all_namespaces_are_watched_at_once(api: Api) -> None:
    version = (await api.get("/api/v1/configmaps")).version
    async with api.watch("/api/v1/configmaps", resourceVersion=version) as events:
        await api.config_maps("a")
        # A real one keeps some of its own, which may change at any time.
        while (event := await events.next())["object"]["metadata"]["namespace"] != api.namespace:
            pass
        assert _seen(event) == ("ADDED", "a")


async def test_an_object_that_finalizers_held_is_deleted_once_they_are_gone(api: Api) -> None:
    path = api.path("configmaps")
    await api.config_maps("a", finalizers=["example.com/hold"])
    version = (await api.get(path)).version
    async with api.watch(path, resourceVersion=version) as events:
        await api.delete(f"{path}/a")
        held = await events.next()
        assert _seen(held) == ("MODIFIED", "a")
        assert "deletionTimestamp" in held["object"]["metadata"]
        await api.patch(f"{path}/a", {"metadata": {"finalizers": None}})
        gone = await events.next()
        assert _seen(gone) == ("DELETED", "a")
        assert int(gone["object"]["metadata"]["resourceVersion"]) > int(
            held["object"]["metadata"]["resourceVersion"]
        )
    assert (await api.get(f"{path}/a")).status == 404
