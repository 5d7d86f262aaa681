"""Errors as clients see them: problem details (RFC 9457), whatever went wrong."""

import http
import logging
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
CLIENT_GONE = 499


class Problem(Exception):
    """Answered instead of what was asked for.

    ``members`` are further members of the document, such as ``cluster``.
    """

    def __init__(
        self, status: int, detail: str, *, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    def response(self) -> web.Response:
        document = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return web.Response(
            status=self.status, body=orjson.dumps(document), content_type=CONTENT_TYPE, headers=self.headers
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Makes a problem document of every error, and one log line of those that are ours."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        return _of_router(request, error).response()
    except Exception as error:
        gone = request.transport is None or request.transport.is_closing()
        if gone and isinstance(error, ConnectionError):
            # Nobody is there to answer; the status is what proxies log of that.
            return web.Response(status=CLIENT_GONE)
        log.exception("request failed", extra={"method": request.method, "path": request.path})
        return Problem(500, "internal error; the log of the server has more").response()


def _of_router(request: web.Request, error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"{request.method} is not possible on {request.path}; accepted is {allowed}"
        return Problem(error.status, detail, headers={"Allow": allowed})
    if error.status == http.HTTPStatus.NOT_FOUND:
        return Problem(error.status, f"there is nothing at {request.path}; /openapi.json has all there is")
    return Problem(error.status, error.text or error.reason)
