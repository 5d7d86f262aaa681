"""Objects that cannot be read are left out and counted; what is beside them is served as ever."""

import json
import logging
from typing import Any

import pytest

from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_object import BodyFormat
from tests.builders import stored_pod
from tests.reading.conftest import Client, Held
from tests.reading.test_lists import names, problem


def deliver(cluster: Held, kind: str, obj: dict[str, Any]) -> None:
    """What a watch of pods brings."""
    event = decode_event(json.dumps({"type": kind, "object": obj}).encode(), BodyFormat())
    feed = cluster._feed("pods")
    if event.unreadable is not None:
        feed.spoil(kind, event.unreadable)
    else:
        assert event.object is not None
        feed.apply(kind, event.object)


def spoilt(name: str, version: str) -> dict[str, Any]:
    found = stored_pod(name, app="web")
    found["metadata"] |= {"resourceVersion": version, "labels": {"app": None}}
    return found


async def counts(client: Client) -> dict[str, Any]:
    """What each face says of prod: objects and unreadable."""
    async with client.get("/pods") as answer:
        (listed, _) = (await answer.json())["clusters"]
    async with client.get("/clusters") as answer:
        cluster = next(each for each in (await answer.json())["clusters"] if each["name"] == "prod")
    (pods,) = [each for each in cluster["resources"] if each["name"] == "pods"]
    async with client.get("/stream", params={"resource": "pods"}) as answer:
        async for line in answer.content:
            frame = json.loads(line)
            if frame["type"] == "SYNCED":
                (streamed, _) = frame["clusters"]
                break
    said = [(each["objects"], each.get("unreadable")) for each in (listed, cluster, pods, streamed)]
    assert said == [said[0]] * 4
    return {"objects": said[0][0], "unreadable": said[0][1]}


async def test_it_is_counted_until_it_can_be_read_again_or_is_gone(
    client: Client, clusters: dict[str, Held], caplog: pytest.LogCaptureFixture
) -> None:
    prod = clusters["prod"]
    caplog.set_level(logging.WARNING)
    assert await counts(client) == {"objects": 2, "unreadable": None}
    deliver(prod, "MODIFIED", spoilt("web-1", "11"))
    assert await names(client, "/pods", cluster="prod") == ["prod/data/db-1"]
    assert await counts(client) == {"objects": 1, "unreadable": 1}
    deliver(prod, "MODIFIED", spoilt("web-1", "12/13"))
    deliver(prod, "ADDED", spoilt("web-9", "14"))
    assert await counts(client) == {"objects": 1, "unreadable": 2}
    deliver(prod, "MODIFIED", stored_pod("web-1", version=15))
    assert await counts(client) == {"objects": 2, "unreadable": 1}
    deliver(prod, "DELETED", spoilt("web-9", "16"))
    assert await counts(client) == {"objects": 2, "unreadable": None}
    records = [record for record in caplog.records if record.message == "an object cannot be read"]
    told = [(record.__dict__["object"], record.__dict__["error"]) for record in records]
    reason = "Expected `str`, got `null` - at `$[...]`"
    assert told == [("web-1", reason), ("web-9", reason)]
    assert {record.__dict__["cluster"] for record in records} == {"prod"}


async def test_streams_see_it_go_and_come_back(client: Client, clusters: dict[str, Held]) -> None:
    async with client.get("/stream", params={"resource": "pods", "cluster": "prod"}) as answer:
        lines = answer.content
        frames = [json.loads(await lines.readline()) for _ in range(4)]
        assert [frame["type"] for frame in frames] == ["RESET", "ADDED", "ADDED", "SYNCED"]
        deliver(clusters["prod"], "MODIFIED", spoilt("web-1", "11"))
        frame = json.loads(await lines.readline())
        assert (frame["type"], frame["name"], frame["resourceVersion"]) == ("DELETED", "web-1", "11")
        deliver(clusters["prod"], "MODIFIED", stored_pod("web-1", version=12))
        frame = json.loads(await lines.readline())
        assert (frame["type"], frame["name"]) == ("ADDED", "web-1")


async def test_a_list_that_is_known_is_not_passed_off_as_unchanged(
    client: Client, clusters: dict[str, Held]
) -> None:
    async with client.get("/pods") as answer:
        tag = answer.headers["ETag"]
    deliver(clusters["prod"], "ADDED", spoilt("web-9", "0/1"))
    async with client.get("/pods", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200
        assert (await answer.json())["clusters"][0]["unreadable"] == 1
    async with client.get("/metrics") as answer:
        assert 'k8s_mcp_objects_unreadable{cluster="prod",resource="pods"} 1.0' in await answer.text()


async def test_one_that_is_asked_for_is_not_passed_off_as_missing(
    client: Client, clusters: dict[str, Held]
) -> None:
    deliver(clusters["prod"], "ADDED", spoilt("web-9", "14"))
    detail = "pods 'web-9' of prod cannot be read; the log says why"
    assert await problem(client, "/pods/web-9", 502) == detail
    assert await problem(client, "/pods/web-9", 502, namespace="default") == detail
    assert "not found" in await problem(client, "/pods/web-9", 404, namespace="data")
