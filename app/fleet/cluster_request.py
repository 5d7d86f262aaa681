"""One request to one cluster's API server, sent within a deadline, and again where that is safe."""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from app.fleet.cluster import Cluster
from app.kube.api_errors import AccessError, ApiError, ConnectionFailed
from app.kube.client import ApiResponse
from app.kube.discovery.api_resource import Resource

# Admission webhooks may take 30 s of an API server's time; it gives up after 60 by itself.
LIMIT_SECONDS = 30.0
TRIES = 3
PAUSE_SECONDS = 0.5
TOO_MANY_REQUESTS = 429

# What a patch is, by the type of its body.
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
# Ours: two texts, of which the difference is to be made.
EDIT = "application/vnd.k8s-mcp.edit+json"


class Failed(Exception):
    """A cluster refused a request or did not answer it.

    ``status`` is the status code of HTTP, ``reason`` that of a Kubernetes
    Status (``Conflict``, ``Timeout``, …).
    """

    def __init__(self, status: int, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason


class NoAnswer(Failed):
    """The cluster did not answer, so that further requests to it are in vain as well."""


class ClusterRequest(msgspec.Struct, frozen=True):
    """A request to an API server.

    ``path`` is the URL path, ``params`` the query, ``content_type`` the media type of ``body``.
    ``repeatable`` says that the request is idempotent: only then is it sent again after a
    connection was lost, when nobody knows whether it was carried out.
    """

    method: str
    path: str
    params: Mapping[str, str] = {}
    body: bytes | None = None
    content_type: str = "application/json"
    repeatable: bool = False


class Deadline:
    """The time by which a cluster has to have answered: ``seconds`` after this was made."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until the deadline; negative when it has passed."""
        return self._at - time.monotonic()


def path_of(resource: Resource, namespace: str, name: str = "", subresource: str = "") -> str:
    """Return the URL path of an object, or of a collection. Raises Failed for a name that cannot be in one.

    An API server takes ``%2f`` for ``/``, so that a name could lead anywhere.
    """
    for part in (namespace, name):
        if part in (".", "..") or "/" in part or "%" in part:
            raise Failed(400, f"{part[:80]!r} is no name of Kubernetes", "BadRequest")
    path = resource.path(quote(namespace, safe=""))
    for part in (name, subresource):
        if part:
            path += f"/{quote(part, safe='')}"
    return path


async def send_request(cluster: Cluster, request: ClusterRequest, deadline: Deadline) -> ApiResponse:
    """Send a request and return its answer, whose status is 2xx.

    Refusals that say when to come back are repeated up to ``TRIES`` times within the deadline. Raises
    Failed with the API server's error, and NoAnswer where it was not reached or took too long.
    """
    for left in reversed(range(TRIES)):
        try:
            async with asyncio.timeout(deadline.left):
                return await _once(cluster, request)
        except TimeoutError:
            raise NoAnswer(
                504,
                f"no answer within {deadline.seconds:g} s; whether it was carried out is not known",
                "Timeout",
            ) from None
        except ApiError as error:
            pause = _pause(error, request)
            if not left or pause is None or pause >= deadline.left:
                raise _refused(error) from None
        except AccessError as error:
            raise NoAnswer(503, str(error), "ServiceUnavailable") from None
        except ConnectionFailed as error:
            pause = PAUSE_SECONDS
            if not left or not request.repeatable or pause >= deadline.left:
                raise NoAnswer(503, str(error), "ServiceUnavailable") from None
        await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")


async def _once(cluster: Cluster, request: ClusterRequest) -> ApiResponse:
    # A cluster that has just been begun with is reached within seconds, or known not to be.
    await cluster.settled.wait()
    if cluster.connection is None:
        raise AccessError(cluster.condition.error or "the cluster has not been reached yet")
    return await cluster.connection.send(
        request.method, request.path, request.params, request.body, request.content_type
    )


def _refused(error: ApiError) -> Failed:
    if not 400 <= error.status < 600:
        return Failed(502, f"its answer to a write is {error.status} {error.message}", "InternalError")
    return Failed(error.status, error.message, error.reason)


def _pause(error: ApiError, request: ClusterRequest) -> float | None:
    """Return the seconds after which to send the request again; None where that is not safe.

    429 comes before anything is done. Any other error that says when to come back may
    have come in the middle of it.
    """
    if error.status == TOO_MANY_REQUESTS or (
        request.repeatable and error.status >= 500 and error.retry_after is not None
    ):
        return max(error.retry_after or 0.0, PAUSE_SECONDS)
    return None
