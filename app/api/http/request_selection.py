"""From a request to the selection that it is about, and the waiting that reads do."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from aiohttp import web
from multidict import MultiMapping

from app.api.door.callers import CALLER
from app.api.http.app_keys import FLEET, SERVING
from app.api.http.problem import Problem
from app.cache.query.query_errors import SelectorError
from app.fleet.cluster import Cluster
from app.fleet.coverage import Coverage, introduced
from app.fleet.fleet import UnknownCluster
from app.fleet.selection import (
    ClusterChoice,
    NotPermitted,
    Selection,
    SelectionParameters,
    choose_clusters,
    cover,
    select_resource,
)
from app.fleet.watch_status import NOT_SEEN, ClusterStatus, behind
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.resource_names import AmbiguousResource, UnknownResource, match
from app.streams.cursor import Cursor, CursorError
from app.streams.store_positions import wait_until_seen

AFTER_SECONDS = 2.0
# By these words no kind can be asked for without its group: they are paths of our own, now or soon.
OWN_WORDS = frozenset(
    {
        "apply",
        "clusters",
        "healthz",
        "metrics",
        "openapi.json",
        "readyz",
        "resources",
        "stream",
        "version",
        "web",
        "ws",
    }
)


def joined(query: MultiMapping[str]) -> dict[str, str]:
    """Return the parameters of a query by name; those that were repeated as one text with commas."""
    return {name: ",".join(query.getall(name)) for name in query}


@contextmanager
def selecting() -> Iterator[None]:
    """Raise Problem in place of what making a selection raises."""
    try:
        yield
    except NotPermitted as error:
        raise Problem(403, str(error)) from None
    except UnknownCluster as error:
        raise Problem(404, str(error), cluster=error.name) from None
    except UnknownResource as error:
        raise Problem(404, str(error)) from None
    except AmbiguousResource as error:
        raise Problem(409, str(error), resources=error.names) from None
    except SelectorError as error:
        raise Problem(400, str(error)) from None


def chosen_clusters(request: web.Request, names: Collection[str] | None) -> ClusterChoice:
    """Return the clusters of these names (None: all) that the caller may see. Raises Problem (403, 404)."""
    with selecting():
        return choose_clusters(request.app[FLEET], request[CALLER].scope, names)


async def selected(request: web.Request) -> tuple[Selection, Coverage]:
    """Return what the path and the query of a request ask to see, and what covers it. Raises Problem."""
    parameters = SelectionParameters.of(joined(request.query))
    word = _resource_word(request, parameters.clusters)
    with selecting():
        return await select_resource(
            request.app[FLEET],
            request[CALLER].scope,
            parameters,
            word,
            request.app[SERVING].sync_timeout,
        )


async def covered(request: web.Request, names: Collection[str] | None) -> tuple[ClusterChoice, Coverage]:
    """Return the clusters of these names (None: all), and the path's resource over them. Raises Problem."""
    word = _resource_word(request, names)
    with selecting():
        return await cover(
            request.app[FLEET], request[CALLER].scope, names, word, request.app[SERVING].sync_timeout
        )


async def resource_named(request: web.Request, clusters: Sequence[Cluster]) -> Resource:
    """Return the resource that the path names, as the first of the clusters has it. Raises Problem."""
    word = request.match_info["resource"]
    if word.lower() in OWN_WORDS:
        raise _nothing_at(request)
    with selecting():
        try:
            return match(word, [cluster.catalog for cluster in clusters])
        except UnknownResource:
            await introduced(clusters, request.app[SERVING].sync_timeout)
        return match(word, [cluster.catalog for cluster in clusters])


def _resource_word(request: web.Request, names: Collection[str] | None) -> str:
    """Return the word of the path that names a resource. Raises Problem for one of our own paths."""
    word = request.match_info["resource"]
    if word.lower() in OWN_WORDS:
        # That a cluster is unknown is said first, as of any other word.
        chosen_clusters(request, names)
        raise _nothing_at(request)
    return word


def _nothing_at(request: web.Request) -> Problem:
    return Problem(404, f"there is nothing at {request.path}; /openapi.json has all there is")


async def caught_up(request: web.Request, coverage: Coverage) -> Collection[str]:
    """Wait for first lists, for what was written through this server and for what ``after`` covers.

    Returns the names of the clusters that it took too long in. Raises Problem (400) for a wrong ``after``.
    """
    after = _cursor(request)
    await coverage.ready(request.app[SERVING].sync_timeout)
    if after is None:
        return await coverage.unseen()
    covered_late, own_late = await asyncio.gather(
        wait_until_seen(coverage, after, AFTER_SECONDS), coverage.unseen()
    )
    return covered_late | own_late


def statuses(coverage: Coverage, late: Collection[str]) -> list[ClusterStatus]:
    """Return how the clusters are for the resource; one that is late is stale."""
    return behind(coverage.statuses(), late, NOT_SEEN)


def _cursor(request: web.Request) -> Cursor | None:
    text = request.query.get("after")
    try:
        return Cursor.decode(text) if text else None
    except CursorError as error:
        raise Problem(400, f"after: {error}") from None
