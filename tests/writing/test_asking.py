"""What is asked again, what is not, and how long it may take."""

import asyncio
import io
from typing import Any

import pytest

from app.simulator.apiserver.faults import Fault
from tests.builders import config_map
from tests.writing.conftest import Client, Clusters, StartClusters, StartServer

PROD = {"cluster": "prod", "namespace": "default"}


async def create(client: Client) -> tuple[int, Any]:
    async with client.post("/configmaps", params=PROD, json=config_map("a")) as answer:
        return answer.status, await answer.json(content_type=None)


async def apply(client: Client) -> int:
    async with client.post("/apply", params=PROD, json=config_map("a")) as answer:
        return answer.status


async def test_too_many_requests_is_asked_again_whatever_it_was(client: Client, clusters: Clusters) -> None:
    clusters["prod"].faults.add(Fault.BUSY, verb="create", times=1)
    status, _ = await create(client)
    assert status == 201


async def test_a_lost_connection_is_asked_again_only_where_twice_is_once(
    client: Client, clusters: Clusters
) -> None:
    clusters["prod"].faults.add(Fault.ABORT, verb="create", times=1)
    status, problem = await create(client)
    assert (status, problem["reason"]) == (503, "ServiceUnavailable")
    clusters["prod"].faults.add(Fault.ABORT, verb="patch", times=1)
    assert await apply(client) == 201


async def test_who_refuses_is_not_asked_again(client: Client, clusters: Clusters) -> None:
    clusters["prod"].faults.add(Fault.FORBIDDEN, verb="patch", times=1)
    assert await apply(client) == 403
    assert await apply(client) == 201


async def test_a_cluster_that_is_always_busy_says_so_in_time(
    client: Client, clusters: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.fleet.cluster_request.TRIES", 2)
    clusters["prod"].faults.add(Fault.BUSY, verb="create")
    async with asyncio.timeout(5):
        status, problem = await create(client)
    assert (status, problem["reason"]) == (429, "TooManyRequests")


async def test_garbage_is_not_taken_for_success(client: Client, clusters: Clusters) -> None:
    clusters["prod"].faults.add(Fault.GARBAGE, verb="create", times=1)
    status, problem = await create(client)
    assert status == 502
    assert problem["cluster"] == "prod"


async def test_a_cluster_that_is_still_being_reached_is_waited_for(
    start_clusters: StartClusters, serve: StartServer
) -> None:
    clusters = await start_clusters("prod")
    clusters["prod"].faults.add(Fault.HANG)
    client = await serve(clusters, settled=False)
    creating = asyncio.create_task(create(client))
    await asyncio.wait({creating}, timeout=0.3)
    assert not creating.done()
    clusters["prod"].faults.clear()
    status, _ = await creating
    assert status == 201


async def test_a_body_beyond_all_measure_is_refused(client: Client) -> None:
    headers = {"Content-Type": "application/yaml"}
    async with client.post(
        "/apply", params=PROD, data=io.BytesIO(b"#" * 17 * 2**20), headers=headers
    ) as answer:
        assert answer.status == 413
        assert answer.content_type == "application/problem+json"
