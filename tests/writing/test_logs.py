"""Logs of a pod and of workloads, merged and followed."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.simulator.apiserver.faults import Fault
from tests.builders import deployment, running_pod
from tests.writing.conftest import Client, Clusters

PROD = {"cluster": "prod", "namespace": "default"}


def stamp(seconds_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def logging_pod(name: str, *containers: str, seconds: float = 60) -> dict[str, Any]:
    """One that has run for so long; simulated containers write a line every one to five seconds."""
    images = dict.fromkeys(containers, "nginx")
    return running_pod(name, containers=images, since=stamp(seconds), app="web")


async def told(client: Client, path: str, status: int = 200, **params: str) -> str:
    async with client.get(path, params=PROD | params) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return text


@asynccontextmanager
async def following(client: Client, path: str, **params: str) -> AsyncIterator[AsyncIterator[str]]:
    async with asyncio.timeout(30), client.get(path, params=PROD | params | {"follow": "1"}) as answer:
        assert answer.status == 200, await answer.text()

        async def lines() -> AsyncIterator[str]:
            async for line in answer.content:
                yield line.decode()

        yield lines()


async def test_a_header_says_whether_lines_have_their_place_in_front(
    client: Client, clusters: Clusters
) -> None:
    clusters["prod"].storage.create(logging_pod("web-1", "main"))
    clusters["prod"].storage.create(logging_pod("web-2", "main", "side"))
    for name, prefix in (("web-1", None), ("web-2", "[cluster/pod/container]")):
        async with client.get(f"/pods/{name}/logs", params=PROD) as answer:
            assert answer.headers.get("X-Log-Prefix") == prefix


async def test_the_log_of_a_pod_is_passed_on_as_it_is(client: Client, clusters: Clusters) -> None:
    clusters["prod"].storage.create(logging_pod("web-1", "main"))
    text = await told(client, "/pods/web-1/logs")
    lines = text.splitlines()
    assert len(lines) > 5
    assert not any(line.startswith("[prod/") for line in lines)
    assert (await told(client, "/po/web-1/logs", tailLines="2")).splitlines() == lines[-2:]
    assert len((await told(client, "/po/web-1/logs", sinceSeconds="20")).splitlines()) < len(lines)


async def test_of_several_containers_lines_are_marked_and_in_order(
    client: Client, clusters: Clusters
) -> None:
    clusters["prod"].storage.create(logging_pod("web-1", "main", "side"))
    text = await told(client, "/pods/web-1/logs")
    assert {re.split(r"[\[\]]", line)[1] for line in text.splitlines()} == {
        "prod/web-1/main",
        "prod/web-1/side",
    }
    only = await told(client, "/pods/web-1/logs", container="side")
    assert "[prod/" not in only
    marked = [line for line in text.splitlines() if line.startswith("[prod/web-1/side] ")]
    assert [line.removeprefix("[prod/web-1/side] ") for line in marked] == only.splitlines()


async def test_of_a_workload_all_pods_of_its_selector_in_all_clusters(
    client: Client, clusters: Clusters
) -> None:
    for cluster in clusters.values():
        cluster.storage.create(deployment("web"))
        for name in ("web-1", "web-2"):
            cluster.storage.create(logging_pod(name, "main"))
    other = logging_pod("other", "main")
    other["metadata"]["labels"] = {"app": "other"}
    clusters["prod"].storage.create(other)
    text = await told(client, "/deployments/web/logs", cluster="*")
    places = {line[1:].partition("]")[0] for line in text.splitlines()}
    assert places == {f"{cluster}/web-{n}/main" for cluster in clusters for n in (1, 2)}


async def test_new_pods_of_a_workload_are_picked_up(client: Client, clusters: Clusters) -> None:
    storage = clusters["prod"].storage
    storage.create(deployment("web"))
    storage.create(logging_pod("web-1", "main"))
    async with following(client, "/deployments/web/logs") as lines:
        assert (await anext(lines)).startswith("[prod/web-1/main] ")
        storage.create(logging_pod("web-2", "main"))
        async for line in lines:
            if line.startswith("[prod/web-2/main] "):
                break


async def test_a_log_that_breaks_is_taken_up_again_without_repeating(
    client: Client, clusters: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.podlogs.log_reader.RETRY_SECONDS", 0.1)
    storage = clusters["prod"].storage
    storage.create(deployment("web"))
    storage.create(logging_pod("web-1", "main"))
    storage.create(logging_pod("web-2", "main", seconds=0))
    seen = []
    async with following(client, "/deployments/web/logs") as lines:
        async for line in lines:
            if line.startswith("[prod/web-1/"):
                seen.append(line)
            if len(seen) == 5:
                found = storage.collection("pods")["default", "web-1"].obj
                status = {**found["status"], "containerStatuses": []}
                # Following ends with the container, of which the cluster says nothing for a while.
                storage.update(storage.registry.of(found), {**found, "status": status})
                storage.update(storage.registry.of(found), found)
            if len(seen) > 12:
                break
    assert len(seen) == len(set(seen))


async def test_one_that_cannot_be_read_is_told_among_the_others(client: Client, clusters: Clusters) -> None:
    storage = clusters["prod"].storage
    storage.create(deployment("web"))
    storage.create(logging_pod("web-1", "main"))
    waiting = logging_pod("web-2", "main")
    waiting["status"] = {"phase": "Pending"}
    storage.create(waiting)
    text = await told(client, "/deployments/web/logs")
    (line,) = (line for line in text.splitlines() if line.startswith("[prod/web-2/"))
    assert "no log" in line
    assert "waiting to start" in line


async def test_a_cluster_that_cannot_be_asked_is_named(client: Client, clusters: Clusters) -> None:
    clusters["prod"].storage.create(logging_pod("web-1", "main"))
    clusters["staging"].faults.add(Fault.UNAVAILABLE, verb="get")
    async with client.get("/pods/web-1/logs", params={**PROD, "cluster": "*"}) as answer:
        assert answer.status == 200
        assert answer.headers["X-Clusters"] == "staging=unreachable"
    clusters["staging"].faults.clear()


@pytest.mark.parametrize(
    ("path", "params", "status", "part"),
    [
        ("/pods/nothing/logs", {}, 404, "not found"),
        ("/deployments/nothing/logs", {"cluster": "*"}, 404, "not found"),
        (
            "/pods/web-1/logs",
            {"container": "nothing"},
            400,
            "container 'nothing' is not accepted; accepted is main",
        ),
        ("/pods/web-1/logs", {"previous": "1"}, 400, "previous terminated container"),
        ("/pods/web-1/logs", {"previous": "1", "follow": "1"}, 400, "follow"),
        ("/pods/web-1/logs", {"tailLines": "all"}, 400, "tailLines 'all'"),
        ("/pods/web-1/logs", {"sinceSeconds": "0"}, 400, "sinceSeconds '0'"),
        ("/configmaps/web/logs", {}, 400, "select no pods"),
        ("/pods/web-1/logs", {"cluster": ""}, 400, "cluster="),
        ("/pods/web-1/logs", {"namespace": ""}, 400, "namespace="),
    ],
)
async def test_what_has_no_log_says_why(
    client: Client, clusters: Clusters, path: str, params: dict[str, str], status: int, part: str
) -> None:
    clusters["prod"].storage.create(logging_pod("web-1", "main"))
    clusters["prod"].storage.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "default"}}
    )
    assert part in await told(client, path, status, **params)


async def test_the_events_of_an_object_are_its_own_with_the_latest_last(
    client: Client, clusters: Clusters
) -> None:
    def event(name: str, about: str, minute: int, kind: str = "Pod", **times: Any) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": "default"},
            "involvedObject": {"kind": kind, "name": about, "namespace": "default"},
            "reason": name,
            **(times or {"lastTimestamp": f"2026-11-23T10:{minute:02}:00Z"}),
        }

    storage = clusters["prod"].storage
    for each in (
        event("third", "web-1", 30),
        event("first", "web-1", 10),
        event("second", "web-1", 20),
        event("series", "web-1", 0, series={"lastObservedTime": "2026-11-23T10:25:00.000000Z"}),
        event("eventTime", "web-1", 0, eventTime="2026-11-23T10:15:00.000000Z"),
        event("firstTimestamp", "web-1", 0, lastTimestamp=None, firstTimestamp="2026-11-23T10:12:00Z"),
        event("odd", "web-1", 0, series="none", lastTimestamp=7),
        event("others", "web-2", 15),
        event("kinds", "web-1", 15, "Deployment"),
    ):
        storage.create(each)
    async with client.get("/pods/web-1/events", params=PROD) as answer:
        found = await answer.json()
    assert found["kind"] == "EventList"
    assert [item["reason"] for item in found["items"]] == [
        *("first", "firstTimestamp", "eventTime", "second", "series", "third", "odd")
    ]
    assert found["clusters"][0]["name"] == "prod"
