"""What clients of streams know equals what a real cluster holds, whatever happens to it and on the ways."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bench.testbed.control_plane import ControlPlane, Refused
from bench.testbed.served_fleet import Server, serving
from bench.testbed.stream_followers import TRANSPORTS, Follower, Key
from tests.conftest import StartPlane
from tests.following.proxy import Proxy
from tests.following.watching import told, watched

SEED = os.environ.get("K8S_MCP_TEST_SEED", "1")
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
RESOURCES = ("pods", "configmaps")
REPLICAS = 200
QUIET_SECONDS = 60.0

Matches = Callable[[Mapping[str, Any]], bool]
QUERIES: list[tuple[dict[str, str], Matches]] = [
    ({}, lambda obj: True),
    ({"labelSelector": "app=web"}, lambda obj: obj["metadata"].get("labels", {}).get("app") == "web"),
    ({"namespace": "default", "delta": "merge"}, lambda obj: obj["metadata"]["namespace"] == "default"),
    ({"fieldSelector": "status.phase=Running"}, lambda obj: obj.get("status", {}).get("phase") == "Running"),
    ({"fields": "metadata.labels"}, lambda obj: True),
    ({"history": "full"}, lambda obj: True),
    ({"shape": "table"}, lambda obj: True),
]


class World:
    """A real cluster, two servers that watch it, and clients, with proxies on all ways between."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.clients: list[tuple[Follower, Matches]] = []
        self._proxies: list[Proxy] = []
        self._rng = random.Random(f"{SEED}/world")
        self._made: list[str] = []

    async def open(self, closing: AsyncExitStack, config: Path) -> None:
        """The servers and clients of this cluster, and their end."""
        port = int(self.plane.url.rpartition(":")[2])
        text = self.plane.kubeconfig(config).read_text()
        urls = []
        for number in range(2):
            way = await self._proxy(closing, port)
            own = config.with_name(f"config-{number}")
            own.write_text(text.replace(self.plane.url, f"https://127.0.0.1:{way.port}"))
            server = Server(own)
            await server.start()
            closing.push_async_callback(server.stop)
            urls.append((await self._proxy(closing, server.port)).url)
        for number, (query, matches) in enumerate(QUERIES):
            rng = random.Random(f"{SEED}/client {number}")
            transport = [*TRANSPORTS][number % len(TRANSPORTS)]
            asked = {"resource": ",".join(RESOURCES), **query}
            client = Follower(urls, asked, transport, rng, slow=rng.choice((0, 0.05)))
            self.clients.append((client, matches))
            task = asyncio.create_task(client.run())
            closing.push_async_callback(_cancelled, task)

    async def _proxy(self, closing: AsyncExitStack, port: int) -> Proxy:
        rng = random.Random(f"{SEED}/proxy {len(self._proxies)}")
        proxy = await closing.enter_async_context(Proxy(port, rng))
        self._proxies.append(proxy)
        return proxy

    @asynccontextmanager
    async def trouble(self) -> AsyncIterator[None]:
        """Unruly ways, restless clients and writes meanwhile; then peace, and everybody knows the truth."""
        self._unrest(True)
        writing = asyncio.create_task(self._write())
        try:
            yield
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            self._unrest(False)
        await self._quiet()

    def _unrest(self, unruly: bool) -> None:
        for proxy in self._proxies:
            proxy.unruly = unruly
        for client, _ in self.clients:
            client.restless = unruly

    async def _write(self) -> None:
        while True:
            with suppress(OSError):  # the API server is away
                await asyncio.to_thread(self._write_one)
            if self._rng.random() < 0.1:
                self._rng.choice(self._proxies).cut()
            await asyncio.sleep(self._rng.choice((0, 0.01, 0.1)))

    def _write_one(self) -> None:
        name = f"n{self._rng.randrange(20)}"
        labels = {"app": self._rng.choice(("web", "db"))}
        obj = {"metadata": {"name": name, "labels": labels}, "data": {"k": str(self._rng.random())}}
        method = self._rng.choice(("POST", "PUT", "PUT", "DELETE"))
        path = CONFIG_MAPS if method == "POST" else f"{CONFIG_MAPS}/{name}"
        # It may be there, or not, or the API server is about to go.
        with suppress(Refused):
            self.plane.request(method, path, None if method == "DELETE" else obj)

    async def _quiet(self) -> None:
        deadline = asyncio.get_running_loop().time() + QUIET_SECONDS
        while wrong := await self._differences():
            assert asyncio.get_running_loop().time() < deadline, "\n".join(wrong)
            await asyncio.sleep(0.2)

    async def _differences(self) -> list[str]:
        true = await asyncio.to_thread(self._truth)
        found = []
        for client, matches in self.clients:
            right = {key: _identity(obj) for key, obj in true.items() if matches(obj)}
            held = {key: _identity(obj) for key, obj in client.objects.items()}
            if held != right:
                wrong = {key: (held.get(key), right.get(key)) for key, _ in held.items() ^ right.items()}
                told = "\n".join(map(str, client.frames[-30:]))
                found.append(f"{client.query} holds, and should: {wrong}\n{told}")
        return found

    def _truth(self) -> dict[Key, Mapping[str, Any]]:
        return {
            ("plane", plural, obj["metadata"]["namespace"], obj["metadata"]["name"]): obj
            for plural in RESOURCES
            for obj in self.plane.request("GET", f"/api/v1/{plural}")["items"]
        }


