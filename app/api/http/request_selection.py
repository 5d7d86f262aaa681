"""From a request to the resource and the clusters that it is about, and the waiting that reads do."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from aiohttp import web

from app.api.door.callers import CALLER, Caller
from app.api.http.app_keys import FLEET, SERVING
from app.api.http.problem import Problem
from app.api.http.query_parameters import words
from app.fleet.cluster import Cluster
from app.fleet.coverage import Coverage, introduced
from app.fleet.fleet import Fleet, UnknownCluster
from app.fleet.watch_status import NOT_SEEN, ClusterStatus, behind
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.resource_names import AmbiguousResource, UnknownResource, match
from app.streams.cursor import Cursor, CursorError
from app.streams.store_positions import wait_until_seen

T = TypeVar("T")

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


def in_scope(request: web.Request, names: Collection[str] | None) -> list[Cluster]:
    """The clusters of these names, all for None, that the caller may use. Raises Problem."""
    return chosen(request.app[FLEET], request[CALLER], names)


def chosen(fleet: Fleet, caller: Caller, names: Collection[str] | None) -> list[Cluster]:
    """The same, of whoever asks without a request of its own. Raises Problem."""
    try:
        return fleet.chosen(caller.scope.permitted_clusters(names))
    except UnknownCluster as error:
        unknown = next(name for name in names or () if name not in fleet.clusters)
        raise Problem(404, str(error), cluster=unknown) from None


async def covered(request: web.Request) -> Coverage:
    """The resource that the path names, in the clusters asked for. Raises Problem."""
    names = request[CALLER].scope.permitted_clusters(words(request, "cluster"))
    return await _understood(
        request, in_scope(request, names), lambda word: request.app[FLEET].coverage(word, names)
    )


async def resource_named(request: web.Request, clusters: Sequence[Cluster]) -> Resource:
    """The resource that the path names, as the first of the clusters has it. Raises Problem."""
    return await _understood(
        request, clusters, lambda word: match(word, [cluster.catalog for cluster in clusters])
    )


async def _understood(request: web.Request, clusters: Sequence[Cluster], meaning: Callable[[str], T]) -> T:
    """What the word for a resource means, once the clusters have said what they serve. Raises Problem."""
    word = request.match_info["resource"]
    if word.lower() in OWN_WORDS:
        raise Problem(404, f"there is nothing at {request.path}; /openapi.json has all there is")

    def find() -> T:
        try:
            return meaning(word)
        except AmbiguousResource as error:
            raise Problem(409, str(error), resources=error.names) from None

    try:
        return find()
    except UnknownResource:
        # Clusters that have just been begun with have not said yet what they serve.
        await introduced(clusters, request.app[SERVING].sync_timeout)
    try:
        return find()
    except (UnknownResource, UnknownCluster) as error:
        raise Problem(404, str(error)) from None


async def caught_up(request: web.Request, coverage: Coverage) -> Collection[str]:
    """Wait for first lists, for what was written through this server and for what ``after`` covers.

    Returns the clusters that it took too long in.
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
    """How the clusters are; one that is late is stale."""
    return behind(coverage.statuses(), late, NOT_SEEN)


def _cursor(request: web.Request) -> Cursor | None:
    text = request.query.get("after")
    try:
        return Cursor.decode(text) if text else None
    except CursorError as error:
        raise Problem(400, f"after: {error}") from None
