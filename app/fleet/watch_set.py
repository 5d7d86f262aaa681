"""The resources of one cluster that are watched: those that are pinned or asked for and that it serves."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from app.fleet.resource_watch import ReflectorFactory, ResourceWatch
from app.fleet.watch_listener import WatchListener
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import Catalog
from app.kube.discovery.resource_names import AmbiguousResource, UnknownResource, match


class WatchSet:
    """The watches of a cluster, by the name of their resource.

    ``pinned`` are watched whenever the cluster has them, others from when they are asked
    for until nobody has for ``release_after`` seconds, and as long as they are held.
    """

    def __init__(
        self,
        cluster: str,
        *,
        pinned: Iterable[str],
        namespaces: Sequence[str],
        release_after: float,
        make_reflector: ReflectorFactory,
        listener: WatchListener,
    ) -> None:
        self._cluster = cluster
        self._pinned = tuple(pinned)
        self._namespaces = namespaces
        self._release_after = release_after
        self._make_reflector = make_reflector
        self._listener = listener
        self._catalog: Catalog | None = None
        self._watches: dict[str, ResourceWatch] = {}
        self._asked: dict[str, float] = {}
        self._held: Counter[str] = Counter()
        self._ending: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[ResourceWatch]:
        return iter([*self._watches.values()])

    def get(self, name: str) -> ResourceWatch | None:
        """Return the watch of a resource (``plural.group``), None where it is not watched."""
        return self._watches.get(name)

    def objects(self) -> int:
        """Return the number of objects in all stores."""
        return sum(len(store) for watch in self for store in watch.stores)

    def ask(self, name: str) -> None:
        """Have a resource watched: now, or as soon as the cluster is known to have it."""
        self._asked[name] = time.monotonic()
        if name not in self._watches and self._catalog is not None:
            self._begin(self._catalog.get(name), pinned=False)

    def hold(self, name: str) -> None:
        """Have a resource watched until it is let go as often as it was held."""
        self._held[name] += 1
        self.ask(name)

    def let_go(self, name: str) -> None:
        """Take back one `hold`; from now on the resource is released like one that was asked for."""
        self._held[name] -= 1
        self._asked[name] = time.monotonic()

    def follow(self, catalog: Catalog) -> None:
        """Watch what is wanted and is there now, stop what is there no more."""
        self._catalog = catalog
        for watch in self:
            if catalog.get(watch.resource.name) != watch.resource:
                self._end(watch)
        for word in self._pinned:
            # A word that means several things is no reason to watch nothing at all.
            with suppress(UnknownResource, AmbiguousResource):
                resource = match(word, [catalog])
                if resource.name not in self._watches:
                    self._begin(resource, pinned=True)
        for name in {*self._asked, *+self._held}:
            if name not in self._watches:
                self._begin(catalog.get(name), pinned=False)

    def release(self) -> None:
        """Stop watching what nobody has asked for in ``release_after`` seconds."""
        before = time.monotonic() - self._release_after
        self._asked = {name: at for name, at in self._asked.items() if at >= before}
        for watch in self:
            name = watch.resource.name
            if not watch.pinned and name not in self._asked and not self._held[name]:
                self._end(watch)

    def relist(self) -> None:
        """List everything again: another history of the cluster is suspected."""
        for watch in self:
            watch.relist()

    def wake(self) -> None:
        """End the pauses of those that wait before their next attempt."""
        for watch in self:
            watch.wake()

    async def stop(self) -> None:
        """End all watches and wait for their end."""
        await asyncio.gather(*(watch.stop() for watch in self), *self._ending)

    def _begin(self, resource: Resource | None, *, pinned: bool) -> None:
        if resource is None or not {"list", "watch"} <= resource.verbs:
            return
        watch = ResourceWatch(
            self._cluster,
            resource,
            self._namespaces,
            self._make_reflector,
            self._listener,
            self._gone,
            pinned=pinned,
        )
        self._watches[resource.name] = watch
        watch.start()
        self._listener.watches_changed()

    def _gone(self, watch: ResourceWatch) -> None:
        if self._watches.get(watch.resource.name) is watch:
            self._end(watch)
            self._listener.resource_gone()

    def _end(self, watch: ResourceWatch) -> None:
        del self._watches[watch.resource.name]
        for store in watch.stores:
            store.clear()
        task = asyncio.create_task(watch.stop())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        self._listener.watches_changed()
