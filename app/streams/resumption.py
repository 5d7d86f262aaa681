"""Where a client that brings a cursor goes on, part by part: the smallest right thing.

That is what changed since the versions that the cursor holds, wherever these are of the
history that the store knows; else the part from its start.
"""

import asyncio
from collections.abc import Iterator, Mapping

import msgspec

from app.cache.changelog import Change
from app.cache.clock import CLOCK
from app.cache.store import Store
from app.fleet.history_bridge import Mark
from app.streams.cursor import Cursor
from app.streams.scope import ViewScope
from app.streams.view_parts import Part

# How much the clocks of replicas may differ.
SKEW_SECONDS = 120.0


def is_possible(cursor: Cursor, scope: ViewScope) -> bool:
    """Whether a cursor is for what a view is about.

    One that speaks of a cluster that is not in scope is not: nobody could name to the
    client what it holds of it.
    """
    clusters = [cluster.name for cluster in scope.clusters]
    return cursor.signature == scope.signature and not cursor.covers_others(clusters)


class ResumptionPlan(msgspec.Struct):
    """What each part goes on from: versions of its stores, or changes. Any other part is sent anew."""

    begun: int
    cursor: Cursor
    versions: Mapping[Part, list[int]]
    changes: Mapping[Part, list[Change]] | None

    def frames_of(self, part: Part) -> Iterator[bytes] | None:
        """The frames that bring the client up to date with a part; None where it is to be sent anew."""
        if not part.is_known:
            is_lost = part.is_gone and self.cursor.covers(part.cluster.name, part.resource.name)
            return None if is_lost else iter(())
        if part not in self.versions or part.is_replaced_since(self.begun):
            return None
        if self.changes is None:
            return part.since(self.versions[part])
        return part.exactly(self.changes[part]) if part in self.changes else None


async def plan(scope: ViewScope, cursor: Cursor, *, exact: bool) -> ResumptionPlan:
    """Return how to go on from a cursor; ``exact`` is with each change, as far as these are known."""
    begun = CLOCK.now
    made = cursor.made if cursor.maker == scope.maker else cursor.made - SKEW_SECONDS
    parts = [part for part in scope.parts.values() if part.is_known]
    reachable = await asyncio.gather(*(_versions(part, cursor, made) for part in parts))
    versions = {part: since for part, since in zip(parts, reachable, strict=True) if since is not None}
    if not exact:
        return ResumptionPlan(begun, cursor, versions, None)
    changes = {part: part.changes_since(since) for part, since in versions.items()}
    remembered = {part: exactly for part, exactly in changes.items() if exactly is not None}
    if len(remembered) < len(parts):
        # Nobody knows what was sent behind the cursor, of a history that may be undone since. Who wants
        # each change begins anew as a whole, as after a relist.
        return ResumptionPlan(begun, cursor, {}, {})
    return ResumptionPlan(begun, cursor, versions, remembered)


async def _versions(part: Part, cursor: Cursor, made: float) -> list[int] | None:
    """The versions of its stores from which the part can go on; None where it must begin anew."""
    cluster, identity = part.cluster.name, part.identity
    assert identity is not None
    versions = []
    for store in part.stores:
        version = cursor.version(cluster, identity, store.resource, store.namespace)
        if version is None:
            return None
        versions.append(version)
    marks = [cursor.mark(cluster, identity, store.resource, store.namespace) for store in part.stores]
    pasts = zip(part.stores, versions, marks, strict=True)
    reachable = await asyncio.gather(*(_is_reachable(part, *past, made) for past in pasts))
    return versions if all(reachable) else None


async def _is_reachable(part: Part, store: Store, version: int, mark: Mark | None, made: float) -> bool:
    """Whether the store can tell, maybe by asking the API server, what happened since a version.

    Versions of another history may look the same, so it matters when the cursor was made:
    a history that went back since then is another one.
    """
    watch = part.cluster.watches.get(part.resource.name)
    bridge = watch.bridge(store) if watch is not None else None
    if bridge is None:
        return False
    if store.version < version and not await bridge.advance(version):
        return False
    if made < store.restored:
        return False
    if made >= store.began and store.last.reaches(version):
        return True
    return await bridge.reach(version, mark)
