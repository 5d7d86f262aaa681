"""What a view is about: clusters and resources, as these come and go."""

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from hashlib import blake2b

import msgspec

from app.cache.clock import CLOCK
from app.cache.query.queries import Query
from app.fleet.cluster import Cluster
from app.fleet.coverage import Coverage, introduced
from app.fleet.fleet import Fleet
from app.fleet.watch_status import NOT_SEEN, ClusterStatus, Condition, behind, summary
from app.kube.discovery.api_groups import WELL_KNOWN
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.resource_names import AmbiguousResource, UnknownResource, match
from app.streams import frames
from app.streams.cursor import Cursor
from app.streams.store_positions import cursor_at
from app.streams.view_parts import Log, Part


class Subject(msgspec.Struct, frozen=True):
    """What a view is about and in which shape: with the query's signature, what makes views equal.

    ``resources`` are names, or words that no cluster understands yet; ``clusters`` are
    names, None for all. ``fields`` is the projection as it was asked for; ``delta`` sends
    patches, ``every`` each transition, ``rows`` the rows of a table.
    """

    resources: tuple[str, ...]
    clusters: tuple[str, ...] | None = None
    fields: str = ""
    delta: bool = False
    every: bool = False
    rows: bool = False


class Range:
    """The parts of a view, each one resource of one cluster. Raises AmbiguousResource."""

    def __init__(self, log: Log, fleet: Fleet, subject: Subject, query: Query) -> None:
        self.parts: dict[tuple[str, str], Part] = {}
        self.signature = query.signature
        if subject.rows:
            # Who knows objects knows no rows.
            self.signature = blake2b(b"rows" + query.signature, digest_size=len(query.signature)).digest()
        self.maker = fleet.maker
        self._log = log
        self._fleet = fleet
        self._subject = subject
        self._query = query
        self._words = list(subject.resources)
        self._resources: dict[str, Resource] = {}
        # What went, of it the frame, and at which step.
        self._removed: dict[tuple[str, str | None], tuple[bytes, int]] = {}
        self._resolve()
        for part in self.parts.values():
            part.follow()  # how that is, SYNCED tells

    def close(self) -> None:
        for part in self.parts.values():
            part.close()

    @property
    def clusters(self) -> list[Cluster]:
        """Those in scope that there are now."""
        asked = self._subject.clusters
        return [each for each in self._fleet.clusters.values() if asked is None or each.name in asked]

    async def ready(self, patience: float) -> set[str]:
        """Wait for first lists that began less than ``patience`` seconds ago and have not failed.

        And for what was written through this process; returns the clusters in which that is not
        seen even then. Raises AmbiguousResource.
        """
        if self._words:
            await introduced(self.clusters, patience)
            self._resolve()
        clusters = self.clusters
        coverages = [Coverage(resource, clusters) for resource in self._resources.values()]
        await asyncio.gather(*(coverage.ready(patience) for coverage in coverages))
        return set().union(*await asyncio.gather(*(coverage.unseen() for coverage in coverages)))

    def _resolve(self) -> None:
        """Understand what can be understood by now."""
        catalogs = [cluster.catalog for cluster in self.clusters] or [WELL_KNOWN]
        for word in [*self._words]:
            with suppress(UnknownResource):
                resource = match(word, catalogs)
                self._words.remove(word)
                self._resources.setdefault(resource.name, resource)
        for cluster in self.clusters:
            for name, resource in self._resources.items():
                if (cluster.name, name) not in self.parts:
                    served = cluster.catalog.get(name) or resource
                    subject = self._subject
                    part = Part(
                        self._log, cluster, served, self._query, delta=subject.delta, rows=subject.rows
                    )
                    self.parts[cluster.name, name] = part
                    self._removed.pop((cluster.name, name), None)
                    self._removed.pop((cluster.name, None), None)

    def refresh(self, name: str) -> Iterator[bytes]:
        """See how a cluster is now, which may have come, gone or changed; what is to be told of that."""
        if self._subject.clusters is not None and name not in self._subject.clusters:
            return
        cluster = self._fleet.clusters.get(name)
        gone = [
            part for part in self.parts.values() if part.cluster.name == name and part.cluster is not cluster
        ]
        for part in gone:
            part.close()
            place = name, part.resource.name
            del self.parts[place]
            self._removed[place] = part.place.reset, CLOCK.tick()
        if gone:
            # Who has forgotten something must not come back with a cursor that covers it.
            self._log.bookmark()
            yield from [part.place.reset for part in gone]
        if cluster is None:
            frame = frames.cluster(name, None, Condition("removed", time.time()))
            self._removed[name, None] = frame, CLOCK.tick()
            yield frame
            return
        with suppress(AmbiguousResource):
            self._resolve()
        told = [part.follow() for part in self.parts.values() if part.cluster.name == name]
        yield from dict.fromkeys(filter(None, told))

    # What there is

    def cursor(self) -> Cursor:
        """That of who sees all that the stores hold in this step of the event loop."""
        stores = ((part.identity, store) for part in self.parts.values() for store in part.stores)
        return cursor_at(stores, self.signature, self.maker)

    def heads(self) -> list[bytes]:
        """What comes before everything else, of all that there is."""
        return [frame for part in self.parts.values() for frame in part.heads]

    def statuses(self, late: Collection[str]) -> list[ClusterStatus]:
        """How each cluster in scope is for all that is asked for; those that are ``late`` are stale."""
        parts: dict[str, list[Part]] = {cluster.name: [] for cluster in self.clusters}
        for part in self.parts.values():
            parts.setdefault(part.cluster.name, []).append(part)
        found = [_status(cluster, parts[cluster.name]) for cluster in self.clusters]
        return behind(found, late, NOT_SEEN)

    def removed_since(self, step: int) -> list[bytes]:
        """What is to be told of what went since a step of this process."""
        return [frame for frame, at in self._removed.values() if at > step]

    def told_since(self, step: int) -> list[bytes]:
        """The states of what has another one since a step of this process."""
        return [*dict.fromkeys(part.told for part in self.parts.values() if part.told_at > step)]


def _status(cluster: Cluster, parts: list[Part]) -> ClusterStatus:
    condition = summary([part.condition for part in parts] or [cluster.condition])
    return ClusterStatus.of(cluster.name, condition, [store for part in parts for store in part.stores])
