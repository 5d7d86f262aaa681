"""Errors as clients see them: problem details (RFC 9457), whatever went wrong."""

import http
import logging
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from app.api.http.lasting_work import CallerGone

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# What nginx logs of a caller that went away; nobody is there to be answered.
CLIENT_GONE = 499
INTERNAL_ERROR = "internal error; the log of the server has more"
# The name of the route to each cluster's own API, where clients expect Kubernetes' errors.
KUBERNETES = "kubernetes"
# k8s.io/apimachinery/pkg/apis/meta/v1, StatusReason.
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


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

    def answer(self, request: web.Request) -> web.Response:
        """In the shape that clients of this path expect."""
        return self.status_object() if is_kubernetes(request) else self.response()

    def status_object(self) -> web.Response:
        """As a ``Status`` of Kubernetes; of the members, ``metadata`` goes into it."""
        document = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.members.get("metadata", {}),
            "status": "Failure",
            "message": self.detail,
            "reason": _REASONS.get(self.status, ""),
            "code": self.status,
        }
        return web.Response(
            status=self.status,
            body=orjson.dumps(document),
            content_type="application/json",
            headers=self.headers,
        )

    @property
    def document(self) -> dict[str, Any]:
        """The problem details."""
        known = self.status in http.HTTPStatus.__members__.values()
        return {
            "type": "about:blank",
            # What clusters answer, or proxies in front of them, has not always a name.
            "title": http.HTTPStatus(self.status).phrase if known else "Error",
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }

    def response(self) -> web.Response:
        """Return the answer as problem details (RFC 9457)."""
        return web.Response(
            status=self.status,
            body=orjson.dumps(self.document),
            content_type=CONTENT_TYPE,
            headers=self.headers,
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Makes a problem document of every error, and one log line of those that are ours."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.answer(request)
    except web.HTTPException as error:
        return _of_router(request, error).answer(request)
    except CallerGone:
        return web.Response(status=CLIENT_GONE)
    except Exception as error:
        gone = request.transport is None or request.transport.is_closing()
        if gone and isinstance(error, ConnectionError):
            return web.Response(status=CLIENT_GONE)
        log.exception("request failed", extra={"method": request.method, "path": request.path})
        return Problem(500, INTERNAL_ERROR).answer(request)


def is_kubernetes(request: web.Request) -> bool:
    """Whether it is about a cluster's own API."""
    return request.match_info.route.name == KUBERNETES


def _of_router(request: web.Request, error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"{request.method} is not possible on {request.path}; accepted is {allowed}"
        return Problem(error.status, detail, headers={"Allow": allowed})
    if error.status == http.HTTPStatus.NOT_FOUND:
        return Problem(error.status, f"there is nothing at {request.path}; /openapi.json has all there is")
    return Problem(error.status, error.text or error.reason)
