"""One resource of one cluster in a view: from changes of its stores to frames."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from app.cache.changelog import Change, Deleted, LastChange
from app.cache.clock import CLOCK
from app.cache.objects import SEPARATOR, CachedObject
from app.cache.query.queries import WORTH_SHARING, Query
from app.cache.store import Store
from app.cache.tables import Table, table_for
from app.fleet.cluster import Cluster
from app.fleet.watch_status import Condition, State
from app.kube.discovery.api_resource import Resource
from app.streams import frames
from app.streams.deltas import merge_patch
from app.streams.frame_log import FrameLog, Patch
from app.streams.frame_shapes import FrameShape, ObjectFrames, RowFrames, rows_of
from app.streams.frames import ResourceFrames
from app.streams.shared_snapshots import SHARED

# So many changes at once are not written for everybody: each stream fetches them as it can.
MANY_CHANGES = 500
# The same of rows, each of which takes as long as ten objects.
MANY_ROWS = 100
# A stream that waits for its client holds this many keys at most; more, and it begins anew.
KEYS_HELD = 10_000
KEYS_AT_ONCE = 500
NOTHING = b""
NO_KEY = ""


class Part:
    """Follows the stores of a resource in a cluster, and writes frames of what happens into ``log``.

    ``state_changed_at`` is the step of the last change of its state; ``delta`` adds patches to frames,
    ``rows`` makes rows in place of objects.
    """

    def __init__(
        self, log: FrameLog, cluster: Cluster, resource: Resource, query: Query, *, delta: bool, rows: bool
    ) -> None:
        self.cluster = cluster
        self.resource = resource
        self.key = cluster.name, resource.name
        self.query = query if resource.namespaced else msgspec.structs.replace(query, namespaces=None)
        self.frames = ResourceFrames(cluster.name, resource)
        self.state_changed_at = self._replaced_at = CLOCK.tick()
        self.stores: list[Store] = []
        self._log = log
        self._state: State | None = None
        self._objects = ObjectFrames(self.frames, query.projection)
        self._rows = rows
        self._shape: FrameShape = self._rows_of(self._table()) if rows else self._objects
        # When the streams of this view were last sent which object.
        self._sent: dict[str, int] | None = {} if delta else None
        cluster.watches.hold(resource.name)
        self._attach()

    def close(self) -> None:
        """Stop following the stores."""
        self.cluster.watches.let_go(self.resource.name)
        for store in self.stores:
            store.routes.remove(self)

    # Its state

    @property
    def identity(self) -> str | None:
        """Whose history versions are of; rows with other columns are as good as those of another cluster."""
        identity = self.cluster.identity
        return identity + self._shape.mark if identity is not None else None

    @property
    def heads(self) -> tuple[bytes, ...]:
        """Frames that come before all others."""
        return self._shape.heads

    def _rows_of(self, table: Table) -> RowFrames:
        return rows_of(self.cluster, self.frames, table, self.query.projection)

    def _table(self) -> Table:
        served = self.cluster.catalog.get(self.resource.name) or self.resource
        return table_for(served.name, self.cluster.definitions.columns(served))

    @property
    def is_known(self) -> bool:
        """Whether all of it has been listed."""
        is_listed = self.cluster.identity is not None and all(store.version for store in self.stores)
        return is_listed and bool(self.stores)

    @property
    def is_gone(self) -> bool:
        """Whether nothing is known because there is nothing, and not because that is yet to be seen."""
        return not self.is_known and self.condition.state in ("synced", "forbidden")

    def is_replaced_since(self, step: int) -> bool:
        """Whether what it holds is no continuation of what it held at a step of this process."""
        return self._replaced_at > step or any(store.replaced_at > step for store in self.stores)

    @property
    def condition(self) -> Condition:
        """The condition of its watch, or of the cluster where it is not watched."""
        return self.cluster.condition_of(self.resource.name)

    def update_state(self) -> bytes | None:
        """Follow the stores of a new watch, take new columns, and return the frame of a state that is new."""
        if self._rows and (table := self._table()).columns != self._shape.columns:
            self._shape = self._rows_of(table)
            self._restart()
        watch = self.cluster.watches.get(self.resource.name)
        if self.stores != (watch.stores if watch is not None else []):
            before = self.stores
            for store in before:
                store.routes.remove(self)
            self._attach()
            if any(store.version for store in (*before, *self.stores)):
                self._restart()
        condition = self.condition
        if condition.state == self._state:
            return None
        self._state = condition.state
        self.state_changed_at = CLOCK.tick()
        return self.state_frame()

    def state_frame(self) -> bytes:
        """The CLUSTER frame of its state; it names the resource only where that is watched."""
        is_watched = self.cluster.watches.get(self.resource.name) is not None
        return frames.cluster(self.cluster.name, self.resource.name if is_watched else None, self.condition)

    def _attach(self) -> None:
        watch = self.cluster.watches.get(self.resource.name)
        self.stores = watch.stores if watch is not None else []
        for store in self.stores:
            store.routes.add(self, self.query.labels, self.query.fields, self.query.namespaces)

    def _restart(self) -> None:
        self._replaced_at = CLOCK.tick()
        self._skip()

    def _skip(self) -> None:
        """Have readers fetch what is new: no patch is of use to them that tells of what was sent before."""
        if self._sent is not None:
            self._sent = {}
        self._shape.forget()
        self._log.skip()

    # What happens

    def replaced(self, store: Store) -> None:
        """Have readers forget what the store held before."""
        self._restart()

    def missed(self, store: Store) -> None:
        """Have readers doubt what happened since the API server was last heard of."""
        watch = self.cluster.watches.get(self.resource.name)
        heard_at = watch.heard(store) if watch is not None else None
        self._log.miss(self.key, heard_at or 0.0)

    def changed(self, store: Store, changes: Sequence[Change]) -> None:
        """Write what these changes mean to who sees only what matches."""
        if len(changes) > (MANY_ROWS if self._rows else MANY_CHANGES):
            self._skip()
            return
        framed = [(frame, change) for change in changes if (frame := self._frame(change))]
        for number, (frame, change) in enumerate(framed, 1):
            patch = self._patch(change) if self._sent is not None else None
            # Who has not received all of a step has not seen it.
            self._log.append(frame, CLOCK.now if number == len(framed) else CLOCK.now - 1, patch)

    def _frame(self, change: Change) -> bytes | None:
        """Return the frame of a change for who sees only what matches; None where it is none for them."""
        old, new = change.old, change.new
        was = old is not None and self._matches(old)
        if new is not None and self._matches(new):
            return self._shape.state("MODIFIED" if was else "ADDED", new)
        return self._shape.deletion(old, change.version) if old is not None and was else None

    def _patch(self, change: Change) -> Patch | None:
        """The shorter form of a change that has a frame."""
        assert self._sent is not None
        old, new = change.old, change.new
        if new is None or not self._matches(new):
            assert old is not None
            self._sent.pop(old.key, None)
            return None
        previous, self._sent[new.key] = self._sent.get(new.key, 0), CLOCK.now
        if old is None or not self._matches(old):
            return None
        patch = merge_patch(b"{" + self._objects.tail(old), b"{" + self._objects.tail(new))
        return None if patch is None else Patch(self.frames.patch(old, new, patch), previous)

    def _matches(self, obj: CachedObject) -> bool:
        return self.query.matches(obj, self.cluster.name)

    # What there is

    # A sequence of frames keeps the shape that it began with: its heads have said which cells it brings.

    def _state_of(self, shape: FrameShape, store: Store, key: str, kind: frames.Kind) -> bytes | None:
        """The frame of an object as it is now; None where it is not there or not asked for."""
        obj = store.get(key)
        if obj is None or not self._matches(obj):
            return None
        return shape.state(kind, obj)

    def everything(self) -> Iterator[bytes]:
        """A frame for each object that stays while this is taken, as it is when its turn comes.

        NOTHING between them gives who takes this the chance to let others have a turn.
        """
        shape = self._shape
        yield from shape.heads
        query = self.query
        for store in self.stores:
            if query.labels is None and query.fields is None and query.namespaces is None:
                yield from SHARED.everything(shape, store)
                continue
            for key in self._keys(store):
                yield self._state_of(shape, store, key, "ADDED") or NOTHING

    def anew(self) -> Iterator[bytes]:
        """Have clients forget what they hold of it, and send all that there is."""
        yield self.frames.reset
        yield from self.everything()

    def since_step(self, step: int) -> Iterator[bytes] | None:
        """Return frames of what is different since a step; None where all is to be sent anew."""
        if self.is_replaced_since(step) or not all(store.last.reaches_step(step) for store in self.stores):
            return None
        return self._latest([[*map(_key_of, store.last.since_step(step))] for store in self.stores])

    def since(self, versions: Sequence[int]) -> Iterator[bytes] | None:
        """Return frames of what is different since these versions of the stores; None as in `since_step`."""
        pairs = [*zip(self.stores, versions, strict=True)]
        if not all(store.last.reaches(version) for store, version in pairs):
            return None
        keys, histories = [], []
        for store, version in pairs:
            keys.append([*map(_key_of, store.last.since(version))])
            histories.append(self._history(store.exact.since(version) or ()))
        return self._latest(keys, histories)

    def changes_since(self, versions: Sequence[int]) -> list[Change] | None:
        """Each change since these versions of the stores; None where that is too long ago."""
        pairs = zip(self.stores, versions, strict=True)
        by_store = [store.exact.since(version) for store, version in pairs]
        return None if None in by_store else [change for changes in by_store for change in changes or ()]

    def exactly(self, changes: Sequence[Change]) -> Iterator[bytes]:
        """A frame for each of these changes that matters to who sees only what matches."""
        yield from self.heads
        for change in changes:
            yield self._frame(change) or NOTHING

    def _history(self, changes: Sequence[Change]) -> dict[str, tuple[bool, bool]]:
        """Return for each object that changed whether it matched before, and whether it ever did.

        Only the latter spares a client its deletion: it may have been sent more than the
        cursor covers that it comes back with.
        """
        history: dict[str, tuple[bool, bool]] = {}
        for change in changes:
            old, new = change.old, change.new
            changed = old or new
            assert changed is not None
            was = old is not None and self._matches(old)
            before, ever = history.get(changed.key, (was, was))
            history[changed.key] = before, ever or (new is not None and self._matches(new))
        return history

    def _latest(
        self, keys: Sequence[Sequence[str]], histories: Sequence[Mapping[str, tuple[bool, bool]]] = ()
    ) -> Iterator[bytes] | None:
        """The objects of these keys by store, as they are when their turn comes; None for too many."""
        return self._states(keys, histories) if sum(map(len, keys)) <= KEYS_HELD else None

    def _states(
        self, keys: Sequence[Sequence[str]], histories: Sequence[Mapping[str, tuple[bool, bool]]]
    ) -> Iterator[bytes]:
        shape = self._shape
        if histories:  # It comes back, and may be new to this process.
            yield from shape.heads
        for number, store in enumerate(self.stores):
            history = histories[number] if histories else {}
            for key in keys[number]:
                before, ever = history.get(key, (True, True))
                frame = self._state_of(shape, store, key, "MODIFIED" if before else "ADDED")
                if frame is None and ever and self._in_namespaces(key):
                    gone = store.get(key) or store.last.deleted(key) or Deleted(key, "", store.version)
                    frame = shape.deletion(gone, gone.version)
                yield frame or NOTHING

    def _in_namespaces(self, key: str) -> bool:
        namespaces = self.query.namespaces
        return namespaces is None or key.partition(SEPARATOR)[0] in namespaces

    def _keys(self, store: Store) -> Iterator[str]:
        """The keys of what may match, without holding too many of them, and NO_KEY to give others a turn."""
        labels, namespaces = self.query.labels, self.query.namespaces
        if labels is not None:
            keys = [obj.key for obj in store.select(labels, namespaces)]
            if len(keys) <= KEYS_HELD:
                yield from keys
                return
        elif (equality := self.query.fields and self.query.fields.equality) and len(store) >= WORTH_SHARING:
            path, text = equality
            if (column := store.column(path)) is not None:
                for _ in column.complete():
                    yield NO_KEY
                if len(matching := column.equal(text)) <= KEYS_HELD:
                    yield from sorted(matching)
                    return
        last = ""
        while keys := store.keys_after(last, namespaces, KEYS_AT_ONCE):
            yield from keys
            last = keys[-1]


def _key_of(entry: LastChange) -> str:
    return entry.key
