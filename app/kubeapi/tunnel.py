"""exec, attach and port-forward: after the API server has switched protocols, bytes in both directions."""

import asyncio
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from collections.abc import Callable

from aiohttp import hdrs, web
from yarl import URL

from app.api.http.lasting_work import CallerGone, while_present
from app.api.http.problem import Problem
from app.kube.client import Connection
from app.kube.upgrades import Upgrade
from app.kubeapi.forwarded_headers import to_caller, to_server
from app.kubeapi.redirects import redirected
from app.kubeapi.request_line import Target

PIECE_BYTES = 64 * 1024
# Once one side has said all it has to say, and nothing comes from the other for so long, that is the end.
HALF_CLOSED_SECONDS = 30.0


async def upgrade(
    request: web.Request,
    connection: Connection,
    target: Target,
    protocol: str,
    answered: Callable[[int], None],
) -> web.StreamResponse:
    """Pass on a request for an upgrade and return its answer; with status 101, after the tunnel has ended.

    ``protocol`` is the value of ``Upgrade``. ``answered`` is called with the status before the tunnel begins.

    Raises ConnectionFailed, AccessError, CallerGone and Problem, all of them before
    anything has been answered.
    """
    if request.body_exists and request.content_length != 0:
        raise Problem(400, "a request for an upgrade has no body")
    headers = to_server(request)
    headers[hdrs.CONNECTION] = "Upgrade"
    headers[hdrs.UPGRADE] = protocol
    if protocol.lower() == "websocket":
        # Pages of other origins have been refused; an API server lets nobody watch without its own.
        headers[hdrs.ORIGIN] = str(URL(connection.server).origin())
    if request.method != hdrs.METH_GET:
        headers[hdrs.CONTENT_LENGTH] = "0"
    answer = await while_present(request, connection.upgrade(request.method, target.url, headers))
    try:
        passed = to_caller(answer.headers, lambda at: redirected(request, connection.server, target, at))
    except Problem:
        answer.writer.transport.abort()
        raise
    answered(answer.status)
    passed["X-Cache"] = "miss"
    if answer.status != 101:
        passed.popall(hdrs.CONTENT_LENGTH, None)
        return web.Response(status=answer.status, reason=answer.reason, headers=passed, body=answer.body)
    passed[hdrs.CONNECTION] = "Upgrade"
    passed[hdrs.UPGRADE] = answer.headers.get(hdrs.UPGRADE, protocol)
    response = web.StreamResponse(status=101, reason=answer.reason, headers=passed)
    response.force_close()
    try:
        await _tunnel(request, response, answer)
    finally:
        answer.writer.transport.abort()
    return response


class _Caller(StreamReaderProtocol):
    """The caller's connection, once it is no longer HTTP."""

    def __init__(self, reader: StreamReader) -> None:
        super().__init__(reader)
        self.lost = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        super().connection_lost(exc)


async def _tunnel(request: web.Request, response: web.StreamResponse, answer: Upgrade) -> None:
    transport = request.transport
    if transport is None:
        raise CallerGone
    http = request.protocol
    reader = StreamReader(limit=PIECE_BYTES)
    caller = _Caller(reader)
    transport.set_protocol(caller)
    caller.connection_made(transport)
    writer = StreamWriter(transport, caller, reader, asyncio.get_running_loop())
    try:
        await response.prepare(request)
        ways = _Way(reader, answer.writer), _Way(answer.reader, writer)
        await while_present(request, _join(*ways))
    except (CallerGone, ConnectionError):
        pass
    finally:
        # aiohttp keeps count of its connections.
        transport.set_protocol(http)
        if caller.lost:
            http.connection_lost(None)
        else:
            http.force_close()


class _Way:
    """One direction: what comes from ``source`` goes to ``sink``, no faster than that takes it."""

    def __init__(self, source: StreamReader, sink: StreamWriter) -> None:
        self._source = source
        self._sink = sink
        self.passed = 0

    async def run(self) -> None:
        while piece := await self._source.read(PIECE_BYTES):
            self._sink.write(piece)
            await self._sink.drain()
            self.passed += len(piece)
        if self._sink.can_write_eof():
            self._sink.write_eof()


async def _join(*ways: _Way) -> None:
    """Until both sides have ended, one has broken off, or nothing comes after one has ended."""
    running = {asyncio.create_task(way.run()) for way in ways}
    try:
        ended, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        while left and not any(task.exception() for task in ended):
            before = sum(way.passed for way in ways)
            ended, left = await asyncio.wait(left, timeout=HALF_CLOSED_SECONDS)
            if not ended and before == sum(way.passed for way in ways):
                return
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
