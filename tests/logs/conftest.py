"""A server over a real kube-apiserver, whose pods' logs come from a kubelet of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.api.application import make_application
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.podlogs import log_reader, pod_logs
from bench.testbed.control_plane import ControlPlane
from tests.logs.kubelet import Kubelet

Client = TestClient[web.Request, web.Application]
OPTIONS = ClusterOptions(watch=("pods",), release_after=600, managed_fields=False, secret_values=False)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(log_reader, "DRAIN_SECONDS", 0.5)
    monkeypatch.setattr(pod_logs, "PAUSE_SECONDS", 0.1)


@pytest.fixture
async def kubelet(control_plane: ControlPlane) -> AsyncIterator[Kubelet]:
    async with Kubelet(control_plane) as kubelet:
        yield kubelet


@asynccontextmanager
async def serving(plane: ControlPlane, folder: Path) -> AsyncIterator[Client]:
    """A server over one real cluster, named ``plane``."""
    fleet = Fleet(OPTIONS, [plane.kubeconfig(folder / "config")])
    await fleet.start()
    try:
        app = make_application(fleet, Door(None, "127.0.0.1", []), Serving(5.0, None, None))
        async with TestClient(TestServer(app)) as client:
            await fleet.clusters["plane"].settled.wait()
            yield client
    finally:
        await fleet.close()


@pytest.fixture
async def client(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(control_plane, tmp_path) as client:
        yield client


class Following:
    """A log being followed: ``lines`` are those that came so far."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.lines: list[str] = []

    async def until(self, text: str) -> list[str]:
        """All lines up to one that holds this text."""
        while not any(text in line for line in self.lines):
            line = await self.answer.content.readline()
            if not line:
                raise AssertionError(f"the log ended before {text!r}: {self.lines}")
            self.lines.append(line.decode().removesuffix("\n"))
        return self.lines

    async def end(self) -> list[str]:
        """All lines, once it has ended."""
        self.lines += (await self.answer.text()).splitlines()
        return self.lines


@asynccontextmanager
async def following(client: Client, path: str, **params: str) -> AsyncIterator[Following]:
    import asyncio

    query = {"cluster": "plane", "namespace": "default", "follow": "1"} | params
    async with asyncio.timeout(40), client.get(path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        yield Following(answer)
