"""Lists, objects, writes and logs through the client."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import pytest
from aiohttp import web

from app.client import AsyncFleet, FleetError
from app.client.log_stream import LONGEST_LINE, Logs
from app.simulator.apiserver import served_logs
from app.simulator.apiserver.object_storage import Storage
from app.simulator.apiserver.registry import Obj
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.builders import config_map, pod


async def test_a_list_of_all_clusters(
    fleet: AsyncFleet, prod: SimulatedCluster, edge: SimulatedCluster
) -> None:
    prod.storage.create(pod("web-1", app="web"))
    prod.storage.create(pod("db-1", app="db"))
    edge.storage.create(pod("web-2", app="web"))
    pods = await fleet.list("po", label_selector="app=web", sort="-metadata.name")
    assert [(each.cluster, each.metadata.name) for each in pods] == [("edge", "web-2"), ("prod", "web-1")]
    assert pods[0]["metadata"]["name"] == "web-2"
    assert [(each.name, each.state) for each in pods.clusters] == [("edge", "synced"), ("prod", "synced")]
    assert pods.cursor
    assert [
        each.metadata.name for each in await fleet.list("pods", cluster=["prod"], namespace="default")
    ] == [
        "db-1",
        "web-1",
    ]
    assert await fleet.list("pods", field_selector="metadata.name=none") == []


async def test_pages(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    for number in range(3):
        prod.storage.create(pod(f"web-{number}"))
    first = await fleet.list("pods", limit=2)
    second = await fleet.list("pods", limit=2, page=first.next_page)
    assert [each.metadata.name for each in [*first, *second]] == ["web-0", "web-1", "web-2"]
    assert second.next_page == ""


async def test_one_object(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    prod.storage.create(pod("web-1"))
    await fleet.list("pods")
    found = await fleet.get("pods", "web-1", cluster="prod", namespace="default")
    assert (found.cluster, found.metadata.name) == ("prod", "web-1")
    with pytest.raises(FleetError, match="web-2") as missing:
        await fleet.get("pods", "web-2")
    assert (missing.value.status, missing.value.heals) == (404, False)
    with pytest.raises(ValueError, match="empty"):
        await fleet.get("pods", "")


async def test_what_is_wrong_is_said(fleet: AsyncFleet) -> None:
    with pytest.raises(FleetError, match="podz") as unknown:
        await fleet.list("podz")
    assert unknown.value.status == 404
    with pytest.raises(FleetError, match="labelSelector"):
        await fleet.list("pods", label_selector="=")
    async with AsyncFleet("http://127.0.0.1:1") as nobody:
        with pytest.raises(FleetError, match=r"http://127\.0\.0\.1:1 cannot be reached") as unreachable:
            await nobody.clusters()
        assert (unreachable.value.status, unreachable.value.heals) == (0, True)


async def test_what_is_not_this_server_is_said(prod: SimulatedCluster) -> None:
    async with AsyncFleet(prod.url) as fleet:
        with pytest.raises(FleetError, match="Unauthorized"):
            await fleet.clusters()


async def test_an_object_from_its_creation_to_its_end(fleet: AsyncFleet) -> None:
    made = await fleet.create("configmaps", config_map("one"), cluster="prod", namespace="default")
    assert (made.cluster, made.metadata.name) == ("prod", "one")
    await fleet.patch(
        "configmaps", "one", {"data": {"a": "1"}}, cluster="prod", namespace="default", field_manager="me"
    )
    found = await fleet.get("configmaps", "one")
    assert found.data.a == "1"
    found.data.a = "2"
    replaced = await fleet.replace("configmaps", "one", found, cluster="prod", namespace="default")
    assert replaced.data == {"a": "2"}
    kept = await fleet.delete("configmaps", "one", cluster="prod", namespace="default", dry_run=True)
    assert kept
    assert [each.metadata.name for each in await fleet.list("configmaps")] == ["one"]
    await fleet.delete("configmaps", "one", cluster="prod", namespace="default")
    assert await fleet.list("configmaps") == []
    with pytest.raises(FleetError) as missing:
        await fleet.delete("configmaps", "one", cluster="prod", namespace="default")
    assert (missing.value.status, missing.value.cluster) == (404, "prod")
    with pytest.raises(ValueError, match="kind: 'overwrite' is not accepted"):
        await fleet.patch("configmaps", "one", {}, kind="overwrite")  # type: ignore[call-overload]


async def test_writes_to_several_clusters_have_a_result_for_each(
    fleet: AsyncFleet, prod: SimulatedCluster
) -> None:
    prod.storage.create(config_map("one"))
    results = await fleet.create("configmaps", config_map("one"), cluster=["*"], namespace="default")
    assert {each.cluster: each.status for each in results} == {"prod": 409, "edge": 201}
    assert [each.error.reason for each in results.failed] == ["AlreadyExists"]
    again = await fleet.create("configmaps", config_map("one"), cluster=["prod", "edge"], namespace="default")
    assert [each.status for each in again] == [409, 409]
    assert len(await fleet.list("configmaps", after=fleet.written)) == 2


async def test_manifests_are_applied(fleet: AsyncFleet) -> None:
    yaml = """
