"""What of a store matches, in the order in which an API server lists it."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from app.cache.objects import CachedObject, key_of
from app.kubeapi.cached.kube_request import Ask
from app.turns import Pace

# No name sorts after it.
_LAST = "\U0010ffff"

# A namespace, and from where to where its objects stand.
_Run = tuple[str, int, int]


async def selected(ask: Ask) -> Sequence[CachedObject]:
    """What matches, as of the step of the event loop in which this is called."""
    if ask.labels is None and not ask.namespace:
        everything = ask.store.all()
        objects = _by_path(everything, [*ask.store.namespaces()])
        return await _matching(ask, objects)
    selection = ask.store.select(ask.labels, [ask.namespace] if ask.namespace else None)
    objects = await _matching(ask, selection)
    return objects if ask.namespace else _by_path(objects, [*_runs(objects)])


async def _matching(ask: Ask, objects: Sequence[CachedObject]) -> Sequence[CachedObject]:
    """Those that have the fields that are asked for."""
    if ask.fields is None:
        return objects
    pace, matches, cluster = Pace(), ask.fields.matches, ask.store.cluster
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
