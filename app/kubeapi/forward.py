"""Passes a request on to the API server, and its answer back, as they come and without keeping them."""

from collections.abc import Callable

import aiohttp
from aiohttp import ClientTimeout, hdrs, web
from multidict import CIMultiDict

from app.api.http.lasting_work import CallerGone, hang_up, while_present
from app.api.http.problem import Problem
from app.kube.client import Connection
from app.kubeapi.forwarded_headers import to_caller, to_server
from app.kubeapi.redirects import redirected
from app.kubeapi.request_line import Target

CONNECT_SECONDS = 10.0
# An API server ends by itself, after 60 s, whatever is not meant to last.
ANSWER_SECONDS = 75.0
# A body of no more than this is kept, so that it can be sent again where credentials have expired.
KEPT_BYTES = 256 * 1024
_LASTING = frozenset({"log", "proxy", "exec", "attach", "portforward"})

Heard = Callable[[bytes], None]


async def forward(
    request: web.Request,
    connection: Connection,
    target: Target,
    answered: Callable[[aiohttp.ClientResponse], Heard | None],
    *,
    body: bytes | None = None,
) -> web.StreamResponse:
    """The API server's answer.

    ``body`` is the request's where it has been read already. ``answered`` is called with
    the answer, and what it returns with every piece before it is sent on, and an empty
    one at the end. Raises ConnectionFailed, AccessError, CallerGone and Problem, all of them
    before anything has been answered.
    """
    headers = to_server(request)
    answer = await while_present(request, _ask(request, connection, target, headers, body))
    try:
        passed = to_caller(answer.headers, lambda at: redirected(request, connection.server, target, at))
    except Problem:
        answer.close()
        raise
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=passed)
    response.headers["X-Cache"] = "miss"
    heard = answered(answer)
    try:
        await response.prepare(request)
        await while_present(request, _pass_back(answer, response, heard))
    except (CallerGone, ConnectionError, aiohttp.ClientError, TimeoutError, RuntimeError):
        # The status has been sent: all that is left is not to look complete.
        hang_up(request)
    finally:
        answer.close()
    return response


async def _ask(
    request: web.Request,
    connection: Connection,
    target: Target,
    headers: CIMultiDict[str],
    body: bytes | None,
) -> aiohttp.ClientResponse:
    data: bytes | aiohttp.StreamReader | None = body
    if body is None and request.body_exists:
        if request.content_length is not None and request.content_length <= KEPT_BYTES:
            data = await request.content.read()
        else:
            data = request.content
            if request.content_length is not None:
                headers[hdrs.CONTENT_LENGTH] = str(request.content_length)
    lasting = target.info.subresource in _LASTING or target.is_watch
    limits = ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=None if lasting else ANSWER_SECONDS)
    return await connection.request(request.method, target.url, headers=headers, data=data, timeout=limits)


async def _pass_back(
    answer: aiohttp.ClientResponse, response: web.StreamResponse, heard: Heard | None
) -> None:
    async for piece in answer.content.iter_any():
        if heard is not None:
            heard(piece)
        await response.write(piece)
    if heard is not None:
        heard(b"")
    await response.write_eof()
