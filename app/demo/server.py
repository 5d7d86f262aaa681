"""One simulated cluster behind HTTP on a loopback port."""

import asyncio
import contextlib
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from app.demo import discovery, lists, logs, openapi
from app.demo.accounts import Account
from app.demo.failures import Failure
from app.demo.faults import FAILURES, Fault, Faults, Request
from app.demo.routes import Route, route
from app.demo.storage import Storage
from app.demo.watches import Watch
from app.demo.writes import Writes

_SLOW_PIECES, _SLOW_SECONDS = 20, 0.01
_HEALTH = frozenset(("/healthz", "/readyz", "/livez"))
_WATCH_FAULTS = frozenset(
    (
        Fault.EMPTY,
        Fault.STALL,
        Fault.DROP,
        Fault.GONE_EVENT,
        Fault.ERROR_EVENT,
        Fault.GARBAGE_EVENT,
        Fault.GZIP,
    )
)


class SimulatedCluster:
    """``token`` is the administrator's, None for a server that asks for none; ``accounts`` may be
    changed at any time, and hold who else may call by token. ``faults`` and ``storage`` are for tests
    to play with. It keeps its port when it is stopped and started again."""

    def __init__(
        self,
        name: str = "simulated",
        *,
        token: str | None = None,
        storage: Storage | None = None,
        seed: int | str = 0,
    ) -> None:
        self.name = name
        self.accounts: dict[str, Account] = {token: Account()} if token is not None else {}
        self.storage = storage or Storage(seed)
        self.faults = Faults(random.Random(f"faults/{seed}"))
        self._open = token is None
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._writes = Writes(self.storage)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, and cut every connection as the death of the process would."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        server = runner.server
        for site in [*runner.sites]:
            await site.stop()
        if server is not None:
            for connection in server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except Failure as failure:
            return _failed(failure)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in _HEALTH:
            return web.Response(text="ok")
        account = self._account(request)
        if (document := self._document(request)) is not None:
            fault = self.faults.pick(Request("discover", request.path))
            return await self._met(fault, request) or _json(document)
        found = route(request.path, self.storage.registry)
        if found is None:
            raise Failure("NotFound", "the server could not find the requested resource")
        query = dict(request.query)
        verb = found.verb(request.method, query)
        fault = self.faults.pick(Request(verb, found.served.name))
        if fault not in _WATCH_FAULTS and (met := await self._met(fault, request)) is not None:
            return met
        account.check(verb, found.served, found.namespace)
        if verb == "watch":
            scope = lists.Scope(found.served, found.namespace)
            if found.name:
                query["fieldSelector"] = f"metadata.name={found.name}"
            return await Watch(self.storage, self.faults, scope, query, fault).send(request)
        if verb == "list":
            body = lists.answer(self.storage, lists.Scope(found.served, found.namespace), query)
            return await self._send(body, request, fault)
        if found.sub == "log":
            pod = self.storage.get(found.served, found.namespace, found.name)
            return await logs.send(request, self.storage, pod.obj, query)
        return await self._one(found, verb, request, query)

    async def _one(
        self, found: Route, verb: str, request: web.Request, query: Mapping[str, str]
    ) -> web.Response:
        """A request about one object, or one that makes one."""
        served, namespace, name = found.served, found.namespace, found.name
        body = await request.read()
        kind = request.content_type
        if found.sub == "scale":
            return _json(self._writes.scale(served, namespace, name, body or None, kind, query))
        if verb == "get":
            return web.Response(
                body=self.storage.get(served, namespace, name).json, content_type="application/json"
            )
        if verb == "create":
            return _json(self._writes.create(served, namespace, body, query), 201)
        if verb == "update":
            return _json(self._writes.replace(served, namespace, name, found.sub, body, query))
        if verb == "patch":
            obj, created = self._writes.patch(served, namespace, name, found.sub, body, kind, query)
            return _json(obj, 201 if created else 200)
        if verb == "delete":
            return _json(self._writes.delete(served, namespace, name, body, query))
        if verb == "deletecollection":
            return self._delete_all(found, body, query)
        raise Failure("MethodNotAllowed", f"{request.method} is not supported here")

    def _delete_all(self, found: Route, body: bytes, query: Mapping[str, str]) -> web.Response:
        matches = lists.selection(query)
        scope = lists.Scope(found.served, found.namespace)
        for key, stored in [*self.storage.collection(found.served.name).items()]:
            if scope.key_matches(key) and (matches is None or matches(stored.obj)):
                self._writes.delete(found.served, *key, body, query)
        return _json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    def _account(self, request: web.Request) -> Account:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        known = self.accounts.get(token.strip()) if scheme.lower() == "bearer" else None
        if known is None and not self._open:
            raise Failure("Unauthorized", "Unauthorized")
        return known or Account()

    def _document(self, request: web.Request) -> dict[str, Any] | None:
        """What the server says about itself at this path; None where the path is of objects."""
        path, registry = request.path.rstrip("/"), self.storage.registry
        aggregated = "apidiscovery.k8s.io;v=v2;" in request.headers.get("Accept", "")
        if path == "/version":
            return discovery.VERSION
        if path in ("/api", "/apis") and aggregated:
            return discovery.aggregated(registry, core=path == "/api")
        if path == "/api":
            return discovery.core_versions(self.url.removeprefix("http://"))
        if path == "/apis":
            return discovery.group_list(registry)
        if path == "/openapi/v2":
            return openapi.document_v2(registry)
        if path == "/openapi/v3":
            return openapi.index_v3(registry)
        if path.startswith("/openapi/v3/"):
            return openapi.document_v3(registry, path.removeprefix("/openapi/v3/"))
        parts = path.strip("/").split("/")
        if parts[0] == "api" and len(parts) == 2:
            return discovery.resource_list(registry, parts[1])
        if parts[0] == "apis" and len(parts) == 2:
            return discovery.group(registry, parts[1])
        if parts[0] == "apis" and len(parts) == 3:
            return discovery.resource_list(registry, "/".join(parts[1:]))
        return None

    async def _met(self, fault: Fault | None, request: web.Request) -> web.StreamResponse | None:
        """The answer that a fault makes instead of the right one; None where it makes none."""
        if fault in FAILURES:
            return _failed(FAILURES[fault])
        if fault is Fault.GARBAGE:
            return web.Response(body=b"\x00\xff<html>[", content_type="application/json")
        if fault in (Fault.HANG, Fault.ABORT):
            if fault is Fault.HANG:
                await self.faults.over()
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        return None

    async def _send(self, body: bytes, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        if fault is not Fault.SLOW:
            return web.Response(body=body, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        size = len(body) // _SLOW_PIECES + 1
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(body), size):
                await response.write(body[start : start + size])
                await asyncio.sleep(_SLOW_SECONDS)
        return response


def _json(document: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")


def _failed(failure: Failure) -> web.Response:
    response = _json(failure.status(), failure.code)
    if "retryAfterSeconds" in failure.details:
        response.headers["Retry-After"] = str(failure.details["retryAfterSeconds"])
    return response
