"""Streams over plain HTTP: server-sent events, or a JSON frame a line."""

import logging

from aiohttp import hdrs, web

from app.api.door.callers import CALLER
from app.api.door.quotas import STREAMS
from app.api.http.app_keys import FLEET, HUB, SERVING
from app.api.http.metrics import UNTIMED
from app.api.http.negotiation import accepts
from app.api.http.query_parameters import wrong
from app.api.http.request_selection import covered, joined
from app.api.subscription_request import Subscription, subscription, subscription_to
from app.fleet.selection import SelectionParameters
from app.kube.discovery.resource_names import AmbiguousResource
from app.streams import frames
from app.streams.channel import Channel
from app.streams.cursor import Cursor, CursorError
from app.streams.dialects import HTTP_DIALECTS, Encoding

log = logging.getLogger(__name__)

STOPPING = "the server is stopping"
# An EventSource sends whatever id it had last, and gives up for good where it is refused.
_FOR_NOTHING = Cursor.at([], b"").encode()


async def stream(request: web.Request) -> web.StreamResponse:
    """Several resources, also such as no cluster serves yet."""
    return await _send(request, subscription_of(request))


async def watch(request: web.Request) -> web.StreamResponse:
    """The resource of the path."""
    texts = joined(request.query)
    parameters = SelectionParameters.of(texts)
    choice, coverage = await covered(request, parameters.clusters)
    _check_parameters(request)
    texts |= _last_event_id(request)
    scope, patience = request[CALLER].scope, request.app[SERVING].sync_timeout
    return await _send(
        request, subscription_to([coverage.resource], choice.names, parameters, texts, scope, patience)
    )


def subscription_of(request: web.Request) -> Subscription:
    """Return what a request asks for by its query. Raises Problem."""
    _check_parameters(request)
    texts = joined(request.query) | _last_event_id(request)
    return subscription(request.app[FLEET], request[CALLER].scope, texts, request.app[SERVING].sync_timeout)


def _check_parameters(request: web.Request) -> None:
    """Raises Problem (400) for parameters that only lists have."""
    for name in ("sort", "limit", "continue", "format", "after"):
        if request.query.get(name):
            raise wrong(name, request.query[name], "nothing, because a stream has no such thing")


def _last_event_id(request: web.Request) -> dict[str, str]:
    """Return the cursor that an EventSource goes on from, as the parameter that it stands in for."""
    last = request.headers.get("Last-Event-ID")
    return {"cursor": last if _is_cursor(last) else _FOR_NOTHING} if last else {}


def _is_cursor(text: str) -> bool:
    try:
        Cursor.decode(text)
    except CursorError:
        return False
    return True


def _media_type(request: web.Request) -> str:
    """The media type of the dialect that a client asks for."""
    default, *others = HTTP_DIALECTS
    return next((media for media in others if accepts(request, media)), default)


async def _send(request: web.Request, asked: Subscription) -> web.StreamResponse:
    media = _media_type(request)
    response = web.StreamResponse()
    response.content_type = media
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
        encoding = HTTP_DIALECTS[media](chunked)
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
        stream = hub.open(asked.selection, asked.options, encoding, channel)
    except AmbiguousResource as error:
        channel.write(encoding.encode([(frames.error(409, str(error)), b"")]))
        return
    hub.attend(channel)
    try:
        await stream.run(asked.start)
        stream.send(frames.error(503, STOPPING))
    except AmbiguousResource as error:
        stream.send(frames.error(409, str(error)))
    finally:
        hub.dismiss(channel)
        hub.close_stream(stream)
