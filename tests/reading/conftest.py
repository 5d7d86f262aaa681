"""A server over clusters whose stores a test fills by hand."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.api.application import make_application
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.cluster import Cluster, ClusterOptions
from app.fleet.fleet import Fleet
from app.fleet.watch_status import Condition, State
from app.kube.auth.contexts import Context
from app.kube.discovery.api_resource import Resource
from app.kube.reflector import Health, Reflector, Sink
from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_object import BodyFormat, WireObject
from tests.builders import stored_pod

Client = TestClient[web.Request, web.Application]
StartServer = Callable[..., Awaitable[Client]]
OPTIONS = ClusterOptions(watch=("pods",), release_after=600, managed_fields=False, secret_values=False)


class Held(Cluster):
    """A cluster that is connected, and whose watches bring what the test says.

    ``begun`` is set when a resource begins to be watched.
    """

    def __init__(self, name: str) -> None:
        self.begun = asyncio.Event()
        context = SimpleNamespace(name=name, context=f"the {name}", source="test", fingerprint=name)
        super().__init__(cast(Context, context), OPTIONS, lambda cluster: None)
        self.identity = f"uid of {name}"
        self.version = "v1.37.0"
        self.know("synced")

    def know(self, state: State, error: str | None = None) -> None:
        """Connected, with what WELL_KNOWN lists, or not."""
        self._health.connecting = Condition(state, time.time(), error)
        if state != "syncing":
            self.settled.set()
        if state == "synced":
            self.watches.follow(self.catalog)

    def fill(self, resource: str, objects: Iterable[dict[str, Any]], version: int) -> None:
        """What a complete list at this version brings."""
        self.fill_with_json(resource, (json.dumps(found).encode() for found in objects), version)

    def fill_with_json(self, resource: str, documents: Iterable[bytes], version: int) -> None:
        feed = self._feed(resource)
        feed.gather([_received(document) for document in documents])
        feed.swap(version, continues=True)
        feed.report(Health("synced"))

    def modify(self, resource: str, document: bytes) -> None:
        """What a watch brings of an object."""
        self._feed(resource).apply("MODIFIED", _received(document))

    def report(self, resource: str, state: Any, error: str) -> None:
        self._feed(resource).report(Health(state, error))

    def _feed(self, resource: str) -> Any:
        self.watches.ask(resource)
        watch = self.watches.get(resource)
        assert watch is not None
        return watch.feeds[0]

    async def _recognise(self) -> None:
        """Always the same cluster."""

    def _reflector(self, resource: Resource, sink: Sink, namespace: str | None) -> Reflector:
        self.begun.set()
        return cast(Reflector, Idle())


def _received(document: bytes) -> WireObject:
    found = decode_event(b'{"type":"ADDED","object":%s}' % document, BodyFormat()).object
    assert found is not None
    return found


class Idle:
    counters = SimpleNamespace(relists=0, reconnects={"eof": 2}, last_event=time.monotonic())

    async def run(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def clusters() -> AsyncIterator[dict[str, Held]]:
    """Two clusters of a few pods."""
    found = {name: Held(name) for name in ("prod", "staging")}
    found["prod"].fill(
        "pods", [stored_pod("web-1", version=5, app="web"), stored_pod("db-1", "data", 7, app="db")], 10
    )
    found["staging"].fill(
        "pods", [stored_pod("web-1", version=3, app="web"), stored_pod("web-2", version=4, app="web")], 20
    )
    yield found
    for cluster in found.values():
        await cluster.close()


@pytest.fixture
def start(
    clusters: dict[str, Held], aiohttp_client: Callable[[TestServer], Awaitable[Client]]
) -> StartServer:
    async def start_server(
        token: str | None = None,
        certificate: str | None = None,
        sync_timeout: float = 0.2,
        scans_per_caller: int = 0,
    ) -> Client:
        fleet = Fleet(OPTIONS)
        fleet.clusters = cast(dict[str, Cluster], clusters)
        serving = Serving(sync_timeout, token, certificate, scans_per_caller=scans_per_caller)
        return await aiohttp_client(
            TestServer(make_application(fleet, Door(token, "127.0.0.1", []), serving))
        )

    return start_server


@pytest.fixture
async def client(start: StartServer) -> Client:
    return await start()
