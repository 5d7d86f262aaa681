"""One request to one cluster that is to change something there, and what came of it."""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from app.fleet.cluster import Cluster
from app.kube.api_errors import AccessError, ApiError, ConnectionFailed
from app.kube.client import Answer
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
    """A cluster refused a write, or said nothing. ``status`` is HTTP's, ``reason`` Kubernetes'."""

    def __init__(self, status: int, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason


class NoAnswer(Failed):
    """There is nobody to ask further either."""


class Ask(msgspec.Struct, frozen=True):
    """A request to an API server.

    ``repeatable`` says that to do it twice is to do it once, whatever became of the
    first: only then is it sent again after a connection was lost.
    """

    method: str
    path: str
    params: Mapping[str, str] = {}
    body: bytes | None = None
    content_type: str = "application/json"
    repeatable: bool = False


class Deadline:
    """Until when, in monotonic seconds, a cluster may take; ``seconds`` is what it is told to have had."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._at - time.monotonic()


def path_of(resource: Resource, namespace: str, name: str = "", subresource: str = "") -> str:
    """The URL path of an object, or of a collection. Raises Failed for a name that cannot be in one.

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


async def ask(cluster: Cluster, asked: Ask, deadline: Deadline) -> Answer:
    """An answer that is no error. Raises Failed."""
    for left in reversed(range(TRIES)):
        try:
            async with asyncio.timeout(deadline.left):
                return await _once(cluster, asked)
        except TimeoutError:
            raise NoAnswer(
                504,
                f"no answer within {deadline.seconds:g} s; whether it was carried out is not known",
                "Timeout",
            ) from None
        except ApiError as error:
            pause = _pause(error, asked)
            if not left or pause is None or pause >= deadline.left:
                raise _refused(error) from None
        except AccessError as error:
            raise NoAnswer(503, str(error), "ServiceUnavailable") from None
        except ConnectionFailed as error:
            pause = PAUSE_SECONDS
            if not left or not asked.repeatable or pause >= deadline.left:
                raise NoAnswer(503, str(error), "ServiceUnavailable") from None
        await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")


async def _once(cluster: Cluster, asked: Ask) -> Answer:
    # A cluster that has just been begun with is reached within seconds, or known not to be.
    await cluster.settled.wait()
    if cluster.connection is None:
        raise AccessError(cluster.condition.error or "the cluster has not been reached yet")
    return await cluster.connection.send(
        asked.method, asked.path, asked.params, asked.body, asked.content_type
    )


def _refused(error: ApiError) -> Failed:
    if not 400 <= error.status < 600:
        return Failed(502, f"its answer to a write is {error.status} {error.message}", "InternalError")
    return Failed(error.status, error.message, error.reason)


def _pause(error: ApiError, asked: Ask) -> float | None:
    """Seconds after which to ask again; None where that is not safe.

    429 comes before anything is done. Any other error that says when to come back may
    have come in the middle of it.
    """
    if error.status == TOO_MANY_REQUESTS or (
        asked.repeatable and error.status >= 500 and error.retry_after is not None
    ):
        return max(error.retry_after or 0.0, PAUSE_SECONDS)
    return None
