"""Streams over plain HTTP: server-sent events, or a JSON frame a line."""

import logging

from aiohttp import hdrs, web
from multidict import MultiMapping

from app.api.door.callers import CALLER
from app.api.door.quotas import STREAMS
from app.api.http.app_keys import FLEET, HUB, SERVING
from app.api.http.metrics import UNTIMED
from app.api.http.negotiation import accepts
from app.api.http.query_parameters import wrong
from app.api.http.request_selection import covered
from app.api.subscription_request import Subscription, subscribe
from app.kube.discovery.resource_names import AmbiguousResource
from app.streams import frames
from app.streams.channel import Channel
from app.streams.cursor import Cursor, CursorError
from app.streams.dialects import Encoding, Events, Lines

log = logging.getLogger(__name__)

EVENT_STREAM = "text/event-stream"
JSON_LINES = "application/x-ndjson"
STOPPING = "the server is stopping"
# An EventSource sends whatever id it had last, and gives up for good where it is refused.
_FOR_NOTHING = Cursor.at([], b"").encode()


async def stream(request: web.Request) -> web.StreamResponse:
    """Several resources, also such as no cluster serves yet."""
    return await _send(request, subscription(request))


async def watch(request: web.Request) -> web.StreamResponse:
    """The resource of the path."""
    coverage = await covered(request)
    return await _send(request, subscription(request, resource=coverage.resource.name))


def subscription(request: web.Request, **given: str) -> Subscription:
    """What a request asks for by its query. Raises Problem."""
    for name in ("sort", "limit", "continue", "format", "after"):
        if request.query.get(name):
            raise wrong(name, request.query[name], "nothing, because a stream has no such thing")
    parameters = _joined(request.query) | given
    last = request.headers.get("Last-Event-ID")
    if last:
        parameters["cursor"] = last if _is_cursor(last) else _FOR_NOTHING
    return subscribe(request.app[FLEET], request[CALLER], parameters, request.app[SERVING].sync_timeout)


def _is_cursor(text: str) -> bool:
    try:
        Cursor.decode(text)
    except CursorError:
        return False
    return True


def _joined(query: MultiMapping[str]) -> dict[str, str]:
    """What may be repeated, as the one text that it stands for."""
    return {name: ",".join(query.getall(name)) for name in query}


async def _send(request: web.Request, asked: Subscription) -> web.StreamResponse:
    events = accepts(request, EVENT_STREAM)
    response = web.StreamResponse()
    response.content_type = EVENT_STREAM if events else JSON_LINES
    response.headers[hdrs.CACHE_CONTROL] = "no-cache, no-transform"
    response.headers[hdrs.VARY] = hdrs.ACCEPT
    response.headers["X-Accel-Buffering"] = "no"
    # Its transport is set up for a stream, and no good for anything else.
    response.force_close()
    quota, channel = request.app[STREAMS], None
    quota.take(request)
    request[UNTIMED] = True
    try:
        writer = await response.prepare(request)
        if request.method == hdrs.METH_HEAD or writer is None or request.transport is None:
            return response
        chunked = response.headers.get(hdrs.TRANSFER_ENCODING) == "chunked"
        encoding = Events(chunked) if events else Lines(chunked)
        channel = Channel(request.transport, request.protocol, writer.drain, encoding.keepalive)
        await _run(request, asked, encoding, channel)
        await response.write_eof()
    except ConnectionError:
        pass  # The client has gone, which is its right.
    except Exception:
        if channel is None:
            raise
        # The status has been sent; all that is left is to have the client come again.
        log.exception("stream broken off", extra={"path": request.path})
        channel.abort()
    finally:
        quota.give_back(request)
    return response


async def _run(request: web.Request, asked: Subscription, encoding: Encoding, channel: Channel) -> None:
    hub = request.app[HUB]
    try:
        stream = hub.open(asked.subject, asked.query, encoding, channel)
    except AmbiguousResource as error:
        channel.write(encoding.encode([(frames.error(409, str(error)), b"")]))
        return
    hub.attend(channel)
    try:
        await stream.run(asked.start)
        stream.tell(frames.error(503, STOPPING))
    except AmbiguousResource as error:
        stream.tell(frames.error(409, str(error)))
    finally:
        hub.dismiss(channel)
        hub.close_stream(stream)
