"""What of a store matches, in the order in which an API server lists it."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from app.cache.objects import CachedObject, key_of
from app.kubeapi.cached.kube_request import CachedRead
from app.turns import Pace

# No name sorts after it.
_LAST = "\U0010ffff"

# A namespace, and from where to where its objects stand.
_Run = tuple[str, int, int]


async def selected(read: CachedRead) -> Sequence[CachedObject]:
    """Return the objects that match, as of the step of the event loop in which this is called."""
    query, store = read.query, read.store
    if query.labels is None and query.namespaces is None:
        return await _matching(read, _by_path(store.all(), [*store.namespaces()]))
    objects = await _matching(read, store.select(query.labels, query.namespaces))
    return objects if read.namespace else _by_path(objects, [*_runs(objects)])


async def _matching(read: CachedRead, objects: Sequence[CachedObject]) -> Sequence[CachedObject]:
    """Return those of the objects that have the fields that are asked for."""
    fields = read.query.fields
    if fields is None:
        return objects
    pace, matches, cluster = Pace(), fields.matches, read.store.cluster
    matching: list[CachedObject] = []
    for candidate in objects:
        if matches(candidate, cluster):
            matching.append(candidate)
        await pace.give()
    return matching


def _by_path(objects: Sequence[CachedObject], runs: list[_Run]) -> Sequence[CachedObject]:
    """In the order of etcd's keys, where team-a comes before team because ``-`` does before ``/``."""
    ordered = sorted(runs, key=lambda run: f"{run[0]}/")
    if ordered == runs:
        return objects
    return [found for _, start, end in ordered for found in objects[start:end]]


def _runs(objects: Sequence[CachedObject]) -> Iterator[_Run]:
    start = 0
    while start < len(objects):
        namespace = objects[start].namespace
        end = bisect_right(objects, key_of(namespace, _LAST), lo=start, key=attrgetter("key"))
        yield namespace, start, end
        start = end
