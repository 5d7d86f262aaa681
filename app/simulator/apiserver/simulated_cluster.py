"""One simulated cluster behind HTTP on a loopback port."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from app.simulator.apiserver import served_api, served_lists, served_logs, served_openapi
from app.simulator.apiserver.accounts import Account
from app.simulator.apiserver.api_failures import ApiFailure
from app.simulator.apiserver.changes.object_writes import ObjectWriter
from app.simulator.apiserver.faults import FAILURES, Fault, Faults, RequestKind
from app.simulator.apiserver.object_storage import HISTORY, Storage
from app.simulator.apiserver.registry import Obj, Registry, ServedResource
from app.simulator.apiserver.request_routes import Route, route
from app.simulator.apiserver.served_watches import WatchResponse

_SLOW_PIECES, _SLOW_SECONDS = 20, 0.01
_TURNS = 5
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


async def stop_accepting(descriptor: int) -> None:
    """To be awaited before the listening socket with this descriptor is closed.

    A connection that is being accepted meanwhile would be leaked by asyncio (python/cpython#109564):
    accept no more, and let those become connections first.
    """
    asyncio.get_running_loop().remove_reader(descriptor)
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class SimulatedCluster:
    """``token`` is the administrator's, None for a server that asks for none; ``accounts`` may be
    changed at any time, and hold who else may call by token. ``faults`` and ``storage`` are for tests
    to play with. It keeps its port when it is stopped and started again."""

    def __init__(
        self,
        name: str = "simulated",
        *,
        token: str | None = None,
        seed: int | str = 0,
        history: int = HISTORY,
    ) -> None:
        self.name = name
        self.accounts: dict[str, Account] = {token: Account()} if token is not None else {}
        self.storage = Storage(seed, history=history)
        self.faults = Faults(random.Random(f"faults/{seed}"))
        self._open = token is None
        self._port = 0
        self._socket: socket.socket | None = None
        self._runner: web.AppRunner | None = None
        self._writes = ObjectWriter(self.storage)

    @property
    def url(self) -> str:
        """The URL that the cluster listens on."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        self._socket = socket.create_server(("127.0.0.1", self._port), backlog=1024)
        await web.SockSite(self._runner, self._socket).start()
        self._port = self._socket.getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, and cut every connection as the death of the process would."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        assert self._socket is not None
        await stop_accepting(self._socket.fileno())
        assert runner.server is not None
        for connection in runner.server.connections:
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
        except ApiFailure as failure:
            return _failed(failure)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in _HEALTH:
            return web.Response(text="ok")
        account = self._account(request)
        if (document := self._document(request)) is not None:
            _check_method(request.method in ("GET", "HEAD"))
            fault = self.faults.pick(RequestKind("discover", request.path))
            return await self._fault_response(fault, request) or document
        _check_body(request)
        target = route(request.path, self.storage.registry)
        if target is None:
            return _nothing(request.path, self.storage.registry)
        _check_method(target.allows(request.method))
        query = dict(request.query)
        verb = target.verb(request.method, query)
        fault = self.faults.pick(RequestKind(verb, target.served.name))
        if (
            fault not in _WATCH_FAULTS
            and (response := await self._fault_response(fault, request)) is not None
        ):
            return response
        account.check(verb, target)
        if verb == "watch":
            scope = served_lists.ListScope(target.served, target.namespace)
            return await WatchResponse(self.storage, self.faults, scope, query, fault).send(request)
        if verb == "list":
            body = served_lists.list_body(
                self.storage, served_lists.ListScope(target.served, target.namespace), query
            )
            return await self._send(body, request, fault)
        if target.sub == "log":
            pod = self.storage.get(target.served, target.namespace, target.name)
            return await served_logs.send(request, self.storage, pod.obj, query)
        return await self._answer_object(target, verb, request, query)

    async def _answer_object(
        self, target: Route, verb: str, request: web.Request, query: Mapping[str, str]
    ) -> web.Response:
        """A request about one object, or one that makes one."""
        served, namespace, name = target.served, target.namespace, target.name
        body = await request.read()
        kind, agent = request.content_type, request.headers.get("User-Agent", "")
        if target.sub == "scale":
            return _json(self._writes.scale(served, namespace, name, body or None, kind, query, agent))
        if verb == "get":
            return web.Response(
                body=self.storage.get(served, namespace, name).json, content_type="application/json"
            )
        if verb == "create":
            return _object(served, self._writes.create(served, namespace, body, query, agent), 201)
        if verb == "update":
            obj = self._writes.replace(served, namespace, name, target.sub, body, query, agent)
            return _object(served, obj)
        if verb == "patch":
            obj, created = self._writes.patch(served, namespace, name, target.sub, body, kind, query, agent)
            return _object(served, obj, 201 if created else 200)
        if verb == "delete":
            obj = self._writes.delete(served, namespace, name, body, query)
            return _object(served, self._writes.deletion_answer(served, obj))
        return self._delete_all(target, body, query)

    def _delete_all(self, target: Route, body: bytes, query: Mapping[str, str]) -> web.Response:
        served = target.served
        matches = served_lists.selector_predicate(served, query)
        scope = served_lists.ListScope(served, target.namespace)
        deleted = [
            self._writes.delete(served, *key, body, query)
            for key, stored in sorted(self.storage.collection(served.name).items())
            if scope.key_matches(key) and (matches is None or matches(stored.obj))
        ]
        metadata = {"resourceVersion": str(self.storage.version)}
        head = {"kind": f"{served.kind}List", "apiVersion": served.api_version}
        return _json({**head, "metadata": metadata, "items": [_bare(served, obj) for obj in deleted]})

    def _account(self, request: web.Request) -> Account:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        account = self.accounts.get(token.strip()) if scheme.lower() == "bearer" else None
        if account is None and not self._open:
            raise ApiFailure("Unauthorized", "Unauthorized")
        return account or Account()

    def _document(self, request: web.Request) -> web.Response | None:
        """What the server says about itself at this path; None where the path is of objects."""
        path, registry = request.path.rstrip("/"), self.storage.registry
        wants = request.headers.get("Accept", "")
        if path in ("/api", "/apis") and "apidiscovery.k8s.io;v=v2;" in wants:
            body = orjson.dumps(served_api.aggregated(registry, core=path == "/api"))
            return web.Response(body=body, headers={"Content-Type": served_api.AGGREGATED})
        document = served_api.document(registry, path, self.url.removeprefix("http://"))
        document = document or served_openapi.document(registry, path)
        return _json(document) if document is not None else None

    async def _fault_response(self, fault: Fault | None, request: web.Request) -> web.StreamResponse | None:
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


def _bare(served: ServedResource, obj: Obj) -> Obj:
    """An item of a list: those of built-in kinds do not say their kind."""
    return {key: value for key, value in obj.items() if key not in served.head} if served.typed else obj


def _check_method(allowed: bool) -> None:
    if not allowed:
        raise ApiFailure(
            "MethodNotAllowed", "the server does not allow this method on the requested resource"
        )


def _check_body(request: web.Request) -> None:
    if request.content_type == "application/vnd.kubernetes.protobuf":
        accepted = "accepted media types include: application/json, application/yaml"
        raise ApiFailure(
            "UnsupportedMediaType", f"the body of the request was in an unknown format - {accepted}"
        )


def _nothing(path: str, registry: Registry) -> web.Response:
    """A Status below groups that there are, as Go's own server answers elsewhere."""
    parts = path.strip("/").split("/")
    groups = {served.group for served in registry}
    if parts[0] == "api" or (parts[0] == "apis" and len(parts) > 2 and parts[1] in groups):
        raise ApiFailure("NotFound", "the server could not find the requested resource")
    return web.Response(text="404 page not found\n", status=404)


def _json(document: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")


def _object(served: ServedResource, obj: Obj, status: int = 200) -> web.Response:
    return web.Response(body=served.encoded(obj), status=status, content_type="application/json")


def _failed(failure: ApiFailure) -> web.Response:
    response = _json(failure.status(), failure.code)
    if "retryAfterSeconds" in failure.details:
        response.headers["Retry-After"] = str(failure.details["retryAfterSeconds"])
    return response
