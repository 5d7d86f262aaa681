"""Logs: of a pod, or of all pods of a workload, in one cluster or in several."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from aiohttp import hdrs, web

from app.api.http.lasting_work import CallerGone, hang_up, while_present
from app.api.http.not_found import in_place_of
from app.api.http.problem import Problem
from app.api.http.query_parameters import flag, wrong
from app.api.http.request_selection import resource_named
from app.api.read_endpoints import shortened
from app.api.write.write_request import checked, name_of, namespace_of, targets
from app.api.write.write_results import problem_of
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import Failed
from app.kube.api_errors import AccessError, ApiError, ConnectionFailed
from app.kube.discovery.api_resource import Resource
from app.podlogs.log_sources import PODS, LogOptions, PodLogSources, find_log_sources
from app.podlogs.pod_logs import MOST, joined_logs, one_log
from app.turns import Kind, Pace

NOT_FOUND = 404
_STATES = {403: "forbidden", 503: "unreachable", 504: "unreachable"}


async def logs(request: web.Request) -> web.StreamResponse:
    """Answer with the log of one container as it is, or the lines of several by their times, each with
    ``[cluster/pod/container]`` in front."""
    where = targets(request)
    options = _options(request)
    resource = await resource_named(request, where.clusters)
    namespace = namespace_of(request, resource)
    name = name_of(request)
    results = await asyncio.gather(
        *(_find(request, cluster, resource, namespace, name, options) for cluster in where.clusters)
    )
    log_sources = [result for result in results if isinstance(result, PodLogSources)]
    failures = [
        (cluster, result)
        for cluster, result in zip(where.clusters, results, strict=True)
        if isinstance(result, Failed)
    ]
    if not log_sources:
        # Where one cluster could not be asked, nobody knows that there is none.
        raise problem_of(*min(failures, key=lambda failure: failure[1].status == NOT_FOUND))
    _check_container(options.container, log_sources)
    containers = [container for of_pods in log_sources for container in of_pods.present()]
    if len(containers) > MOST:
        raise Problem(
            400, f"there are {len(containers)} containers; container= or cluster= choose, accepted are {MOST}"
        )
    headers = _headers(log_sources, failures)
    alone = len(containers) == 1 and not (options.follow and any(of_pods.may_grow for of_pods in log_sources))
    # Who reads must not have to guess whether a line that begins with a bracket was written so.
    if not alone:
        headers["X-Log-Prefix"] = "[cluster/pod/container]"
    opening = (
        one_log(containers[0], options)
        if alone and not options.follow
        else joined_logs(log_sources, options, alone=alone)
    )
    try:
        async with opening as pieces:
            return await _send(request, pieces, headers)
    except (ApiError, ConnectionFailed, AccessError) as error:
        raise _problem(containers[0].cluster, error) from None


def _check_container(name: str | None, log_sources: Sequence[PodLogSources]) -> None:
    """Raises Problem for a container that no pod has, where it is known which there are."""
    names = list(dict.fromkeys(name for of_pods in log_sources for name in of_pods.container_names()))
    if name is not None and names and name not in names:
        raise wrong("container", name, ", ".join(names))


async def _find(
    request: web.Request,
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    options: LogOptions,
) -> PodLogSources | Failed:
    found = cluster.catalog.get(resource.name)
    if found is None:
        return Failed(NOT_FOUND, f"the cluster has no resource {resource.name!r}", "NotFound")
    try:
        return await find_log_sources(cluster, found, namespace, name, options)
    except Failed as failed:
        return await in_place_of(request, failed, cluster, found, namespace, name)


async def _send(
    request: web.Request, pieces: AsyncIterator[bytes], headers: dict[str, str]
) -> web.StreamResponse:
    """As fast as the reader takes it, however slow: what is held does not grow."""
    response = web.StreamResponse(headers=headers)
    try:
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            await while_present(request, _write(response, pieces))
        await response.write_eof()
    except (CallerGone, ConnectionError, ConnectionFailed):
        # The status has been sent: all that is left is not to look complete.
        hang_up(request)
    return response


async def _write(response: web.StreamResponse, pieces: AsyncIterator[bytes]) -> None:
    pace = Pace(Kind.LIVE)
    async for piece in pieces:
        await response.write(piece)
        await pace.give()


def _options(request: web.Request) -> LogOptions:
    container = request.query.get("container")
    options = LogOptions(
        container=checked("container", container) if container else None,
        previous=flag(request, "previous"),
        tail_lines=_number(request, "tailLines"),
        since_seconds=_number(request, "sinceSeconds"),
        follow=flag(request, "follow"),
    )
    if options.follow and options.previous:
        raise wrong("follow", "1", "0 with previous, which has ended")
    if options.since_seconds == 0:
        raise wrong("sinceSeconds", "0", "a number from 1 on")
    return options


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise wrong(name, text, "a number")
    return int(text)


def _headers(
    log_sources: Sequence[PodLogSources], failures: Sequence[tuple[Cluster, Failed]]
) -> dict[str, str]:
    headers: dict[str, str] = {hdrs.CONTENT_TYPE: "text/plain; charset=utf-8", hdrs.CACHE_CONTROL: "no-store"}
    behind = [
        f"{cluster.name}={_STATES.get(failure.status, 'stale')}"
        for cluster, failure in failures
        if failure.status != NOT_FOUND
    ]
    behind += [
        f"{of_pods.cluster.name}={of_pods.cluster.condition_of(PODS).state}"
        for of_pods in log_sources
        if not of_pods.knows_pods
    ]
    if behind:
        headers["X-Clusters"] = shortened(behind)
    return headers


def _problem(cluster: Cluster, error: ApiError | ConnectionFailed | AccessError) -> Problem:
    if isinstance(error, ApiError):
        return problem_of(cluster, Failed(error.status, error.message, error.reason))
    return problem_of(cluster, Failed(503, str(error), "ServiceUnavailable"))
