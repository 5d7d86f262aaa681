"""One resource of one cluster, as it is now.

A store is filled by one list+watch and read by everybody. All of its methods are
plain calls without an await, so whatever one step of the event loop reads from
several stores belongs together.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from app.cache.change_routing import Routes
from app.cache.changelog import Change, ExactChanges, LastChanges
from app.cache.clock import CLOCK
from app.cache.label_index import LabelIndex
from app.cache.objects import SEPARATOR, CachedObject, Labels, key_of
from app.cache.path_columns import PathColumn, PathColumns
from app.cache.query.label_selectors import LabelSelector
from app.cache.query.object_paths import Path
from app.cache.segments import AllObjects, Segments
from app.cache.sorted_keys import SortedKeys

__all__ = ["Change", "Follower", "Listener", "Store"]


class Listener(Protocol):
    """Is called for every change of a store, within the step, and must not wait for anything."""

    def changed(self, store: "Store", changes: Sequence[Change]) -> None:
        """Take in what happened, in this order."""

    def replaced(self, store: "Store") -> None:
        """Forget what the store held before: what it holds now is no continuation of it."""


class Follower(Listener, Protocol):
    """A listener that is called for some changes only, those that `Store.routes` finds for its query."""

    def missed(self, store: "Store") -> None:
        """A list has replaced a watch: what was created and deleted in between is not known."""


class Store:
    """The objects of one resource in one cluster, or in one namespace of it.

    ``version`` is the resourceVersion up to which the store is complete, 0 before the
    first list. ``generation`` rises with every change of content and with nothing else.
    ``own_cluster`` says that objects may have a member ``cluster`` of their own.
    ``unreadable`` are the keys of objects that are there and cannot be held.
    """

    def __init__(self, cluster: str, resource: str, namespace: str | None = None) -> None:
        self.cluster = cluster
        self.resource = resource
        self.namespace = namespace
        self.version = 0
        self.generation = 0
        self.bytes = 0
        self.began = 0.0
        self.restored = 0.0
        self.replaced_at = 0
        self.latest = (0, "")
        self.own_cluster = False
        self.unreadable: set[str] = set()
        self.listeners: list[Listener] = []
        self.routes: Routes[Follower] = Routes(cluster)
        self.last = LastChanges()
        self.exact = ExactChanges()
        self._objects: dict[str, CachedObject] = {}
        self._keys = SortedKeys()
        self._labels = LabelIndex()
        self._columns = PathColumns(cluster)
        self._segments = Segments()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: str) -> CachedObject | None:
        """The object of this key; None where there is none."""
        return self._objects.get(key)

    def labels(self, raw: bytes) -> Labels:
        """The labels that the JSON object ``raw`` spells, shared with the objects that have the same."""
        return self._labels.intern(raw)

    # Reading

    def column(self, path: Path) -> PathColumn | None:
        """The values at a path of all objects; None where too many are asked for."""
        return self._columns.column(path, self._objects)

    def all(self) -> AllObjects:
        """All objects, in the order of their keys."""
        return self._segments.all(self._keys, self._objects)

    def namespaces(self) -> Iterator[tuple[str, int, int]]:
        """Each namespace that has objects, and from where to where these stand among all."""
        return self._keys.namespaces()

    def select(
        self, labels: LabelSelector | None = None, namespaces: Collection[str] | None = None
    ) -> list[CachedObject]:
        """The objects that match, in the order of their keys.

        Costs what is found, not what is held: namespaces are ranges of the sorted keys,
        label selectors go through the index.
        """
        if labels is None:
            return list(map(self._objects.__getitem__, self._keys.within(namespaces)))
        keys = self._labels.select(labels)
        if namespaces is not None:
            keys = {key for key in keys if key.partition(SEPARATOR)[0] in namespaces}
        return [self._objects[key] for key in sorted(keys)]

    def named(self, name: str, namespaces: Iterable[str] | None = None) -> list[CachedObject]:
        """The objects of this name, in these namespaces or in all.

        Costs a look into each namespace, not at each object.
        """
        chosen = (
            (namespace for namespace, _, _ in self._keys.namespaces())
            if namespaces is None
            else sorted(set(namespaces))
        )
        objects = (self._objects.get(key_of(namespace, name)) for namespace in chosen)
        return [obj for obj in objects if obj is not None]

    def keys_after(self, key: str, namespaces: Collection[str] | None, most: int) -> list[str]:
        """The next keys behind this one, ``most`` of them at most."""
        return self._keys.after(key, namespaces, most)

    def uids_at(self, version: int) -> set[str] | None:
        """The objects that changed at a version that the store has seen, by uid; None where it forgot."""
        exact = self.exact.uids_at(version) if version <= self.version else None
        return exact if exact is not None else self.last.uids_at(version) or None

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

    def replace(
        self,
        objects: Iterable[CachedObject],
        version: int,
        *,
        continues: bool = True,
        unreadable: Iterable[str] = (),
    ) -> None:
        """Make the store equal to a complete list taken at ``version``, as one step.

        The difference is what listeners see: deletions first, then creations and
        changes in the order of their versions. An object under an old name with a new
        uid is deleted and created. Where there was no list before, or this one is not of
        the same history, listeners are told to begin anew. It is not where versions go
        back, where something else was there at a version that was known, and where it
        does not ``continue``, as somebody else has found out.
        """
        listed = {obj.key: obj for obj in objects}
        self._set_unreadable({*unreadable})
        if not (continues and 0 < self.version <= version and self._agrees(listed.values())):
            self._begin(listed, version)
            return
        deleted, changed = self._difference(listed, version)
        step = CLOCK.tick()
        for change in deleted:
            assert change.old is not None
            self._forget(change.old)
            if change.old.key in listed:
                self.last.drop(change.old)
        for change in changed:
            assert change.new is not None
            self._put(change.old, change.new, step)
        # Behind what has a version of its own, which is at most that of the list.
        for change in deleted:
            assert change.old is not None
            if change.old.key not in listed:
                self.last.delete(change.old, version, step, len(self))
        self._keys = SortedKeys(sorted(self._objects))
        self.version = version
        self.exact.begin(version)
        self.latest = max([self.latest, *((obj.version, obj.uid) for obj in listed.values())])
        self.last.miss(self.latest[0], version)
        self._notify(deleted + changed)
        for follower in self.routes:
            follower.missed(self)

    def _difference(
        self, listed: Mapping[str, CachedObject], version: int
    ) -> tuple[list[Change], list[Change]]:
        """The deletions, and the creations and changes by version, that make the store equal to a list."""
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
        return deleted, changed

    def _agrees(self, listed: Iterable[CachedObject]) -> bool:
        """Whether what is there since before the present version is what is known."""
        for obj in listed:
            if obj.version <= self.version:
                held = self._objects.get(obj.key)
                if held is None or held.version != obj.version or held.uid != obj.uid:
                    return False
        return True

    def apply(self, new: CachedObject, managed: bytes = b"") -> None:
        """Take in one object that was created or changed; what is older than what is held is ignored.

        ``managed`` are its managedFields where it is held without them, for the exact changes.
        """
        old = self._objects.get(new.key)
        if old is not None and new.version <= old.version:
            return
        if self.unreadable:
            self._set_unreadable(self.unreadable - {new.key})
        changes = []
        step = CLOCK.tick()
        if old is not None and old.uid != new.uid:
            changes.append(self._delete(old, new.version, step))
            old = None
        if old is None:
            self._keys.add(new.key)
        self._put(old, new, step)
        changes.append(Change(old, new, new.version, managed))
        self._happened(changes, new.version)

    def delete(self, key: str, uid: str, version: int) -> None:
        """Take in a deletion; one of what is not held, or of an older object of that name, is ignored."""
        old = self._objects.get(key)
        if self.unreadable:
            self._set_unreadable(self.unreadable - {key})
        if old is not None and (old.uid == uid or not uid) and version >= old.version:
            self._happened([self._delete(old, version, CLOCK.tick())], version)
        else:
            self.advance(version)

    def spoil(self, key: str, version: int) -> None:
        """Take in that an object cannot be read as it is now, at ``version``; 0 is an unknown one."""
        self.delete(key, "", max(version, self.version))
        self._set_unreadable(self.unreadable | {key})

    def _set_unreadable(self, keys: set[str]) -> None:
        if keys != self.unreadable:
            self.unreadable = keys
            self.generation += 1

    def advance(self, version: int) -> None:
        """Take in that nothing else changed up to ``version``, as a bookmark tells."""
        if version > self.version:
            self.version = version
            self._notify([])

    def clear(self) -> None:
        """Hold nothing any more, as when the resource is gone or may no longer be read."""
        self._set_unreadable(set())
        self._begin({}, 0)

    def distrust(self) -> None:
        """Set the version to 0 until the next list, as when the cluster may have been restored from a backup.

        Then no cursor claims to have seen versions that may be of another history.
        """
        self.version = 0

    def _begin(self, objects: dict[str, CachedObject], version: int) -> None:
        held = bool(self._objects)
        self.replaced_at = CLOCK.tick()
        if version and self.began:
            self.restored = time.time()
        elif version:
            self.began = time.time()
        self._objects = {}
        self._labels.clear()
        self._columns.clear()
        self._segments.clear()
        self.bytes = 0
        for obj in objects.values():
            self._hold(None, obj)
        self._keys = SortedKeys(sorted(objects))
        self.latest = max(((obj.version, obj.uid) for obj in objects.values()), default=(0, ""))
        self.last.begin(objects.values(), version, self.replaced_at)
        self.exact.begin(version)
        self.version = version
        if held or objects:
            self.generation += 1
        for listener in (*self.listeners, *self.routes):
            listener.replaced(self)
        self._wake()

    def _happened(self, changes: Sequence[Change], version: int) -> None:
        if version <= self.version:
            self._came_late()
        changed = changes[-1].new or changes[-1].old
        assert changed is not None
        self.latest = max(self.latest, (version, changed.uid))
        self.version = max(self.version, version)
        self.exact.add(changes, self.bytes)
        self._notify(changes)

    def _came_late(self) -> None:
        """Whoever has seen the versions up to now has not seen this: a version does not tell any more."""
        self.exact.begin(self.version + 1)
        self.last.miss(0, self.version + 1)

    def _delete(self, old: CachedObject, version: int, step: int) -> Change:
        self._forget(old)
        self._keys.discard(old.key)
        self.last.delete(old, version, step, len(self))
        return Change(old, None, version)

    def _forget(self, old: CachedObject) -> None:
        del self._objects[old.key]
        self._columns.changed(old.key)
        self._segments.changed(old.key, old)
        self._labels.remove(old.labels, old.key)
        self.bytes -= old.size

    def _put(self, old: CachedObject | None, new: CachedObject, step: int) -> None:
        self._hold(old, new)
        self.last.put(old, new, step)

    def _hold(self, old: CachedObject | None, new: CachedObject) -> None:
        if old is None or old.labels is not new.labels:
            self._labels.add(new.labels, new.key)
            if old is not None:
                self._labels.remove(old.labels, old.key)
        self._objects[new.key] = new
        self._columns.changed(new.key)
        self._segments.changed(new.key, old)
        self.bytes += new.size - (old.size if old is not None else 0)

    def _notify(self, changes: Sequence[Change]) -> None:
        if changes:
            self.generation += 1
            for listener in self.listeners:
                listener.changed(self, changes)
            for listener, some in self.routes.of(changes):
                listener.changed(self, some)
            self._columns.tidy()
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for version, future in waiting:
            if version > self.version:
                self._waiting.append((version, future))
            elif not future.done():
                future.set_result(None)
