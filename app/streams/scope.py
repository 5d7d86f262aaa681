"""The clusters and resources of a view, as these come and go."""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from hashlib import blake2b

import msgspec

from app.cache.clock import CLOCK
from app.fleet.cluster import Cluster
from app.fleet.coverage import Coverage, introduced, resource_meant
from app.fleet.fleet import Fleet
from app.fleet.selection import Selection
from app.fleet.watch_status import NOT_SEEN, ClusterStatus, Condition, behind, summary
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.resource_names import AmbiguousResource, UnknownResource
from app.streams import frames
from app.streams.cursor import Cursor
from app.streams.frame_log import FrameLog, PartKey
from app.streams.store_positions import cursor_at
from app.streams.view_parts import Part


class FrameOptions(msgspec.Struct, frozen=True):
    """How frames tell of objects: with what is selected, what makes views equal.

    ``fields`` is the projection as it was asked for; ``delta`` sends patches, ``every`` each transition,
    ``rows`` the rows of a table.
    """

    fields: str = ""
    delta: bool = False
    every: bool = False
    rows: bool = False


class ViewScope:
    """The parts of a view, each one resource of one cluster, which write into ``log``.

    ``signature`` and ``maker`` are those of the cursors that it makes. Raises AmbiguousResource.
    """

    def __init__(self, log: FrameLog, fleet: Fleet, selection: Selection, options: FrameOptions) -> None:
        self.parts: dict[PartKey, Part] = {}
        self.signature = selection.query.signature
        if options.rows:
            # Who knows objects knows no rows.
            self.signature = blake2b(b"rows" + self.signature, digest_size=len(self.signature)).digest()
        self.maker = fleet.maker
        self._log = log
        self._fleet = fleet
        self._selection = selection
        self._options = options
        self._unresolved = list(selection.resources)
        self._resources: dict[str, Resource] = {}
        # The frames that tell of parts and clusters that have gone, and at which step they went.
        self._removed: dict[tuple[str, str | None], tuple[bytes, int]] = {}
        self._match_words()
        self._add_parts()
        for part in self.parts.values():
            part.update_state()  # SYNCED tells it

    def close(self) -> None:
        """Stop following the stores."""
        for part in self.parts.values():
            part.close()

    @property
    def clusters(self) -> list[Cluster]:
        """The clusters in scope that there are now."""
        names = self._selection.clusters
        return [
            cluster for cluster in self._fleet.clusters.values() if names is None or cluster.name in names
        ]

    async def ready(self, patience: float) -> set[str]:
        """Wait for first lists that began less than ``patience`` seconds ago and have not failed.

        And for what was written through this process; returns the clusters in which that is not
        seen even then. Raises AmbiguousResource.
        """
        if self._unresolved:
            await introduced(self.clusters, patience)
            self._resolve()
        clusters = self.clusters
        coverages = [Coverage(resource, clusters) for resource in self._resources.values()]
        await asyncio.gather(*(coverage.ready(patience) for coverage in coverages))
        return set().union(*await asyncio.gather(*(coverage.unseen() for coverage in coverages)))

    def _resolve(self) -> None:
        """Add the parts that there are by now. Raises AmbiguousResource once all others are added."""
        try:
            self._match_words()
        finally:
            if any(store.version for part in self._add_parts() for store in part.stores):
                # What others follow already is listed, and nothing tells readers of it.
                self._log.skip()

    def _match_words(self) -> None:
        """Understand the names of resources as far as some cluster knows them by now.

        Raises AmbiguousResource, for the first such name, once all others are understood.
        """
        ambiguous: AmbiguousResource | None = None
        for word in [*self._unresolved]:
            try:
                resource = resource_meant(word, self.clusters)
            except UnknownResource:
                continue
            except AmbiguousResource as error:
                ambiguous = ambiguous or error
                continue
            self._unresolved.remove(word)
            self._resources.setdefault(resource.name, resource)
        if ambiguous is not None:
            raise ambiguous

    def _add_parts(self) -> list[Part]:
        """Add the parts that are missing, and return them."""
        added = []
        for cluster in self.clusters:
            for name, resource in self._resources.items():
                if (cluster.name, name) not in self.parts:
                    part = self.parts[cluster.name, name] = self._part(cluster, resource)
                    added.append(part)
                    self._removed.pop((cluster.name, name), None)
                    self._removed.pop((cluster.name, None), None)
        return added

    def _part(self, cluster: Cluster, resource: Resource) -> Part:
        served = cluster.catalog.get(resource.name) or resource
        query, options = self._selection.query, self._options
        return Part(self._log, cluster, served, query, delta=options.delta, rows=options.rows)

    # Going on

    def refresh(self, name: str) -> None:
        """Write what is new of a cluster, which may have come, gone or changed."""
        if self._selection.clusters is not None and name not in self._selection.clusters:
            return
        cluster = self._fleet.clusters.get(name)
        self._remove([part for part in self._parts_of(name) if part.cluster is not cluster])
        if cluster is None:
            frame = frames.cluster(name, None, Condition("removed", time.time()))
            self._removed[name, None] = frame, CLOCK.tick()
            self._log.append(frame, CLOCK.now)
        # Where a cluster has gone, too: a name may mean one thing alone since.
        with suppress(AmbiguousResource):
            self._resolve()
        states = [part.update_state() for part in self._parts_of(name)]
        for frame in dict.fromkeys(filter(None, states)):
            self._log.append(frame, CLOCK.now)

    def bookmark(self) -> None:
        """Write a cursor that covers what the stores hold now."""
        cursor = self.cursor().encode()
        self._log.append(frames.bookmark(cursor), CLOCK.now, cursor=cursor.encode())

    def _parts_of(self, cluster: str) -> list[Part]:
        return [part for part in self.parts.values() if part.cluster.name == cluster]

    def _remove(self, parts: Sequence[Part]) -> None:
        """Have clients forget what parts held whose cluster is not there any more."""
        for part in parts:
            part.close()
            del self.parts[part.key]
            self._removed[part.key] = part.frames.reset, CLOCK.tick()
        if parts:
            # Who has forgotten something must not come back with a cursor that covers it.
            self.bookmark()
            for part in parts:
                self._log.append(part.frames.reset, CLOCK.now)

    # What there is

    def cursor(self) -> Cursor:
        """The cursor of who sees all that the stores hold in this step of the event loop."""
        stores = ((part.identity, store) for part in self.parts.values() for store in part.stores)
        return cursor_at(stores, self.signature, self.maker)

    def heads(self) -> list[bytes]:
        """The frames that come before all others, of all parts that there are."""
        return [frame for part in self.parts.values() for frame in part.heads]

    def statuses(self, late: Collection[str]) -> list[ClusterStatus]:
        """The status of each cluster in scope, for all resources; those that are ``late`` are stale."""
        parts: dict[str, list[Part]] = {cluster.name: [] for cluster in self.clusters}
        for part in self.parts.values():
            parts.setdefault(part.cluster.name, []).append(part)
        statuses = [_status(cluster, parts[cluster.name]) for cluster in self.clusters]
        return behind(statuses, late, NOT_SEEN)

    def removed_since(self, step: int) -> list[bytes]:
        """The frames that tell of parts and clusters that went since a step of this process."""
        return [frame for frame, removed_at in self._removed.values() if removed_at > step]

    def states_since(self, step: int) -> list[bytes]:
        """The states of the parts that have another one since a step of this process."""
        parts = (part for part in self.parts.values() if part.state_changed_at > step)
        return [*dict.fromkeys(part.state_frame() for part in parts)]


def _status(cluster: Cluster, parts: Sequence[Part]) -> ClusterStatus:
    condition = summary([part.condition for part in parts] or [cluster.condition])
    return ClusterStatus.of(cluster.name, condition, [store for part in parts for store in part.stores])
