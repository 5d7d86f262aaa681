"""What the cache answers is, byte for byte of its meaning, what kube-apiserver answers."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from app.api.application import make_application
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.fleet import Fleet
from bench.testbed.control_plane import ControlPlane
from tests.reading.conftest import OPTIONS

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
WATCHED = ("pods", "configmaps", "namespaces", "services", "deployments")
INITIAL = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
POD: dict[str, Any] = {"spec": {"containers": [{"name": "main", "image": "nginx"}]}}


class Both:
    """The same asked of kube-apiserver, and of a server that watches it."""

    def __init__(self, session: aiohttp.ClientSession, plane: ControlPlane, ours: str) -> None:
        self._session = session
        self._plane = plane
        self._ours = ours

    def direct(self, path: str, accept: str = "application/json") -> Any:
        headers = {"Accept": accept, "Authorization": f"Bearer {self._plane.token}"}
        url = URL(self._plane.url + path, encoded=True)
        return self._session.get(url, headers=headers, ssl=self._plane.ssl_context)

    def through(self, path: str, accept: str = "application/json") -> Any:
        return self._session.get(URL(self._ours + path, encoded=True), headers={"Accept": accept})

    async def write(self, method: str, path: str, accept: str, **more: Any) -> int:
        """The status of what the server in front answers."""
        headers = {"Accept": accept}
        async with self._session.request(method, self._ours + path, headers=headers, **more) as answer:
            await answer.read()
            return answer.status

    async def lines(self, path: str, accept: str) -> tuple[list[Any], list[Any]]:
        """The events of two watches that end by themselves, without bookmarks, whose time is their own."""

        async def read(answer: Any) -> list[Any]:
            async with answer as events:
                assert events.status == 200
                found = [json.loads(line) async for line in events.content]
            return [plain(event) for event in found if event["type"] != "BOOKMARK"]

        theirs, ours = await asyncio.gather(read(self.direct(path, accept)), read(self.through(path, accept)))
        return theirs, ours


def plain(document: Any) -> Any:
    """Without what the cache does not hold, and without the versions of lists."""
    if isinstance(document, dict):
        return {key: plain(value) for key, value in document.items() if key != "managedFields"}
    return [plain(each) for each in document] if isinstance(document, list) else document


def size(document: Any) -> int:
    return len(document.get("items") or document.get("rows") or ())


@pytest.fixture
async def both(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Both]:
    kubeconfig = control_plane.kubeconfig(tmp_path / "kubeconfig")
    options = msgspec.structs.replace(OPTIONS, watch=WATCHED)
    async with AsyncExitStack() as stack:
        # TLS connections say goodbye after they have been closed.
        stack.push_async_callback(asyncio.sleep, 0.1)
        fleet = Fleet(options, [kubeconfig])
        await fleet.start()
        stack.push_async_callback(fleet.close)
        server = TestServer(make_application(fleet, Door(None, "127.0.0.1", []), Serving(10, None, None)))
        await stack.enter_async_context(server)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        cluster = fleet.clusters["plane"]
        async with asyncio.timeout(60):
            await cluster.settled.wait()
            for name in ("pods", "configmaps", "namespaces", "services", "deployments.apps"):
                watch = cluster.watches.get(name)
                assert watch is not None
                await watch.settle()
        yield Both(session, control_plane, str(server.make_url("/clusters/plane")))


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """With two pods, which nobody runs; it goes with the test, though no controller sees to that."""
    name = f"facade-{uuid.uuid4().hex[:8]}"
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for number, color in enumerate(("red", "blue")):
        labels = {"color": color}
        body = {"metadata": {"name": f"pod-{number}", "labels": labels}, **POD}
        control_plane.request("POST", f"/api/v1/namespaces/{name}/pods", body)
    yield name
    path = f"/api/v1/namespaces/{name}"
    for plural in ("pods", "configmaps"):
        control_plane.request("DELETE", f"{path}/{plural}?gracePeriodSeconds=0")
    control_plane.request("DELETE", path)
    body = {"metadata": {"name": name}, "spec": {"finalizers": []}}
    control_plane.request("PUT", f"{path}/finalize", body)


@pytest.mark.parametrize("accept", ["application/json", TABLE, METADATA.replace("data;", "dataList;")])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?labelSelector=color%20in%20(red)",
        "?fieldSelector=metadata.name%3Dpod-1,status.phase%3DPending",
        "?fieldSelector=spec.nodeName%21%3D",
        "?resourceVersion=0",
        "?limit=1",
    ],
)
async def test_lists(both: Both, namespace: str, query: str, accept: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods{query}"
    async with both.direct(path, accept) as theirs:
        expected = json.loads(await theirs.text())
    # What was created beside this server may be on its way to it.
    async with asyncio.timeout(30):
        while True:
            async with both.through(path, accept) as ours:
                found = json.loads(await ours.text())
            if size(found) == size(expected):
                break
    assert ours.headers["X-Cache"] == "hit"
    assert ours.headers["Content-Type"] == theirs.headers["Content-Type"]
    for document in (expected, found):
        # Versions are those of each one's last change; a token is its maker's.
        document["metadata"].pop("resourceVersion")
        assert ("continue" in document["metadata"]) is (query == "?limit=1")
        document["metadata"].pop("continue", None)
    assert json.dumps(plain(found)) == json.dumps(plain(expected))


@pytest.mark.parametrize(
    "query",
    [
        "fieldSelector=metadata.name%3Dpod-1;b",
        "fieldSelector=metadata.name%3D%zz",
        "labelSelector=color=red;b",
        "watch=1;2&timeoutSeconds=1",
        "watch=%zz&timeoutSeconds=1",
        "limit=1;2",
        "limit=1&;=",
    ],
)
async def test_parameters_that_an_api_server_leaves_out_are_its_own_to_read(
    both: Both, namespace: str, query: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods?{query}"
    async with both.direct(path) as theirs, both.through(path) as ours:
        expected, found = [json.loads(await answer.text()) for answer in (theirs, ours)]
    assert ours.headers["X-Cache"] == "miss"
    for document in (expected, found):
        document["metadata"].pop("resourceVersion")
        document["metadata"].pop("continue", None)
    assert plain(found) == plain(expected)


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("", "application/json"),
        (f"&{INITIAL}", "application/json"),
        ("", TABLE),
        ("&includeObject=Object", TABLE),
        (f"&includeObject=None&{INITIAL}", TABLE),
        ("", METADATA),
        ("&labelSelector=color%3Dred", "application/json"),
        ("&labelSelector=color%3Dred", TABLE),
        ("&fieldSelector=metadata.name%3Dpod-1", "application/json"),
    ],
)
async def test_watches(
    both: Both, control_plane: ControlPlane, namespace: str, query: str, accept: str
) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    asked = asyncio.create_task(both.lines(f"{pods}?watch=1&timeoutSeconds=2{query}", accept))
    await asyncio.sleep(0.7)

    def change() -> None:
        merge = "application/merge-patch+json"
        for color in ("green", "red"):
            patch = {"metadata": {"labels": {"color": color}}}
            control_plane.request("PATCH", f"{pods}/pod-1", patch, content_type=merge)
        control_plane.request("POST", pods, {"metadata": {"name": "late", "labels": {"color": "red"}}, **POD})
        control_plane.request("DELETE", f"{pods}/pod-1?gracePeriodSeconds=0")

    await asyncio.to_thread(change)
    expected, found = await asked
    kinds = [event["type"] for event in expected]
    assert kinds.count("DELETED") >= 1
    assert found == expected


async def test_what_is_too_old_is_the_api_servers_to_refuse(both: Both, control_plane: ControlPlane) -> None:
    path = "/api/v1/pods?watch=1&timeoutSeconds=1&resourceVersion=1"
    async with aiohttp.ClientSession() as session:
        version = control_plane.request("GET", "/api/v1/pods")["metadata"]["resourceVersion"]
        body = {"revision": int(version)}
        async with session.post(f"{control_plane.etcd_url}/v3/kv/compaction", json=body) as answer:
            assert answer.status == 200
    expected, found = await both.lines(path, "application/json")
    assert found == expected


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.kubernetes.protobuf"])
async def test_what_was_written_is_in_the_next_list(both: Both, namespace: str, accept: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"

    async def names() -> set[str]:
        async with both.through(path) as answer:
            assert answer.headers["X-Cache"] == "hit"
            return {item["metadata"]["name"] for item in (await answer.json())["items"]}

    for number in range(20):
        name = f"written-{number}"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        assert await both.write("POST", path, accept, json=body) == 201
        assert name in await names()
        if number % 2:
            assert await both.write("DELETE", f"{path}/{name}", accept) == 200
            assert name not in await names()
    assert await both.write("DELETE", path, accept) == 200
    assert not [name for name in await names() if name.startswith("written-")]
