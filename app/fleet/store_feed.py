"""Puts what one reflector learns into one store, and keeps the condition of that."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from app.cache.objects import CachedObject, key_of
from app.cache.store import Store
from app.fleet.watch_listener import WatchListener
from app.fleet.watch_status import Condition
from app.kube.reflector import Health
from app.kube.wire.unreadable import Unreadable
from app.kube.wire.wire_object import WireObject

log = logging.getLogger(__name__)


class StoreFeed:
    """The sink of a reflector (`app.kube.reflector.Sink`).

    ``settled`` is set once the first list has been taken, or has failed.
    """

    def __init__(self, store: Store, listener: WatchListener) -> None:
        self.store = store
        self.condition = Condition("syncing", time.time())
        self.settled = asyncio.Event()
        self._listener = listener
        self._gathered: list[CachedObject] = []
        self._left_out: list[Unreadable] = []
        # What has been named in the log, as long as it cannot be read.
        self._named: set[str] = set()

    def gather(self, objects: Sequence[WireObject]) -> None:
        """Keep a part of a list aside; what is held already is held once."""
        self._gathered += [self._cached(found) for found in objects]

    def leave_out(self, unreadable: Sequence[Unreadable]) -> None:
        self._left_out += unreadable

    def discard(self) -> None:
        self._gathered = []
        self._left_out = []

    def swap(self, version: int, *, continues: bool) -> None:
        gathered, left_out = self._gathered, self._left_out
        self.discard()
        again = self.store.version > 0
        unreadable = {_key_of(found): found for found in left_out}
        self.store.replace(gathered, version, continues=continues, unreadable=unreadable)
        self._name(unreadable)
        if again:
            self._listener.list_replaced()

    def apply(self, kind: str, found: WireObject) -> None:
        if kind == "DELETED":
            self.store.delete(key_of(found.namespace, found.name), found.uid, found.version)
        else:
            self.store.apply(self._cached(found), found.managed)

    def spoil(self, kind: str, found: Unreadable) -> None:
        key = _key_of(found)
        if kind == "DELETED":
            self.store.delete(key, "", max(found.version, self.store.version))
        else:
            self.store.spoil(key, found.version)
            self._name({key: found})

    def _name(self, unreadable: Mapping[str, Unreadable]) -> None:
        self._named &= self.store.unreadable
        for key in unreadable.keys() - self._named:
            found = unreadable[key]
            extra = {
                "cluster": self.store.cluster,
                "resource": self.store.resource,
                "namespace": found.namespace,
                "object": found.name,
                "uid": found.uid,
                "error": found.reason,
            }
            log.warning("an object cannot be read", extra=extra)
        self._named |= unreadable.keys()

    def advance(self, version: int) -> None:
        self.store.advance(version)

    def report(self, health: Health) -> None:
        if health.state in ("forbidden", "gone"):
            self.store.clear()
        if health.state != "syncing":
            self.settled.set()
        state = "synced" if health.state == "gone" else health.state
        before, self.condition = self.condition, self.condition.then(state, health.error)
        if before.state != self.condition.state and "forbidden" in (before.state, self.condition.state):
            log.warning(
                "access to a resource changed",
                extra={
                    "cluster": self.store.cluster,
                    "resource": self.store.resource,
                    "state": self.condition.state,
                    "error": self.condition.error,
                },
            )
        self._listener.condition_changed()

    def _cached(self, found: WireObject) -> CachedObject:
        self.store.own_cluster = self.store.own_cluster or found.own_cluster
        key = key_of(found.namespace, found.name)
        held = self.store.get(key)
        if held is not None and held.version == found.version and held.tail == found.tail:
            return held
        return CachedObject(key, found.uid, found.version, self.store.labels(found.labels), found.tail)


def _key_of(found: Unreadable) -> str:
    """That of its store, where it tells its name, else one of its own."""
    if found.name and "\0" not in found.namespace + found.name:
        return key_of(found.namespace, found.name)
    return found.uid or found.digest
