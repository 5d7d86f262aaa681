"""A server in front of one small API server that records what reaches it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDictProxy

from app.api.application import HTTP_OPTIONS, make_application
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.cluster import Cluster
from app.fleet.fleet import Fleet
from app.kube.auth.cluster_access import open_access
from app.kube.auth.contexts import Context
from app.kube.client import Connection
from bench.testbed.control_plane import ControlPlane
from tests.reading.conftest import OPTIONS, Held

Client = TestClient[web.Request, web.Application]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Upstream:
    """An API server. ``seen`` are the requests that reached it: method, raw target, headers and body."""

    handler: Handler | None = None
    port: int = 0
    seen: list[tuple[str, str, CIMultiDictProxy[str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """Those of the one request that there was."""
        ((_, _, headers, _),) = self.seen
        return headers

    @property
    def targets(self) -> list[str]:
        return [target for _, target, _, _ in self.seen]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Answers ``{}`` to everything, or what its ``handler`` does, which reads the body itself."""
    found = Upstream()

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read() if found.handler is None else b""
        found.seen.append((request.method, request.raw_path, request.headers, body))
        if found.handler is not None:
            return await found.handler(cast(web.Request, request))
        return web.Response(body=b"{}", content_type="application/json")

    runner = web.ServerRunner(
        web.Server(serve, handler_cancellation=True, **HTTP_OPTIONS), shutdown_timeout=0
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


class Front:
    """Clusters that lead to an API server, and servers in front of them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def client(
        self,
        server: str,
        *,
        cluster: Mapping[str, Any] | None = None,
        user: Mapping[str, Any] | None = None,
        token: str | None = None,
        **serving: Any,
    ) -> tuple[Client, Held]:
        """A client of a server that has one cluster, ``prod``."""
        held = Held("prod")
        self._stack.push_async_callback(held.close)
        section = {"server": server, **(cluster or {})}
        context = Context("prod", "prod", "test", section, user or {"token": "token-of-ours"})
        held._connection = Connection(await open_access(context), connect_timeout=5)
        fleet = Fleet(OPTIONS)
        fleet.clusters = cast(dict[str, Cluster], {"prod": held})
        app = make_application(
            fleet,
            Door(token, "127.0.0.1", ["https://dash.example.com"]),
            Serving(0.2, token, None, **serving),
        )
        client = TestClient(TestServer(app), timeout=ClientTimeout(total=30), auto_decompress=False)
        await self._stack.enter_async_context(client)
        return client, held


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with AsyncExitStack() as stack:
        yield Front(stack)


@pytest.fixture
async def client(front: Front, upstream: Upstream) -> Client:
    client, _ = await front.client(upstream.url)
    return client


@pytest.fixture
async def real(front: Front, control_plane: ControlPlane) -> Client:
    """In front of a real API server, as system:masters."""
    cluster = {"certificate-authority": str(control_plane.ca_file)}
    client, _ = await front.client(control_plane.url, cluster=cluster, user={"token": control_plane.token})
    return client


async def raw(port: int, *lines: str, body: bytes = b"") -> bytes:
    """What is answered to just these lines, and this body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()
