"""What of a store matches, in the order in which an API server lists it."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from app.api.facade.asking import Ask
from app.cache.objects import CachedObject, key_of
from app.turns import Pace

# No name sorts after it.
_LAST = "\U0010ffff"


async def selected(ask: Ask) -> Sequence[CachedObject]:
    """What matches, as of the step of the event loop in which this is called."""
    objects = ask.store.select(ask.labels, [ask.namespace] if ask.namespace else None)
    if ask.fields is not None:
        pace, matches, cluster = Pace(), ask.fields.matches, ask.store.cluster
        found: list[CachedObject] = []
        for candidate in objects:
            if matches(candidate, cluster):
                found.append(candidate)
            await pace.give()
        objects = found
    return objects if ask.namespace else _by_path(objects)


def _by_path(objects: list[CachedObject]) -> list[CachedObject]:
    """In the order of etcd's keys, where team-a comes before team because ``-`` does before ``/``."""
    runs: list[tuple[str, int, int]] = []
    start = 0
    while start < len(objects):
        namespace = objects[start].namespace
        end = bisect_right(objects, key_of(namespace, _LAST), lo=start, key=attrgetter("key"))
        runs.append((f"{namespace}/", start, end))
        start = end
    ordered = sorted(runs)
    if ordered == runs:
        return objects
    return [found for _, start, end in ordered for found in objects[start:end]]
