"""The watch of one resource of one cluster: its stores, and the reflectors that fill them."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from app.cache.store import Store
from app.fleet.history_bridge import HistoryBridge
from app.fleet.store_feed import StoreFeed
from app.fleet.watch_listener import WatchListener
from app.fleet.watch_status import Condition, summary
from app.kube.discovery.api_resource import Resource
from app.kube.reflector import Health, Reflector, Sink

log = logging.getLogger(__name__)

RESTART_SECONDS = 30.0

ReflectorFactory = Callable[[Resource, StoreFeed, str | None], Reflector]


class ResourceWatch:
    """The stores of a resource and the reflectors that fill them.

    That is one of each, or one a namespace where the cluster's account may see only
    some. ``began`` is in monotonic seconds.
    """

    def __init__(
        self,
        cluster: str,
        resource: Resource,
        namespaces: Sequence[str],
        make_reflector: ReflectorFactory,
        listener: WatchListener,
        on_gone: Callable[["ResourceWatch"], None],
        *,
        pinned: bool,
    ) -> None:
        self.resource = resource
        self.pinned = pinned
        self.began = time.monotonic()
        self._on_gone = on_gone
        scopes: Sequence[str | None] = namespaces if namespaces and resource.namespaced else [None]
        self.feeds = [StoreFeed(Store(cluster, resource.name, scope), listener) for scope in scopes]
        self.reflectors = [
            make_reflector(resource, feed, scope) for feed, scope in zip(self.feeds, scopes, strict=True)
        ]
        self._bridges = [
            HistoryBridge(feed.store, reflector)
            for feed, reflector in zip(self.feeds, self.reflectors, strict=True)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def stores(self) -> list[Store]:
        """The stores, one for each namespace that the cluster is restricted to, or one for all."""
        return [feed.store for feed in self.feeds]

    @property
    def condition(self) -> Condition:
        """The condition of the resource: the worst of its stores'."""
        return summary([feed.condition for feed in self.feeds])

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def settled(self) -> bool:
        """Whether every first list has been taken, or has failed once."""
        return all(feed.settled.is_set() for feed in self.feeds)

    async def settle(self) -> None:
        """Wait until every first list has been taken, or has failed once."""
        for feed in self.feeds:
            await feed.settled.wait()

    def start(self) -> None:
        """Run the reflectors, each in a task."""
        self._tasks = [
            asyncio.create_task(self._run(reflector, feed), name=f"watch {self.resource.name}")
            for reflector, feed in zip(self.reflectors, self.feeds, strict=True)
        ]

    def bridge(self, store: Store) -> HistoryBridge | None:
        """Return the bridge to what a store has not seen; None for a store that is not of this watch."""
        return next((bridge for bridge in self._bridges if bridge.store is store), None)

    def heard(self, store: Store) -> float | None:
        """Return when the watch of a store last brought anything, in the loop's seconds; None for never."""
        for feed, reflector in zip(self.feeds, self.reflectors, strict=True):
            if feed.store is store:
                return reflector.counters.last_event
        return None

    def relist(self) -> None:
        """List again from nothing: another history of the cluster is suspected."""
        for reflector, feed in zip(self.reflectors, self.feeds, strict=True):
            feed.store.distrust()
            reflector.relist()

    def wake(self) -> None:
        """End the pauses before next attempts: the server seems to be well again."""
        for reflector in self.reflectors:
            reflector.wake()

    async def stop(self) -> None:
        """End the reflectors and wait for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, reflector: Reflector, feed: StoreFeed) -> None:
        await keep_running(reflector, feed, feed.store.cluster, self.resource)
        self._on_gone(self)


async def keep_running(reflector: Reflector, sink: Sink, cluster: str, resource: Resource) -> None:
    """Run a reflector until its resource is gone, and begin again after an exception, which is reported."""
    while True:
        try:
            return await reflector.run()
        except Exception as error:
            log.exception("reflector failed", extra={"cluster": cluster, "resource": resource.name})
            sink.discard()
            sink.report(Health("stale", f"internal error: {type(error).__name__}"))
            await asyncio.sleep(RESTART_SECONDS)
            reflector.relist()