kind: ConfigMap
apiVersion: v1
metadata: {name: one}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: two}
"""
    results = await fleet.apply(yaml, cluster=["prod", "edge"], namespace="default")
    assert [(each.cluster, [document.name for document in each.documents]) for each in results] == [
        ("edge", ["one", "two"]),
        ("prod", ["one", "two"]),
    ]
    assert results.failed == []
    (one,) = await fleet.apply(config_map("three"), cluster="prod")
    assert one.documents[0].status == 201
    assert sorted(each.metadata.name for each in await fleet.list("configmaps", cluster="prod")) == [
        "one",
        "three",
        "two",
    ]


async def test_workloads_are_scaled_and_restarted(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    prod.storage.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "main", "image": "nginx"}]},
                },
            },
        }
    )
    await fleet.scale("deploy", "web", 3, cluster="prod", namespace="default")
    await fleet.restart("deploy", "web", cluster="prod", namespace="default")
    found = await fleet.get("deploy", "web")
    assert found.spec.replicas == 3
    assert "kubectl.kubernetes.io/restartedAt" in found.spec.template.metadata.annotations


async def test_logs_by_lines_and_whole(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    running = {
        "name": "main",
        "ready": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }
    prod.storage.create(pod("web-1") | {"status": {"phase": "Running", "containerStatuses": [running]}})
    await fleet.list("pods")
    text = await fleet.logs("pods", "web-1", cluster="prod", namespace="default", tail_lines=5)
    lines = [
        line async for line in fleet.logs("pods", "web-1", cluster="prod", namespace="default", tail_lines=5)
    ]
    assert lines == text.splitlines()
    with pytest.raises(FleetError, match="web-2"):
        await fleet.logs("pods", "web-2", cluster="prod", namespace="default")


async def test_events_clusters_and_resources(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    prod.storage.create(pod("web-1"))
    assert await fleet.events("pods", "web-1", cluster="prod", namespace="default") == []
    assert {each.name for each in await fleet.clusters()} == {"edge", "prod"}
    assert "deployments.apps" in {each.name for each in await fleet.resources()}


async def test_a_token_is_presented(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + b'{"clusters":[]}')
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("K8S_MCP_URL", url)
    monkeypatch.setenv("K8S_MCP_TOKEN", "of the environment")
    async with listening:
        async with AsyncFleet() as fleet:
            assert await fleet.clusters() == []
        async with AsyncFleet(url + "/", "given") as fleet:
            await fleet.clusters()
    assert "Authorization: Bearer of the environment" in told[0]
    assert "Authorization: Bearer given" in told[1]


async def test_a_line_without_an_end_comes_in_pieces(
    fleet: AsyncFleet, prod: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\N{GRINNING FACE}" * (3 * LONGEST_LINE // 4) + "end"
    ends = asyncio.Event()

    async def send(
        request: web.Request, storage: Storage, pod: Obj, query: Mapping[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(text.encode())
        await ends.wait()
        await response.write(b"\nnext\n")
        return response

    monkeypatch.setattr(served_logs, "send", send)
    prod.storage.create(pod("web-1"))
    async with asyncio.timeout(20), aclosing(aiter(_log(fleet))) as lines:
        # It does not end yet, and what is held of it is bounded.
        pieces = [await anext(lines) for _ in range(3)]
        ends.set()
        pieces += [line async for line in lines]
    assert max(len(piece.encode()) for piece in pieces) <= LONGEST_LINE
    assert pieces[-1] == "next"
    assert "".join(pieces[:-1]) == text


def _log(fleet: AsyncFleet) -> Logs:
    return fleet.logs("pods", "web-1", cluster="prod", namespace="default")
