"""Streams over WebSocket: one subscription by the query, or many by messages."""

import asyncio
import logging
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from app.api.door.callers import CALLER
from app.api.door.quotas import STREAMS
from app.api.http.app_keys import FLEET, HUB, SERVING
from app.api.http.metrics import UNTIMED
from app.api.http.problem import INTERNAL_ERROR, Problem
from app.api.http_streams import STOPPING, subscription_of
from app.api.subscription_request import Subscription, subscription
from app.kube.discovery.resource_names import AmbiguousResource
from app.streams import frames
from app.streams.channel import Channel
from app.streams.dialects import WebSocketMessages

log = logging.getLogger(__name__)

PROTOCOL = "k8s-mcp.v1"
MESSAGE_BYTES = 64 * 1024
SUBSCRIPTIONS = 1000
CLOSE_SECONDS = 1.0
_PING = b"\x89\x00"
_DEFLATE, _NO_TAKEOVER = "permessage-deflate", "server_no_context_takeover"
_ACCEPTED = (
    '{"op":"subscribe","id":"1","resource":"pods",…} with the parameters of a stream, '
    'or {"op":"unsubscribe","id":"1"}'
)
_PARAMETERS = (
    "resource",
    "cluster",
    "namespace",
    "labelSelector",
    "fieldSelector",
    "fields",
    "cursor",
    "initial",
    "history",
    "delta",
    "shape",
)


async def websocket(request: web.Request) -> web.StreamResponse:
    """Answer ``GET /ws``: subscriptions over WebSocket until it is closed. Raises Problem."""
    socket = web.WebSocketResponse(
        protocols=_protocols(request), autoping=False, max_msg_size=MESSAGE_BYTES, timeout=CLOSE_SECONDS
    )
    if not socket.can_prepare(request):
        raise Problem(
            426, "this is for WebSockets; /stream has the same over HTTP", headers={"Upgrade": "websocket"}
        )
    asked = subscription_of(request) if request.query else None
    quota = request.app[STREAMS]
    if asked is not None:
        # Like any other stream it is refused before it begins.
        quota.take(request)
    hub, channel = request.app[HUB], None
    request[UNTIMED] = True
    try:
        writer = await socket.prepare(request)
        if request.transport is None:
            return socket
        socket.headers.clear()  # they are sent, and would be held for as long as the socket is open
        channel = Channel(request.transport, request.protocol, writer.drain, _PING, asks=True)
        session = _Session(request, socket, channel)
        hub.attend(channel, session.stop)
        await session.run(asked)
    finally:
        if channel is not None:
            hub.dismiss(channel)
        if asked is not None:
            quota.give_back(request)
    return socket


def _protocols(request: web.Request) -> list[str]:
    """Ours if it is offered. A token that is offered beside it is never said again."""
    offered = ",".join(request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []))
    return [PROTOCOL] if PROTOCOL in map(str.strip, offered.split(",")) else []


async def share_compression(request: web.Request, response: web.StreamResponse) -> None:
    """Messages that are compressed once for all cannot refer to those that one client got before."""
    offered = response.headers.get(hdrs.SEC_WEBSOCKET_EXTENSIONS, "")
    if offered.startswith(_DEFLATE) and _NO_TAKEOVER not in offered:
        response.headers[hdrs.SEC_WEBSOCKET_EXTENSIONS] = f"{offered}; {_NO_TAKEOVER}"