def _identity(obj: Mapping[str, Any]) -> tuple[str, str]:
    return obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(result, asyncio.CancelledError), result


async def _kubectl(plane: ControlPlane, *arguments: str) -> None:
    await asyncio.to_thread(plane.kubectl, *arguments, timeout=220)


async def test_a_cursor_ahead_of_a_quiet_resource_is_gone_on_with(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Another replica listed it later, and nothing has changed: nothing is sent again."""
    config = control_plane.kubeconfig(tmp_path / "config")
    await asyncio.to_thread(
        control_plane.request, "POST", CONFIG_MAPS, {"metadata": {"name": "quiet"}, "data": {}}
    )
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        serving(config) as earlier,
    ):
        async with watched(session, earlier, resource="configmaps") as stream:
            await stream.until("SYNCED")
        secrets = CONFIG_MAPS.replace("configmaps", "secrets")
        await asyncio.to_thread(
            control_plane.request, "POST", secrets, {"metadata": {"name": "elsewhere"}, "data": {}}
        )
        async with serving(config) as later, watched(session, later, resource="configmaps") as stream:
            cursor = (await stream.until("SYNCED"))[-1]["cursor"]
        async with watched(session, earlier, resource="configmaps", cursor=cursor) as stream:
            assert told(await stream.until("SYNCED")) == [("SYNCED", None)]
    for path in (f"{CONFIG_MAPS}/quiet", f"{secrets}/elsewhere"):
        await asyncio.to_thread(control_plane.request, "DELETE", path)


@pytest.mark.timeout(600)
async def test_every_client_knows_the_truth_of_a_real_cluster(
    start_plane: StartPlane, tmp_path: Path
) -> None:
    plane = await asyncio.to_thread(start_plane, 5)
    await _kubectl(plane, "create", "deployment", "web", "--image=nginx", f"--replicas={REPLICAS}")
    world = World(plane)
    async with AsyncExitStack() as closing:
        await world.open(closing, tmp_path / "config")
        async with world.trouble():
            await _kubectl(plane, "rollout", "status", "deployment/web", "--timeout=200s")
            await _kubectl(plane, "rollout", "restart", "deployment/web")
            await _kubectl(plane, "rollout", "status", "deployment/web", "--timeout=200s")
        async with world.trouble():
            await asyncio.to_thread(plane.kill_apiserver)
            await asyncio.sleep(1)
            await asyncio.to_thread(plane.start_apiserver)
            await asyncio.sleep(2)
        async with world.trouble():
            await asyncio.to_thread(plane.wipe_etcd)
            await _kubectl(plane, "create", "deployment", "other", "--image=nginx", "--replicas=20")
            await _kubectl(plane, "rollout", "status", "deployment/other", "--timeout=200s")
