"""What became of a write: in one cluster, or in several, each with a result of its own."""

import asyncio
import http
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import orjson
from aiohttp import web
from multidict import CIMultiDict

from app.api.http.problem import INTERNAL_ERROR, Problem
from app.api.http.query_parameters import wrong
from app.api.http.rendering import yaml_document
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import Failed
from app.fleet.own_writes import WrittenVersion
from app.kube.warning_headers import warning_headers
from app.streams.store_positions import cursor_of_writes
from app.writes.cluster_writes import WriteAnswer

log = logging.getLogger(__name__)

MULTI_STATUS = 207
WRITTEN_FORMATS = ("json", "yaml")
Result = WriteAnswer | Failed


class ClusterOutcome(msgspec.Struct, frozen=True):
    """What became of a write in one cluster."""

    cluster: Cluster
    result: Result

    @property
    def status(self) -> int:
        """The HTTP status of the result."""
        return self.result.status


async def in_each(
    clusters: Sequence[Cluster], work: Callable[[Cluster], Awaitable[WriteAnswer]]
) -> list[ClusterOutcome]:
    """Do it in all of the clusters at once; what goes wrong in one is its own result."""
    return await asyncio.gather(*(_in_one(cluster, work) for cluster in clusters))


async def _in_one(cluster: Cluster, work: Callable[[Cluster], Awaitable[WriteAnswer]]) -> ClusterOutcome:
    try:
        return ClusterOutcome(cluster, await work(cluster))
    except Failed as failed:
        return ClusterOutcome(cluster, failed)
    except Problem as problem:
        return ClusterOutcome(cluster, refused(problem))
    except Exception:
        return ClusterOutcome(cluster, fault(cluster))


def refused(problem: Problem) -> Failed:
    """What we refuse ourselves."""
    return Failed(problem.status, problem.detail, http.HTTPStatus(problem.status).phrase.replace(" ", ""))


def fault(cluster: Cluster) -> Failed:
    """For an exception that nobody expected: it is to hurt no other cluster."""
    log.exception("write failed", extra={"cluster": cluster.name})
    return Failed(500, INTERNAL_ERROR, "InternalError")


def written_format(request: web.Request) -> str:
    """One of WRITTEN_FORMATS, as ``format=`` says. Raises Problem."""
    form = request.query.get("format", WRITTEN_FORMATS[0])
    if form not in WRITTEN_FORMATS:
        raise wrong("format", form, ", ".join(WRITTEN_FORMATS))
    return form


async def in_format(response: web.Response, form: str) -> web.Response:
    """An answer of JSON in one of WRITTEN_FORMATS."""
    if form == "yaml" and isinstance(response.body, bytes):
        response.body = b"".join([piece async for piece in yaml_document(response.body)])
        response.content_type = "application/yaml"
    return response


def answer(outcomes: Sequence[ClusterOutcome], *, several: bool) -> web.Response:
    """The object or the problem; of ``several`` clusters a result each. Raises Problem."""
    headers = CIMultiDict(cursor_header((each.cluster, each.result) for each in outcomes))
    if several:
        parts = [{"cluster": each.cluster.name, **told(each.cluster, each.result)} for each in outcomes]
        return results_answer(parts, headers)
    (only,) = outcomes
    if isinstance(only.result, Failed):
        raise problem_of(only.cluster, only.result)
    headers.extend(warning_headers(only.result.warnings))
    return web.Response(
        status=only.status,
        body=_object(only.cluster, only.result),
        content_type="application/json",
        headers=headers,
    )


def results_answer(parts: Sequence[dict[str, Any]], headers: Mapping[str, str]) -> web.Response:
    """One result a cluster; the status is theirs where it is the same for all."""
    return web.Response(
        status=common_status(part["status"] for part in parts),
        body=orjson.dumps({"results": parts}),
        content_type="application/json",
        headers=headers,
    )


def common_status(statuses: Iterable[int]) -> int:
    """Return the status of several results: theirs where it is the same, else 207."""
    found = set(statuses)
    return found.pop() if len(found) == 1 else MULTI_STATUS


def told(cluster: Cluster, result: Result) -> dict[str, Any]:
    """``status``, ``object`` or ``error``, and ``warnings`` where there are any."""
    if isinstance(result, Failed):
        return {"status": result.status, "error": problem_of(cluster, result).document}
    warnings = {"warnings": result.warnings} if result.warnings else {}
    return {"status": result.status, "object": orjson.Fragment(_object(cluster, result)), **warnings}


def cursor_header(results: Iterable[tuple[Cluster, Result]]) -> dict[str, str]:
    """X-Cursor, where anything was written."""
    written: list[tuple[Cluster, WrittenVersion]] = [
        (cluster, result.written)
        for cluster, result in results
        if isinstance(result, WriteAnswer) and result.written is not None
    ]
    return {"X-Cursor": cursor_of_writes(written).encode()} if written else {}


def problem_of(cluster: Cluster, failed: Failed) -> Problem:
    """An error of a cluster as its caller is told it."""
    members: dict[str, Any] = {"reason": failed.reason} if failed.reason else {}
    return Problem(failed.status, failed.detail, cluster=cluster.name, **members)


def _object(cluster: Cluster, written: WriteAnswer) -> bytes:
    return b'{"cluster":' + orjson.dumps(cluster.name) + b"," + written.tail
