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
from app.kube.wire.unreadable import UnreadableObject
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
        self._left_out: list[UnreadableObject] = []
        # What has been named in the log, as long as it cannot be read.
        self._named: set[str] = set()

    def gather(self, objects: Sequence[WireObject]) -> None:
        """Keep a part of a list aside; an object that the store holds already is not held twice."""
        self._gathered += [self._cached(wire_object) for wire_object in objects]

    def leave_out(self, unreadable: Sequence[UnreadableObject]) -> None:
        """Keep aside what belongs to the list and cannot be decoded."""
        self._left_out += unreadable

    def discard(self) -> None:
        """Forget what was gathered: the list has failed."""
        self._gathered = []
        self._left_out = []

    def swap(self, version: int, *, continues: bool) -> None:
        """Replace what the store holds by what was gathered."""
        gathered, left_out = self._gathered, self._left_out
        self.discard()
        again = self.store.version > 0
        unreadable = {_key_of(entry): entry for entry in left_out}
        self.store.replace(gathered, version, continues=continues, unreadable=unreadable)
        self._name(unreadable)
        if again:
            self._listener.list_replaced()

    def apply(self, kind: str, wire_object: WireObject) -> None:
        """Take an object that was ADDED, MODIFIED or DELETED."""
        if kind == "DELETED":
            key = key_of(wire_object.namespace, wire_object.name)
            self.store.delete(key, wire_object.uid, wire_object.version)
        else:
            self.store.apply(self._cached(wire_object), wire_object.managed)

    def spoil(self, kind: str, unreadable: UnreadableObject) -> None:
        """Take note that an object was ADDED, MODIFIED or DELETED that cannot be decoded."""
        key = _key_of(unreadable)
        if kind == "DELETED":
            self.store.delete(key, "", max(unreadable.version, self.store.version))
        else:
            self.store.spoil(key, unreadable.version)
            self._name({key: unreadable})

    def _name(self, unreadable: Mapping[str, UnreadableObject]) -> None:
        self._named &= self.store.unreadable
        for key in unreadable.keys() - self._named:
            entry = unreadable[key]
            extra = {
                "cluster": self.store.cluster,
                "resource": self.store.resource,
                "namespace": entry.namespace,
                "object": entry.name,
                "uid": entry.uid,
                "error": entry.reason,
            }
            log.warning("an object cannot be read", extra=extra)
        self._named |= unreadable.keys()

    def advance(self, version: int) -> None:
        """Take note that nothing else happened up to this version."""
        self.store.advance(version)

    def report(self, health: Health) -> None:
        """Take over the reflector's health; what may not be read any more, or is gone, is not held either."""
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

    def _cached(self, wire_object: WireObject) -> CachedObject:
        self.store.own_cluster = self.store.own_cluster or wire_object.own_cluster
        key = key_of(wire_object.namespace, wire_object.name)
        held = self.store.get(key)
        if held is not None and held.version == wire_object.version and held.tail == wire_object.tail:
            return held
        labels = self.store.labels(wire_object.labels)
        return CachedObject(key, wire_object.uid, wire_object.version, labels, wire_object.tail)


def _key_of(unreadable: UnreadableObject) -> str:
    """Return the key in the store of an object whose name can be read; of any other its uid or digest."""
    if unreadable.name and "\0" not in unreadable.namespace + unreadable.name:
        return key_of(unreadable.namespace, unreadable.name)
    return unreadable.uid or unreadable.digest
