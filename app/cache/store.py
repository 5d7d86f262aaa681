"""One resource of one cluster, as it is now.

A store is filled by one list+watch and read by everybody. All of its methods are
plain calls without an await, so whatever one step of the event loop reads from
several stores belongs together.
"""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from app.cache.labels import LabelIndex
from app.cache.objects import SEPARATOR, CachedObject, Labels
from app.cache.selectors import LabelSelector

_AFTER_SEPARATOR = chr(ord(SEPARATOR) + 1)


class Change(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What happened to one object: created (no ``old``), deleted (no ``new``) or changed.

    ``version`` is the resourceVersion at which it happened. A deletion that a relist
    found has none of its own and carries the list's.
    """

    old: CachedObject | None
    new: CachedObject | None
    version: int


Listener = Callable[[Sequence[Change]], None]


class Store:
    """The objects of one resource in one cluster, or in one namespace of it.

    ``version`` is the resourceVersion up to which the store is complete, 0 before the
    first list. ``generation`` rises with every change of content and with nothing else.
    """

    def __init__(self, cluster: str, resource: str, namespace: str | None = None) -> None:
        self.cluster = cluster
        self.resource = resource
        self.namespace = namespace
        self.version = 0
        self.generation = 0
        self.bytes = 0
        self.listeners: list[Listener] = []
        self._objects: dict[str, CachedObject] = {}
        self._keys: list[str] = []
        self._labels = LabelIndex()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: str) -> CachedObject | None:
        return self._objects.get(key)

    def labels(self, raw: bytes) -> Labels:
        """The labels that the JSON object ``raw`` spells, shared with the objects that have the same."""
        return self._labels.intern(raw)

    # Reading

    def select(
        self, labels: LabelSelector | None = None, namespaces: Collection[str] | None = None
    ) -> list[CachedObject]:
        """The objects that match, in the order of their keys.

        Costs what is found, not what is held: namespaces are ranges of the sorted keys,
        label selectors go through the index.
        """
        if labels is None:
            return list(map(self._objects.__getitem__, self._range(namespaces)))
        found = self._labels.select(labels)
        if namespaces is not None:
            found = {key for key in found if key.partition(SEPARATOR)[0] in namespaces}
        return [self._objects[key] for key in sorted(found)]

    def _range(self, namespaces: Collection[str] | None) -> list[str]:
        if namespaces is None:
            return self._keys
        keys: list[str] = []
        for namespace in sorted(set(namespaces)):
            start = bisect_left(self._keys, namespace + SEPARATOR)
            keys += self._keys[start : bisect_left(self._keys, namespace + _AFTER_SEPARATOR, start)]
        return keys

    async def reached(self, version: int) -> None:
        """Return as soon as the store is complete up to ``version``."""
        if self.version >= version:
            return
        future = asyncio.get_running_loop().create_future()
        entry = (version, future)
        self._waiting.append(entry)
        try:
            await future
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    # Writing

    def replace(self, objects: Iterable[CachedObject], version: int) -> None:
        """Make the store equal to a complete list taken at ``version``, as one step.

        The difference is what listeners see: deletions first, then creations and
        changes in the order of their versions. An object under an old name with a new
        uid is deleted and created. The version may be lower than before: the history
        of the cluster went back, and the list is the truth all the same.
        """
        listed = {found.key: found for found in objects}
        deleted: list[Change] = []
        changed: list[Change] = []
        for key, old in self._objects.items():
            new = listed.get(key)
            if new is None or new.uid != old.uid:
                deleted.append(Change(old, None, version))
        for key, new in listed.items():
            before = self._objects.get(key)
            if before is None or before.uid != new.uid:
                changed.append(Change(None, new, new.version))
            elif before.version != new.version or before.tail != new.tail:
                changed.append(Change(before, new, new.version))
        changed.sort(key=lambda change: change.version)
        for change in deleted:
            assert change.old is not None
            self._forget(change.old)
        for change in changed:
            assert change.new is not None
            self._put(change.old, change.new)
        self._keys = sorted(self._objects)
        self.version = version
        self._told(deleted + changed)

    def apply(self, new: CachedObject) -> None:
        """Take in one object that was created or changed; what is older than what is held is ignored."""
        old = self._objects.get(new.key)
        if old is not None and old.uid != new.uid:
            if new.version <= old.version:
                return
            self._told([self._delete(old, new.version)])
            old = None
        if old is None:
            insort(self._keys, new.key)
        elif new.version <= old.version:
            return
        self._put(old, new)
        self.version = max(self.version, new.version)
        self._told([Change(old, new, new.version)])

    def delete(self, key: str, uid: str, version: int) -> None:
        """Take in a deletion; one of what is not held, or of an older object of that name, is ignored."""
        old = self._objects.get(key)
        changes = []
        if old is not None and (old.uid == uid or not uid) and version >= old.version:
            changes.append(self._delete(old, version))
        self.version = max(self.version, version)
        self._told(changes)

    def advance(self, version: int) -> None:
        """Nothing changed up to ``version``."""
        if version > self.version:
            self.version = version
            self._told([])

    def clear(self) -> None:
        """Hold nothing any more, as when the resource is gone or may no longer be read."""
        version = self.version
        self.replace([], version)
        self.version = 0

    def _delete(self, old: CachedObject, version: int) -> Change:
        self._forget(old)
        del self._keys[bisect_left(self._keys, old.key)]
        return Change(old, None, version)

    def _forget(self, old: CachedObject) -> None:
        del self._objects[old.key]
        self._labels.remove(old.labels, old.key)
        self.bytes -= len(old.tail)

    def _put(self, old: CachedObject | None, new: CachedObject) -> None:
        if old is None or old.labels is not new.labels:
            self._labels.add(new.labels, new.key)
            if old is not None:
                self._labels.remove(old.labels, old.key)
        self._objects[new.key] = new
        self.bytes += len(new.tail) - (len(old.tail) if old is not None else 0)

    def _told(self, changes: Sequence[Change]) -> None:
        if changes:
            self.generation += 1
            for listener in self.listeners:
                listener(changes)
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for version, future in waiting:
            if version > self.version:
                self._waiting.append((version, future))
            elif not future.done():
                future.set_result(None)
