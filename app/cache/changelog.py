"""What a store remembers of its changes: the last one of every object, and some exact ones.

The last changes answer "what is different since" for any reader, however far behind:
intermediate states are skipped, nothing is missed. They cost a place in three lists for
each object. Deletions are kept for a while beyond the objects; how far back they are
complete is the ``floor``.

The exact ones, each with the state before and after, cover the recent past only. They
keep bodies alive that the store has dropped, so they are bounded by bytes.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

import msgspec

from app.cache.objects import CachedObject

# Deletions that are kept, besides a share of the number of objects.
DELETIONS, DELETIONS_SHARE = 1000, 1 / 4
# Bytes of dropped bodies that exact changes keep alive, besides a share of those held.
EXACT_BYTES, EXACT_SHARE = 256 * 1024, 1 / 16
EXACT_CHANGES = 4096
_HOLES = 64


class Change(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What happened to one object: created (no ``old``), deleted (no ``new``) or changed.

    ``version`` is the resourceVersion at which it happened. A deletion that a relist
    found has none of its own and carries the list's. ``managed`` are the managedFields
    that ``new`` came with and is held without, as JSON.
    """

    old: CachedObject | None
    new: CachedObject | None
    version: int
    managed: bytes = b""


class Deleted(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An object that is no more; ``version`` is that of its deletion."""

    key: str
    uid: str
    version: int


# The last change of an object: its state since, or its deletion.
LastChange = CachedObject | Deleted


class LastChanges:
    """The last change of each object, in the order in which they happened.

    ``floor`` is the lowest version since which everything was seen, as it happened; up to
    it, ``anchor`` is the latest version at which something is known to have happened.
    """

    def __init__(self) -> None:
        self.floor = 0
        self.anchor = 0
        self._step_floor = 0
        self._entries: list[LastChange | None] = []
        # Beside each entry: its version, at least that of the entry before, and its step.
        self._versions: list[int] = []
        self._steps: list[int] = []
        self._holes = 0
        self._deleted: dict[str, Deleted] = {}
        self._earlier: dict[str, Deleted] = {}

    def begin(self, objects: Iterable[CachedObject], version: int, step: int) -> None:
        """Start anew with a list taken at ``version``, of before which nothing is known."""
        entries = sorted(objects, key=lambda obj: obj.version)
        self._entries = list(entries)
        self._versions = [obj.version for obj in entries]
        self._steps = [step] * len(entries)
        self._holes = 0
        self._deleted = {}
        self._earlier = {}
        self.floor = version
        self.anchor = entries[-1].version if entries else 0

    def put(self, old: CachedObject | None, new: CachedObject, step: int) -> None:
        """Note that an object was created (no ``old``) or changed."""
        if old is not None:
            self.drop(old)
        elif (before := self._deleted.pop(new.key, None)) is not None:
            self.drop(before)
        self._append(new, step)

    def delete(self, old: CachedObject, version: int, step: int, held: int) -> None:
        """Note a deletion; ``held`` is the number of objects that are left."""
        self.drop(old)
        deleted = Deleted(old.key, old.uid, version)
        self._deleted[old.key] = deleted
        self._append(deleted, step)
        while len(self._deleted) > DELETIONS + held * DELETIONS_SHARE:
            oldest = next(iter(self._deleted.values()))
            del self._deleted[oldest.key]
            self._step_floor = max(self._step_floor, self.drop(oldest))
            self.floor = self.anchor = max(self.floor, oldest.version)

    def miss(self, anchor: int, version: int) -> None:
        """Something may have happened up to ``version`` that was not seen.

        Who follows the steps of this store knows all the same; who comes with a version may
        hold what was created and deleted unseen.
        """
        self.floor = version
        self.anchor = anchor

    def reaches(self, version: int) -> bool:
        """Whether all that changed after ``version`` is known."""
        return version >= self.floor

    def lower(self, version: int, deleted: Iterable[Deleted]) -> None:
        """Take in from elsewhere what was deleted after ``version`` and up to the floor."""
        if version < self.floor:
            self._earlier |= {deletion.key: deletion for deletion in deleted}
            self.floor = version
            self.anchor = 0

    def since(self, version: int) -> Iterator[LastChange]:
        """Yield what changed after ``version``, of each object the last change.

        It must reach back to there.
        """
        for deleted in self._earlier.values():
            if deleted.version > version:
                yield deleted
        yield from filter(None, self._entries[bisect_right(self._versions, version) :])

    def uids_at(self, version: int) -> set[str]:
        """The objects whose last change was at this version, by uid."""
        start, end = bisect_left(self._versions, version), bisect_right(self._versions, version)
        entries = self._entries[start:end]
        return {entry.uid for entry in entries if entry is not None and entry.version == version}

    def reaches_step(self, step: int) -> bool:
        """Whether every deletion after a step is known."""
        return step >= self._step_floor

    def since_step(self, step: int) -> Iterator[LastChange]:
        """Yield what changed after a step, of each object the last change; it must reach back to there."""
        return filter(None, self._entries[bisect_right(self._steps, step) :])

    def deleted(self, key: str) -> Deleted | None:
        """Return the deletion of an object; None where there was none, or that is no longer known."""
        return self._deleted.get(key) or self._earlier.get(key)

    def drop(self, entry: LastChange) -> int:
        """Leave a hole, close the holes when they are as many as the rest, and return the step."""
        index = bisect_left(self._versions, entry.version)
        # An entry that came late stands behind those of its version.
        while self._entries[index] is not entry:
            index += 1
        self._entries[index] = None
        step = self._steps[index]
        self._holes += 1
        if self._holes > _HOLES + len(self._entries) // 2:
            kept = [at for at, remembered in enumerate(self._entries) if remembered is not None]
            self._entries = [self._entries[at] for at in kept]
            self._versions = [self._versions[at] for at in kept]
            self._steps = [self._steps[at] for at in kept]
            self._holes = 0
        return step

    def _append(self, entry: LastChange, step: int) -> None:
        last = self._versions[-1] if self._versions else 0
        self._entries.append(entry)
        self._versions.append(max(entry.version, last))
        self._steps.append(step)


class ExactChanges:
    """The recent changes, each as it was. ``floor`` is the version since which they are complete."""

    def __init__(self) -> None:
        self.floor = 0
        self._changes: deque[Change] = deque()
        self._bytes = 0

    def begin(self, version: int) -> None:
        """Forget all up to ``version``."""
        self._changes.clear()
        self._bytes = 0
        self.floor = version

    def add(self, changes: Sequence[Change], held: int) -> None:
        """Add what happened; ``held`` are the bytes of the objects that are there."""
        for change in changes:
            self._changes.append(change)
            self._bytes += _kept_alive(change)
        most = EXACT_BYTES + held * EXACT_SHARE
        while self._bytes > most or len(self._changes) > EXACT_CHANGES:
            oldest = self._changes.popleft()
            self._bytes -= _kept_alive(oldest)
            self.floor = oldest.version

    def since(self, version: int) -> list[Change] | None:
        """All that happened after ``version``; None where that is too long ago."""
        if version < self.floor:
            return None
        # Most who ask are nearly up to date.
        changes = list(takewhile(lambda change: change.version > version, reversed(self._changes)))
        changes.reverse()
        return changes

    def uids_at(self, version: int) -> set[str] | None:
        """The objects that changed at this version, by uid; None where that is too long ago."""
        if version <= self.floor:
            return None
        later = takewhile(lambda change: change.version >= version, reversed(self._changes))
        objects = (change.new or change.old for change in later if change.version == version)
        return {changed.uid for changed in objects if changed is not None}


def _kept_alive(change: Change) -> int:
    return (change.old.size if change.old is not None else 0) + len(change.managed)