class _Refused(Exception):
    """A message is bad; ``id`` is what it calls itself, as far as it does."""

    def __init__(
        self, id_: str | None, status: int, detail: str, members: dict[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.id = id_
        self.frame = frames.error(status, detail, members)


class _Session:
    """One socket and its subscriptions."""

    __slots__ = ("_channel", "_quota", "_request", "_socket", "_tasks", "_window_bits")

    def __init__(self, request: web.Request, socket: web.WebSocketResponse, channel: Channel) -> None:
        self._request = request
        self._quota = request.app[STREAMS]
        self._socket = socket
        self._channel = channel
        self._window_bits = int(socket.compress) and max(int(socket.compress), 9)
        self._tasks: dict[str | None, asyncio.Task[None]] = {}

    async def run(self, asked: Subscription | None) -> None:
        """Until the client goes, or the server stops."""
        if asked is not None:
            self._begin(None, asked)
        try:
            async for message in self._socket:
                self._channel.heard()
                if message.type is WSMsgType.PING:
                    await self._socket.pong(message.data)
                elif message.type is not WSMsgType.PONG:
                    await self._answer(message.data, by_query=asked is not None)
        except ConnectionError:
            pass
        finally:
            tasks, self._tasks = self._tasks, {}
            # Before anything is waited for, since the wait may be cancelled.
            for id_, task in tasks.items():
                task.cancel()
                if id_ is not None:
                    self._quota.give_back(self._request)
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _answer(self, message: str | bytes, *, by_query: bool) -> None:
        if by_query:
            self._say(None, frames.error(400, "this socket has one subscription, by its query; /ws has many"))
        else:
            try:
                self._obey(_decoded(message))
            except _Refused as refused:
                self._say(refused.id, refused.frame)
        # Who asks and does not listen waits with us.
        await self._channel.drained()

    def _obey(self, message: dict[str, Any]) -> None:
        id_ = message["id"]
        if message["op"] == "unsubscribe":
            task = self._tasks.pop(id_, None)
            if task is None:
                raise _Refused(id_, 404, f"there is no subscription {id_!r}")
            task.cancel()
            self._quota.give_back(self._request)
        elif id_ in self._tasks:
            raise _Refused(id_, 409, f"there is a subscription {id_!r} already")
        elif len(self._tasks) >= SUBSCRIPTIONS:
            raise _Refused(id_, 429, f"a socket has at most {SUBSCRIPTIONS} subscriptions")
        else:
            asked = self._subscription(message)
            self._take(id_)
            self._begin(id_, asked)

    def _subscription(self, message: dict[str, Any]) -> Subscription:
        request = self._request
        given = {name: message[name] for name in _PARAMETERS if name in message}
        try:
            return subscription(
                request.app[FLEET], request[CALLER].scope, given, request.app[SERVING].sync_timeout
            )
        except Problem as problem:
            raise _Refused(message["id"], problem.status, problem.detail, problem.members) from None

    def _begin(self, id_: str | None, asked: Subscription) -> None:
        self._tasks[id_] = asyncio.create_task(self._stream(id_, asked))

    def _take(self, id_: str) -> None:
        try:
            self._quota.take(self._request)
        except Problem as problem:
            raise _Refused(id_, problem.status, problem.detail) from None

    async def _stream(self, id_: str | None, asked: Subscription) -> None:
        encoding = WebSocketMessages(id_, self._window_bits)
        hub = self._request.app[HUB]
        try:
            stream = hub.open(asked.selection, asked.options, encoding, self._channel)
            try:
                await stream.run(asked.start)
            finally:
                hub.close_stream(stream)
        except AmbiguousResource as error:
            self._say(id_, frames.error(409, str(error)))
        except ConnectionError:
            pass  # The client has gone, which is its right.
        except Exception:
            log.exception("subscription broken off", extra={"path": self._request.path, "id": id_})
            self._say(id_, frames.error(500, INTERNAL_ERROR))
        if self._tasks.get(id_) is asyncio.current_task():
            del self._tasks[id_]
            if id_ is not None:
                self._quota.give_back(self._request)

    def _say(self, id_: str | None, frame: bytes) -> None:
        if not self._channel.is_closing:
            self._channel.write(WebSocketMessages(id_).encode([(frame, b"")]))

    async def stop(self) -> None:
        """Tell the client that the server stops."""
        await self._socket.close(code=WSCloseCode.GOING_AWAY, message=STOPPING.encode())


def _decoded(text: str | bytes) -> dict[str, Any]:
    """A message whose members are what they should be. Raises _Refused."""
    if isinstance(text, bytes):
        raise _Refused(None, 400, f"a binary message is not accepted; accepted is {_ACCEPTED}")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _Refused(None, 400, f"the message is no JSON ({error}); accepted is {_ACCEPTED}") from None
    if not isinstance(message, dict):
        raise _Refused(None, 400, f"the message is no object; accepted is {_ACCEPTED}")
    id_ = message.get("id")
    if not isinstance(id_, str):
        raise _Refused(None, 400, f"id {id_!r} is not accepted; accepted is a text")
    if message.get("op") not in ("subscribe", "unsubscribe"):
        raise _Refused(id_, 400, f"op {message.get('op')!r} is not accepted; accepted is {_ACCEPTED}")
    for name, value in message.items():
        if name in ("op", "id"):
            continue
        if name not in _PARAMETERS:
            raise _Refused(id_, 400, f"{name!r} is no parameter here; accepted is {', '.join(_PARAMETERS)}")
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            message[name] = ",".join(value)
        elif not isinstance(value, str):
            raise _Refused(id_, 400, f"{name} {value!r} is not accepted; accepted is a text")
    return message
