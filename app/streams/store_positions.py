"""The cursor of who has seen what stores hold, and waiting until stores hold what a cursor covers."""

import asyncio
from collections.abc import Iterable

from app.cache.store import Store
from app.fleet.cluster import Cluster
from app.fleet.coverage import Coverage
from app.fleet.own_writes import WrittenVersion
from app.streams.cursor import Cursor, StorePosition


def cursor_of(coverage: Coverage, signature: bytes, maker: bytes) -> Cursor:
    """The cursor of a reader who sees all that the coverage holds in this step of the event loop."""
    stores = ((cluster.identity, store) for cluster, store in _stores(coverage))
    return cursor_at(stores, signature, maker)


def cursor_at(stores: Iterable[tuple[str | None, Store]], signature: bytes, maker: bytes) -> Cursor:
    """The cursor of a reader who has seen all that these stores hold, each of a history of this identity."""
    return Cursor.at(
        (
            StorePosition(
                store.cluster, identity, store.resource, store.namespace, store.version, store.latest
            )
            for identity, store in stores
            if identity is not None and store.version
        ),
        signature,
        maker,
    )


def cursor_of_writes(writes: Iterable[tuple[Cluster, WrittenVersion]]) -> Cursor:
    """The cursor of a reader who has seen these writes, and who knows what else."""
    versions: dict[tuple[str, str, str, str | None], int] = {}
    for cluster, written in writes:
        if cluster.identity is not None:
            store = cluster.name, cluster.identity, written.resource, written.namespace
            versions[store] = max(written.version, versions.get(store, 0))
    return Cursor.at((StorePosition(*store, version) for store, version in versions.items()), b"")


async def wait_until_seen(coverage: Coverage, cursor: Cursor, patience: float) -> set[str]:
    """Wait, ``patience`` seconds at most, until the coverage holds what the cursor covers.

    Returns the names of the clusters that do not hold it even then.
    """
    behind: dict[asyncio.Task[None], str] = {}
    for cluster, store in _stores(coverage):
        version = cursor.version(cluster.name, cluster.identity or "", store.resource, store.namespace)
        if version is not None and store.version < version:
            behind[asyncio.create_task(store.reached(version))] = cluster.name
    if not behind:
        return set()
    _, late = await asyncio.wait(behind, timeout=patience)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return {behind[task] for task in late}


def _stores(coverage: Coverage) -> list[tuple[Cluster, Store]]:
    return [(cluster, store) for cluster in coverage.clusters for store in coverage.stores_of(cluster)]
