"""A name that no cluster has is answered in the same words, wherever a cluster can be named."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from app.suggestions import near, no_cluster
from bench.testbed.served_fleet import Server, serving, simulated, write_config
from tests.builders import deployment, namespace
from tests.commands.conftest import OPTIONS, Clusters
from tests.commands.running import Command

SAID = "no cluster 'prod'; did you mean prod-eu, prod-us?"
NAMES = ("prod-eu", "prod-us", "staging")
MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "default"}}


@pytest.fixture
async def clusters() -> AsyncIterator[Clusters]:
    async with AsyncExitStack() as stack:
        made = {name: await stack.enter_async_context(simulated(name)) for name in NAMES}
        for cluster in made.values():
            cluster.storage.create(namespace("default"))
            cluster.storage.create(deployment("web"))
        yield made


@pytest.fixture
async def server(clusters: Clusters, tmp_path: Path) -> AsyncIterator[Server]:
    config = write_config(tmp_path / "config", [(each.name, each.url) for each in clusters.values()])
    async with serving(config, options=OPTIONS) as server:
        yield server


@pytest.mark.parametrize(
    ("method", "path", "member"),
    [
        ("GET", "/pods?cluster=prod", "detail"),
        ("GET", "/pods/web-1?cluster=staging,prod", "detail"),
        ("GET", "/clusters?cluster=prod", "detail"),
        ("GET", "/resources?cluster=prod", "detail"),
        ("GET", "/clusters/prod/kubeconfig", "detail"),
        ("GET", "/pods/web-1/logs?cluster=prod&namespace=default", "detail"),
        ("GET", "/pods/web-1/events?cluster=prod&namespace=default", "detail"),
        ("GET", "/pods?watch=1&cluster=prod", "detail"),
        ("GET", "/stream?resource=pods&cluster=prod", "detail"),
        ("GET", "/ws?resource=pods&cluster=prod", "detail"),
        ("POST", "/apply?cluster=staging&cluster=prod", "detail"),
        ("POST", "/configmaps?cluster=prod&namespace=default", "detail"),
        ("PUT", "/configmaps/m?cluster=prod&namespace=default", "detail"),
        ("PATCH", "/configmaps/m?cluster=prod&namespace=default", "detail"),
        ("DELETE", "/configmaps/m?cluster=prod&namespace=default", "detail"),
        ("POST", "/deployments/web/scale?cluster=prod&namespace=default", "detail"),
        ("POST", "/deployments/web/restart?cluster=prod&namespace=default", "detail"),
        ("GET", "/clusters/prod/api/v1/pods", "message"),
        ("POST", "/clusters/prod/api/v1/namespaces/default/configmaps", "message"),
    ],
)
async def test_over_http(server: Server, method: str, path: str, member: str) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers = {**upgrade, "Sec-WebSocket-Key": "A" * 22 + "=="} if path.startswith("/ws") else {}
    if method == "PATCH":
        headers = {"Content-Type": "application/merge-patch+json"}
    manifest = MANIFEST if method != "GET" else None
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, server.url + path, headers=headers, json=manifest) as answer,
    ):
        document = await answer.json(content_type=None)
    assert (answer.status, document[member]) == (404, SAID)
    if member == "detail":
        assert document["cluster"] == "prod"


async def test_over_server_sent_events(server: Server) -> None:
    headers = {"Accept": "text/event-stream"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/stream?resource=pods&cluster=prod", headers=headers) as answer,
    ):
        assert (answer.status, (await answer.json(content_type=None))["detail"]) == (404, SAID)


async def test_in_a_message_over_websocket(server: Server) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/ws") as socket:
        await socket.send_json({"op": "subscribe", "id": "1", "resource": "pods", "cluster": "prod"})
        error = json.loads(await socket.receive_str())
    assert error == {"id": "1", "type": "ERROR", "status": 404, "detail": SAID, "cluster": "prod"}


@pytest.mark.parametrize(
    "arguments",
    [
        "get pods",
        "get pods -w",
        "describe pods",
        "logs web-1",
        "clusters",
        "delete deploy web -n default",
        "delete deploy -l app=web -A",
        "scale deploy/web --replicas=5 -n default",
        "restart deploy/web -n default",
        "apply -f -",
    ],
)
async def test_on_the_command_line_nothing_is_done(
    server: Server, clusters: Clusters, arguments: str
) -> None:
    versions = [cluster.storage.version for cluster in clusters.values()]
    done = await Command(server.url)(
        *arguments.split(), "--cluster", "staging,prod", stdin=json.dumps(MANIFEST)
    )
    assert (done.status, done.out, done.err) == (1, "", f"k8s-mcp: {SAID}\n")
    assert [cluster.storage.version for cluster in clusters.values()] == versions


async def test_a_kind_that_no_cluster_serves_is_answered_with_near_ones(server: Server) -> None:
    kinds = {"Deploymnt": "apps/v1", "Deployment": "extensions/v1", "Gadget": "example.com/v1"}
    said = []
    async with aiohttp.ClientSession() as session:
        for kind, version in kinds.items():
            manifest = {**MANIFEST, "kind": kind, "apiVersion": version}
            async with session.post(f"{server.url}/apply?cluster=staging", json=manifest) as answer:
                (result,) = (await answer.json())["results"]
            said.append(result["documents"][0]["error"]["detail"])
    assert said == [
        "the cluster serves no kind 'Deploymnt' of 'apps/v1'; did you mean Deployment of apps/v1?",
        "the cluster serves no kind 'Deployment' of 'extensions/v1'; did you mean Deployment of apps/v1?",
        "the cluster serves no kind 'Gadget' of 'example.com/v1'",
    ]


def test_which_names_are_near() -> None:
    assert near("prod", ["staging", "prod-us", "PROD-eu"]) == ["PROD-eu", "prod-us"]
    assert near("prd-us", ["staging", "prod-us", "prod-eu"]) == ["prod-us", "prod-eu"]
    assert near("prod", [f"production-of-number-{number}" for number in range(9)]) == [
        "production-of-number-0",
        "production-of-number-1",
        "production-of-number-2",
    ]
    assert no_cluster("x", []) == "no cluster 'x'; there is none at all"
