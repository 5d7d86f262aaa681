"""Who writes sees it with the next read, here and elsewhere, or is told that it cannot be seen yet."""

import asyncio
import time
from typing import Any

import pytest

from app.simulator.apiserver.faults import Fault
from tests.writing.conftest import Client, Clusters, StartServer
from tests.writing.test_logs import logging_pod

PROD = {"cluster": "prod", "namespace": "default"}


async def pods(client: Client, **params: str) -> tuple[list[str], dict[str, str], float]:
    """Names, the state of each cluster, and the seconds that it took."""
    started = time.monotonic()
    async with client.get("/pods", params=params) as answer:
        assert answer.status == 200
        found = await answer.json()
    states = {each["name"]: each["state"] for each in found["clusters"]}
    return [item["metadata"]["name"] for item in found["items"]], states, time.monotonic() - started


async def write(client: Client, method: str, path: str, **more: Any) -> str:
    async with client.request(method, path, params=PROD, **more) as answer:
        assert answer.status in (200, 201), await answer.text()
        return answer.headers["X-Cursor"]


async def test_each_kind_of_write_is_seen_by_the_next_read(client: Client) -> None:
    for name in ("a", "b"):
        await write(client, "POST", "/pods", json=logging_pod(name, "main"))
        assert name in (await pods(client))[0]
    await write(client, "DELETE", "/pods/a")
    assert (await pods(client))[0] == ["b"]
    await write(client, "POST", "/apply", json=logging_pod("c", "main"))
    assert (await pods(client))[0] == ["b", "c"]


async def test_a_watch_that_is_stuck_makes_its_cluster_stale_and_no_other(
    client: Client, clusters: Clusters
) -> None:
    assert (await pods(client))[1] == {"prod": "synced", "staging": "synced"}
    clusters["prod"].faults.strike(Fault.STALL)
    await write(client, "POST", "/pods", json=logging_pod("late", "main"))
    names, states, took = await pods(client)
    assert (names, states) == ([], {"prod": "stale", "staging": "synced"})
    assert took < 10.0
    names, states, took = await pods(client)
    assert (names, states) == ([], {"prod": "stale", "staging": "synced"})
    assert took < 1.0
    _, states, took = await pods(client, cluster="staging")
    assert states == {"staging": "synced"}
    assert took < 1.0


@pytest.mark.parametrize("deletes", [False, True])
async def test_another_server_waits_for_the_cursor(
    clusters: Clusters, serve: StartServer, deletes: bool
) -> None:
    clusters["prod"].storage.create(logging_pod("old", "main"))
    here, there = await serve(clusters), await serve(clusters)
    assert (await pods(here))[0] == (await pods(there))[0] == ["old"]
    if deletes:
        cursor = await write(here, "DELETE", "/pods/old")
    else:
        cursor = await write(here, "POST", "/pods", json=logging_pod("new", "main"))
    names, states, _ = await pods(there, after=cursor)
    assert names == ([] if deletes else ["new", "old"])
    assert set(states.values()) == {"synced"}


async def test_the_server_that_cannot_see_it_says_so(clusters: Clusters, serve: StartServer) -> None:
    here, there = await serve(clusters), await serve(clusters)
    await asyncio.gather(pods(here), pods(there))
    clusters["prod"].faults.strike(Fault.STALL)
    cursor = await write(here, "POST", "/pods", json=logging_pod("new", "main"))
    names, states, took = await pods(there, after=cursor)
    assert (names, states) == ([], {"prod": "stale", "staging": "synced"})
    assert took < 10.0


async def test_a_deletion_of_what_is_not_watched_has_a_cursor_as_well(
    client: Client, clusters: Clusters
) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}
    clusters["prod"].storage.create(body)
    cursor = await write(client, "DELETE", "/configmaps/a")
    async with client.get("/configmaps", params={**PROD, "after": cursor}) as answer:
        found = await answer.json()
    assert (found["items"], found["clusters"][0]["state"]) == ([], "synced")
