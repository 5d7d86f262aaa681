"""One resource in the clusters in scope, with its stores and the status of each cluster."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from app.cache.store import Store
from app.fleet.cluster import Cluster
from app.fleet.watch_status import ClusterStatus
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.resource_names import match
from app.kube.discovery.well_known import WELL_KNOWN


def resource_meant(word: str, clusters: Iterable[Cluster]) -> Resource:
    """Return the resource that a word means in these clusters; where there are none, in any Kubernetes.

    Raises UnknownResource and AmbiguousResource.
    """
    return match(word, [cluster.catalog for cluster in clusters] or [WELL_KNOWN])


async def introduced(clusters: Iterable[Cluster], patience: float) -> None:
    """Wait for clusters that began less than ``patience`` seconds ago to say what they serve."""
    await asyncio.gather(
        *(_introduced(cluster, patience) for cluster in clusters if not cluster.settled.is_set())
    )


async def _introduced(cluster: Cluster, patience: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(cluster.began + patience - time.monotonic()):
            await cluster.settled.wait()


class Coverage:
    """A resource in several clusters. Making one begins to watch it where it is not watched yet.

    ``resource`` describes the resource as the first cluster that serves it does;
    ``clusters`` are all in scope, sorted by name.
    """

    def __init__(self, resource: Resource, clusters: Sequence[Cluster]) -> None:
        self.resource = resource
        self.clusters = clusters
        for cluster in clusters:
            cluster.watches.ask(resource.name)

    @property
    def stores(self) -> list[Store]:
        """The stores of the resource, by cluster and namespace."""
        return [store for cluster in self.clusters for store in self.stores_of(cluster)]

    def stores_of(self, cluster: Cluster) -> list[Store]:
        """Return the stores of the resource in one cluster, none where it is not watched."""
        watch = cluster.watches.get(self.resource.name)
        return watch.stores if watch is not None else []

    def statuses(self) -> list[ClusterStatus]:
        """Return the status of every cluster in scope, for this resource."""
        return [self._status(cluster) for cluster in self.clusters]

    def _status(self, cluster: Cluster) -> ClusterStatus:
        condition = cluster.condition_of(self.resource.name)
        return ClusterStatus.of(cluster.name, condition, self.stores_of(cluster))

    async def unseen(self) -> set[str]:
        """Wait for what was written through this process; return the clusters that do not show it in time."""
        name = self.resource.name
        behind = [cluster for cluster in self.clusters if cluster.written.pending(name)]
        if not behind:
            return set()
        seen = await asyncio.gather(*(cluster.written.seen(name) for cluster in behind))
        return {cluster.name for cluster, caught_up in zip(behind, seen, strict=True) if not caught_up}

    async def ready(self, patience: float) -> None:
        """Wait for first lists that began less than ``patience`` seconds ago and have not failed."""
        await asyncio.gather(
            *(self._ready(cluster, patience) for cluster in self.clusters if self._pending(cluster))
        )

    def _pending(self, cluster: Cluster) -> bool:
        watch = cluster.watches.get(self.resource.name)
        return not (cluster.settled.is_set() if watch is None else watch.settled)

    async def _ready(self, cluster: Cluster, patience: float) -> None:
        await _introduced(cluster, patience)
        watch = cluster.watches.get(self.resource.name)
        if watch is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(watch.began + patience - time.monotonic()):
                    await watch.settle()
