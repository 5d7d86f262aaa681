"""What is said of an object that is not where it was looked for: what there is in its place."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence

from aiohttp import web

from app.api.door.callers import CALLER
from app.api.http.app_keys import FLEET
from app.cache.objects import SEPARATOR, CachedObject
from app.cache.store import Store
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import Failed
from app.kube.discovery.api_resource import Resource
from app.suggestions import near
from app.turns import Kind, Pace

_NOT_FOUND = 404
# What people mean by a name, the likeliest first; other kinds come behind these, by their names.
_LIKELIEST = (
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "cronjobs.batch",
    "jobs.batch",
    "pods",
    "services",
)
# Nobody else is to wait for a hint: so many names are looked at, and so many of them compared.
_MOST_NAMES = 5000
_MOST_COMPARED = 200
_ODD_LETTERS = 3


async def not_found(
    request: web.Request,
    resource: Resource,
    name: str,
    clusters: Sequence[Cluster],
    namespaces: Collection[str] | None,
    *,
    unsure: Sequence[str] = (),
    elsewhere: Sequence[Cluster] | None = None,
) -> str:
    """One line about an object that is in none of these clusters and namespaces (None: all).

    Where there is something else of this name, or something with a name like it, it is named; only
    what is watched already is looked at. ``unsure`` are clusters that may have it nevertheless; ``elsewhere``
    are those in whose other namespaces it is looked for, left out all.
    """
    text = f"{_called(resource)} {name!r} not found"
    if unsure:
        verb = "is" if len(unsure) == 1 else "are"
        text += f", but {len(unsure)} of {len(clusters)} clusters {verb} not synced"
    pace = Pace(Kind.SCAN)
    hint = (
        await _of_another_kind(resource, name, clusters, namespaces, pace)
        or await _elsewhere(request, resource, name, elsewhere, pace)
        or await _alike(resource, name, clusters, namespaces, pace)
    )
    return f"{text}; {hint}" if hint else text


async def in_place_of(
    request: web.Request, failed: Failed, cluster: Cluster, resource: Resource, namespace: str, name: str
) -> Failed:
    """What a cluster answered; where that is that it has no such object, with what there is in its place."""
    if failed.status != _NOT_FOUND or failed.detail != f'{resource.name} "{name}" not found':
        return failed
    namespaces = [namespace] if namespace else None
    detail = await not_found(request, resource, name, [cluster], namespaces, elsewhere=[cluster])
    return Failed(failed.status, detail, failed.reason)


async def _of_another_kind(
    resource: Resource,
    name: str,
    clusters: Sequence[Cluster],
    namespaces: Collection[str] | None,
    pace: Pace,
) -> str:
    watched = {
        watch.resource.name: watch.resource
        for cluster in clusters
        for watch in cluster.watches
        if watch.resource.name != resource.name and watch.resource.namespaced == resource.namespaced
    }
    for other in sorted(watched, key=lambda each: (_rank(each), each)):
        async for _ in _named(watched[other], name, clusters, namespaces, pace):
            return f"{_called(watched[other])} {name!r} exists"
    return ""


async def _elsewhere(
    request: web.Request, resource: Resource, name: str, clusters: Sequence[Cluster] | None, pace: Pace
) -> str:
    scope = request[CALLER].scope
    if clusters is None:
        clusters = request.app[FLEET].chosen(scope.permitted_clusters(None))
    namespaces = scope.permitted_namespaces(None)
    places = [
        f"{cluster.name}, namespace {found.namespace}" if found.namespace else cluster.name
        async for cluster, found in _named(resource, name, clusters, namespaces, pace)
    ]
    if not places:
        return ""
    others = len(places) - 1
    more = f" and {others} more place{'s' if others > 1 else ''}" if others else ""
    return f"{_called(resource)} {name!r} exists in {places[0]}{more}"


async def _alike(
    resource: Resource,
    name: str,
    clusters: Sequence[Cluster],
    namespaces: Collection[str] | None,
    pace: Pace,
) -> str:
    names: dict[str, None] = {}
    room = _MOST_NAMES
    for _, store in _stores(resource, clusters):
        keys = store.keys_after("", namespaces, room)
        room -= len(keys)
        names |= dict.fromkeys(key.partition(SEPARATOR)[2] for key in keys)
        await pace.give()
    comparable = [
        each
        for each in names
        if each.startswith(name)
        or (abs(len(each) - len(name)) <= _ODD_LETTERS and (each[:1] == name[:1] or each[-1:] == name[-1:]))
    ]
    await pace.give()
    alike = near(name, comparable[:_MOST_COMPARED])
    return f"did you mean {', '.join(alike)}?" if alike else ""


async def _named(
    resource: Resource,
    name: str,
    clusters: Sequence[Cluster],
    namespaces: Collection[str] | None,
    pace: Pace,
) -> AsyncIterator[tuple[Cluster, CachedObject]]:
    """The objects of this name, and where each is; others have their turns between the stores."""
    for cluster, store in _stores(resource, clusters):
        for found in store.named(name, namespaces):
            yield cluster, found
        await pace.give()


def _stores(resource: Resource, clusters: Sequence[Cluster]) -> Iterator[tuple[Cluster, Store]]:
    for cluster in clusters:
        watch = cluster.watches.get(resource.name)
        for store in watch.stores if watch is not None else ():
            yield cluster, store


def _called(resource: Resource) -> str:
    return resource.singular or resource.kind.lower()


def _rank(resource: str) -> int:
    return _LIKELIEST.index(resource) if resource in _LIKELIEST else len(_LIKELIEST)
