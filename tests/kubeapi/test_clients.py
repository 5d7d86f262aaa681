"""What client libraries make of a cluster's own API: they list, watch, lose their place and begin again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import aiohttp
import kr8s
import pytest
import yaml
from aiohttp.test_utils import TestServer
from kubernetes_asyncio import client as kubernetes
from kubernetes_asyncio import watch as watching

from app.api.application import make_application
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.fleet import Fleet
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.reading.conftest import OPTIONS

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedCluster]:
    """With a history that nobody remembers."""
    async with SimulatedCluster() as cluster, aiohttp.ClientSession(cluster.url) as session:
        namespace = {"metadata": {"name": "default"}}
        async with session.post("/api/v1/namespaces", json=namespace) as answer:
            assert answer.status == 201
        for number in range(5):
            async with session.post(CONFIG_MAPS, json=body(f"old-{number}", "x")) as answer:
                assert answer.status == 201
        cluster.storage.compact()
        yield cluster


@pytest.fixture
async def api(simulated: SimulatedCluster, tmp_path: Path) -> AsyncIterator[kubernetes.ApiClient]:
    """A client of the cluster ``simulated``, through a server that watches its config maps."""
    document = {
        "clusters": [{"name": "c", "cluster": {"server": simulated.url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "simulated", "context": {"cluster": "c", "user": "u"}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(document))
    async with AsyncExitStack() as stack:
        options = type(OPTIONS)(("configmaps",), 600, managed_fields=False, secret_values=False)
        fleet = Fleet(options, [kubeconfig])
        await fleet.start()
        stack.push_async_callback(fleet.close)
        app = make_application(fleet, Door(None, "127.0.0.1", []), Serving(10, None, None))
        server = await stack.enter_async_context(TestServer(app))
        async with asyncio.timeout(30):
            await fleet.clusters["simulated"].settled.wait()
            watch = fleet.clusters["simulated"].watches.get("configmaps")
            assert watch is not None
            await watch.settle()
        host = str(server.make_url("/clusters/simulated"))
        yield await stack.enter_async_context(kubernetes.ApiClient(kubernetes.Configuration(host=host)))


class Informer:
    """Keeps a mapping in step by a list and watches, as informers do; ``lists`` counts its lists."""

    def __init__(self, core: Any) -> None:
        self.known: dict[str, Any] = {}
        self.lists = 0
        self._core = core

    async def run(self, seconds: int) -> None:
        """For as many watches as it takes."""
        while True:
            page = await self._core.list_namespaced_config_map("default")
            self.known = {item.metadata.name: item.data for item in page.items}
            self.lists += 1
            try:
                await self.follow(page.metadata.resource_version, seconds)
            except kubernetes.ApiException as error:
                if error.status != 410:
                    raise

    async def follow(self, version: str, seconds: int) -> None:
        async with watching.Watch().stream(
            self._core.list_namespaced_config_map,
            "default",
            resource_version=version,
            timeout_seconds=seconds,
            allow_watch_bookmarks=True,
        ) as events:
            async for event in events:
                found = event["object"]
                if event["type"] == "DELETED":
                    del self.known[found.metadata.name]
                elif event["type"] in ("ADDED", "MODIFIED"):
                    self.known[found.metadata.name] = found.data


def body(name: str, value: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"value": value}}


async def test_an_informer_stays_in_step(api: kubernetes.ApiClient) -> None:
    core = kubernetes.CoreV1Api(api)
    informer = Informer(core)
    running = asyncio.create_task(informer.run(seconds=1))
    for round_ in range(3):
        for number in range(20):
            await core.create_namespaced_config_map("default", body(f"c-{number}", str(round_)))
        for number in range(20):
            await core.patch_namespaced_config_map(f"c-{number}", "default", {"data": {"value": "patched"}})
        # What was written is in the next list, without waiting.
        page = await core.list_namespaced_config_map("default")
        listed = {item.metadata.name: item.data for item in page.items}
        assert {name: listed[name] for name in listed if name.startswith("c-")} == {
            f"c-{number}": {"value": "patched"} for number in range(20)
        }
        for number in range(20):
            await core.delete_namespaced_config_map(f"c-{number}", "default")
        page = await core.list_namespaced_config_map("default")
        assert not any(item.metadata.name.startswith("c-") for item in page.items)
    await core.create_namespaced_config_map("default", body("last", "1"))
    async with asyncio.timeout(30):
        while informer.known.get("last") != {"value": "1"}:
            assert not running.done()
            await asyncio.sleep(0.01)
    assert not any(name.startswith("c-") for name in informer.known)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_comes_from_before_what_anybody_knows_is_told_to_list(api: kubernetes.ApiClient) -> None:
    informer = Informer(kubernetes.CoreV1Api(api))
    with pytest.raises(kubernetes.ApiException) as refused:
        await informer.follow("2", seconds=5)
    assert refused.value.status == 410


@pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported:UserWarning")
async def test_kr8s_lists_and_watches(api: kubernetes.ApiClient) -> None:
    core = kubernetes.CoreV1Api(api)
    other = await kr8s.asyncio.api(url=api.configuration.host)
    listed = other.get("configmaps", namespace="default")
    assert sorted([found.name async for found in listed]) == [f"old-{number}" for number in range(5)]  # type: ignore[union-attr]

    async def follow() -> AsyncGenerator[tuple[str, str, Any], None]:
        async for kind, found in other.watch("configmaps", namespace="default"):
            yield kind, found.name, found.raw["data"]

    async with asyncio.timeout(30), aclosing(follow()) as events:
        first = [await anext(events) for _ in range(5)]
        assert {kind for kind, _, _ in first} == {"ADDED"}
        await core.create_namespaced_config_map("default", body("new", "1"))
        await core.patch_namespaced_config_map("new", "default", {"data": {"value": "2"}})
        await core.delete_namespaced_config_map("old-0", "default")
        assert [await anext(events) for _ in range(3)] == [
            ("ADDED", "new", {"value": "1"}),
            ("MODIFIED", "new", {"value": "2"}),
            ("DELETED", "old-0", {"value": "x"}),
        ]
    assert other._session is not None
    await other._session.aclose()  # it has no end of its own
