"""What a store has not seen, for streams that resume from further back.

A process that has just started knows no deletions. It need not send everybody everything:
one watch from the lowest version that is asked for tells what the API server remembers.

It also shows whether what a client knows is of the same history. Versions go back when
etcd is restored, and then pass the old numbers again; but the change that was made at a
version is another one. A mark is such a change, the latest that a client knows.
"""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from app.cache.changelog import Deleted
from app.cache.objects import key_of
from app.cache.store import Store
from app.kube.bridge import Past
from app.kube.reflector import Reflector
from app.kube.verdict import TROUBLE

# Streams that lost the same server come back together.
GATHER_SECONDS = 0.05
LIMIT_SECONDS = 5.0


class Mark(NamedTuple):
    """A change, by its version and a digest of the uid of its object, from 1 to 255."""

    version: int
    digest: int

    @classmethod
    def of(cls, version: int, uid: str) -> "Mark":
        return cls(version, 1 + blake2b(uid.encode(), digest_size=2).digest()[0] % 255)


class _Told(NamedTuple):
    """What an API server told of the time after a version; None where it does not remember."""

    since: int
    changes: Sequence[Past] | None

    def confirms(self, mark: Mark | None) -> bool:
        """Whether a change was made in this history, or is too long ago to tell."""
        if self.changes is None:
            return False
        if mark is None or mark.version <= self.since:
            return True
        return any(
            change.version == mark.version and Mark.of(change.version, change.uid) == mark
            for change in self.changes
        )


class Bridge:
    """From versions that clients bring to the first version that a store has seen all after."""

    def __init__(self, store: Store, reflector: Reflector) -> None:
        self.store = store
        self._reflector = reflector
        self._lowest = self._furthest = 0
        self._gathering: asyncio.Task[_Told] | None = None

    async def reach(self, version: int, mark: Mark | None) -> bool:
        """Whether a store knows now all that happened since ``version``, and of the history of ``mark``."""
        furthest = version if mark is None else mark.version - 1
        if self._gathering is None:
            self._lowest, self._furthest = version, furthest
            self._gathering = asyncio.create_task(self._run())
        self._lowest, self._furthest = min(self._lowest, version), min(self._furthest, furthest)
        told = await asyncio.shield(self._gathering)
        return told.confirms(mark) and self.store.last.reaches(version)

    async def _run(self) -> _Told:
        await asyncio.sleep(GATHER_SECONDS)
        lowest, furthest, self._gathering = self._lowest, self._furthest, None
        begun, last = self.store.replaced_at, self.store.last
        told = await self._ask(furthest)
        if told.changes is None and furthest < lowest:
            told = await self._ask(lowest)
        if told.changes is None or self.store.replaced_at != begun:
            return _Told(lowest, None)
        gone = [each for each in told.changes if each.deleted and each.version > lowest]
        last.lower(lowest, [Deleted(key_of(o.namespace, o.name), o.uid, o.version) for o in gone])
        return told

    async def _ask(self, since: int) -> _Told:
        last = self.store.last
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                return _Told(since, await self._reflector.past(since, max(since, last.floor), last.anchor))
        except (*TROUBLE, TimeoutError):
            return _Told(since, None)
