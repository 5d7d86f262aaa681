"""The states of clusters and resources, as answers and streams say them."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from app.cache.store import Store

State = Literal["syncing", "synced", "stale", "unreachable", "forbidden", "removed"]

# So many resources are named one by one.
NAMED = 3
# What a summary of several says: the first of these that any of them is in.
_WORST_FIRST: tuple[State, ...] = ("unreachable", "stale", "syncing", "forbidden", "synced")


class Condition(msgspec.Struct, frozen=True):
    """The state of a cluster or of a resource, since when it lasts, and the error that is its cause.

    ``since`` is in seconds since the epoch. For ``stale`` and ``unreachable`` it is when
    the data was last known to be live, so that its age can be told, or, where there
    never was any, when the state began.
    """

    state: State
    since: float
    error: str | None = None

    def then(self, state: State, error: str | None) -> "Condition":
        """Return the condition that follows this one now; ``since`` stays while the state or trouble does."""
        broken = ("stale", "unreachable")
        continues = state == self.state or (state in broken and self.state in broken)
        return Condition(state, self.since if continues else time.time(), error)


class ClusterStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of ``clusters`` in an answer: the state of one cluster for what the request is about.

    ``unreadable`` is how many objects there are besides, which cannot be read.
    """

    name: str
    state: State
    since: str
    objects: int
    error: str | None
    unreadable: int = 0

    @classmethod
    def of(cls, name: str, condition: Condition, stores: Collection[Store]) -> "ClusterStatus":
        """Return the entry of a cluster whose objects are in ``stores``."""
        objects, unreadable = sum(map(len, stores)), sum(len(store.unreadable) for store in stores)
        since = timestamp(condition.since)
        return cls(name, condition.state, since, objects, condition.error, unreadable)


NOT_SEEN = "what was written, or what after= covers, has not been seen yet"


def behind(statuses: Sequence[ClusterStatus], late: Collection[str], error: str) -> list[ClusterStatus]:
    """Return these statuses with the synced clusters in ``late`` as stale, with this ``error``."""
    return [
        msgspec.structs.replace(status, state="stale", error=error)
        if status.name in late and status.state == "synced"
        else status
        for status in statuses
    ]


def summary(conditions: Sequence[Condition]) -> Condition:
    """Return the worst of several conditions, since the earliest of those in that state."""
    worst = min((condition.state for condition in conditions), key=_WORST_FIRST.index)
    same = [condition for condition in conditions if condition.state == worst]
    first = min(same, key=lambda condition: condition.since)
    errors = dict.fromkeys(condition.error for condition in same if condition.error)
    return Condition(worst, first.since, next(iter(errors), None))


def overall(conditions: Mapping[str, Condition]) -> Condition:
    """Return the condition of a whole cluster, given those of its resources by name: the state of most.

    What is forbidden does not speak for the others. The error of a cluster that is synced
    names the resources that are not.
    """
    permitted = {name: condition for name, condition in conditions.items() if condition.state != "forbidden"}
    if not permitted:
        return summary([*conditions.values()])
    synced = [condition for condition in permitted.values() if condition.state == "synced"]
    odd = {name: condition for name, condition in permitted.items() if condition.state != "synced"}
    if len(odd) > len(synced):
        return summary([*odd.values()])
    return msgspec.structs.replace(summary(synced), error=_named(odd))


def _named(odd: Mapping[str, Condition]) -> str | None:
    """Which resources are not synced, in one line."""
    named = [
        f"{name} is {condition.state}{f': {condition.error}' if condition.error else ''}"
        for name, condition in sorted(odd.items())
    ]
    more = [f"and {len(named) - NAMED} more"] if len(named) > NAMED else []
    return "; ".join(named[:NAMED] + more) or None


def timestamp(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
