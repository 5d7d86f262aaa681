"""Small API servers, and connections to them as kubeconfigs describe them."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDictProxy

from app.kube.auth.cluster_access import Access, open_access
from app.kube.auth.contexts import Context
from app.kube.client import Connection
from tests.connecting.certificates import Authority

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Served:
    """A server; ``seen`` are the headers of its requests, ``shown`` the names in their certificates."""

    port: int
    scheme: str
    seen: list[CIMultiDictProxy[str]] = field(default_factory=list)
    shown: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def authorizations(self) -> list[str | None]:
        return [headers.get("Authorization") for headers in self.seen]


Serve = Callable[..., Awaitable[Served]]
Connect = Callable[..., Awaitable[Connection]]
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]
Listen = Callable[[Speak], Awaitable[int]]


async def ok(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"{}", content_type="application/json")


def only(*tokens: str) -> Handler:
    """Lets in who brings one of these tokens."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Authorization") in [f"Bearer {token}" for token in tokens]:
            return await ok(request)
        return web.Response(status=401, text="Unauthorized")

    return handler


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True, scope="module")
def _nothing_leaks() -> Iterator[None]:
    """What was left open warns when it is collected, and warnings are errors."""
    yield
    gc.collect()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """``await serve(handler, tls=…)`` starts a server that ends with the test."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler = ok, *, tls: SSLContext | None = None) -> Served:
            served = Served(0, "https" if tls else "http")

            async def recorded(request: web.BaseRequest) -> web.StreamResponse:
                assert request.transport is not None
                served.seen.append(request.headers)
                served.shown.append(common_name(request.transport.get_extra_info("peercert")))
                return await handler(request)

            runner = web.ServerRunner(web.Server(recorded), shutdown_timeout=0)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            served.port = runner.addresses[0][1]
            return served

        yield start


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """``await listen(speak)`` is the port of a server that speaks as it likes until the test ends."""
    async with AsyncExitStack() as stack:

        async def start(speak: Speak) -> int:
            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    await speak(reader, writer)
                except (ConnectionError, asyncio.IncompleteReadError):
                    pass
                finally:
                    writer.close()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            stack.callback(server.close)
            return int(server.sockets[0].getsockname()[1])

        yield start


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """``await connect(cluster, user)`` is a connection that is closed with the test."""
    async with AsyncExitStack() as stack:

        async def start(
            cluster: Mapping[str, Any] | str, user: Mapping[str, Any] | None = None, **limits: float
        ) -> Connection:
            connection = Connection(await access_to(cluster, user), **limits)
            stack.push_async_callback(connection.close)
            return connection

        yield start


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


async def access_to(cluster: Mapping[str, Any] | str, user: Mapping[str, Any] | None = None) -> Access:
    """``cluster`` is that section of a kubeconfig, or its server alone."""
    found = {"server": cluster} if isinstance(cluster, str) else cluster
    return await open_access(Context("c", "c", "test", found, user or {}))


async def until(condition: Callable[[], bool]) -> None:
    """For what happens in another process, of which no event tells."""
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def common_name(certificate: Mapping[str, Any] | None) -> str | None:
    if not certificate:
        return None
    return str(next(value for ((key, value),) in certificate["subject"] if key == "commonName"))
