"""The changes before the first list of a store, asked for when a stream resumes from further back.

A process that has just started knows no deletions. It need not send everybody everything:
one watch from the lowest version that is asked for tells what the API server remembers.

It also shows whether what a client knows is of the same history. Versions go back when
etcd is restored, and then pass the old numbers again; but the change that was made at a
version is another one. A mark is such a change, the latest that a client knows. The store
is asked for it first, which has seen all that is newer than its first list.

A client may also know more than the store: a replica that began later has a later list of
what has not changed since. The API server is then asked whether anything has.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b

import msgspec

from app.cache.changelog import Deleted
from app.cache.objects import key_of
from app.cache.store import Store
from app.kube.bridge import Past
from app.kube.recovery import TROUBLE
from app.kube.reflector import Reflector

# Streams that lost the same server come back together.
GATHER_SECONDS = 0.05
LIMIT_SECONDS = 5.0
# A replica that lags has what another one told within this.
LAG_SECONDS = 0.5


class Mark(msgspec.Struct, frozen=True):
    """A change, by its version and a digest of the uid of its object, from 1 to 255."""

    version: int
    digest: int

    @classmethod
    def of(cls, version: int, uid: str) -> "Mark":
        """Return the mark of the change that gave the object of this uid this version."""
        return cls(version, 1 + blake2b(uid.encode(), digest_size=2).digest()[0] % 255)

    def is_of(self, store: Store) -> bool | None:
        """Whether this change is in the history of a store; None where that does not remember."""
        uids = store.uids_at(self.version)
        return None if uids is None else any(Mark.of(self.version, uid) == self for uid in uids)


class _Past(msgspec.Struct, frozen=True):
    """The ``changes`` after version ``since``; None where the API server does not remember them."""

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


class HistoryBridge:
    """From versions that clients bring to the first version that a store has seen all after."""

    def __init__(self, store: Store, reflector: Reflector) -> None:
        self.store = store
        self._reflector = reflector
        self._lowest = self._furthest = self._until = 0
        self._gathering: asyncio.Task[_Past] | None = None
        self._advancing: asyncio.Task[None] | None = None

    async def reach(self, version: int, mark: Mark | None) -> bool:
        """Whether a store knows now all that happened since ``version``, and of the history of ``mark``."""
        is_of_store = mark.is_of(self.store) if mark is not None else None
        if is_of_store is False:
            return False
        if is_of_store:
            if self.store.last.reaches(version):
                return True
            mark = None
        furthest, until = (version, version) if mark is None else (mark.version - 1, mark.version)
        if self._gathering is None:
            self._lowest, self._furthest, self._until = version, furthest, until
            self._gathering = asyncio.create_task(self._run())
        self._lowest, self._furthest = min(self._lowest, version), min(self._furthest, furthest)
        self._until = max(self._until, until)
        past = await asyncio.shield(self._gathering)
        return past.confirms(mark) and self.store.last.reaches(version)

    async def advance(self, version: int) -> bool:
        """Whether the store is complete up to a version, if need be after asking the API server."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAG_SECONDS):
                await self.store.reached(version)
        ours = False
        while self.store.version < version and not ours:
            # One that is under way may have asked too early for this version.
            ours = self._advancing is None
            if self._advancing is None:
                self._advancing = asyncio.create_task(self._advance())
            await asyncio.shield(self._advancing)
        return self.store.version >= version

    async def _advance(self) -> None:
        """Learn up to which version nothing has happened, or await what has."""
        store, begun = self.store, self.store.replaced_at
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                newest = await self._reflector.newest()
                if not 0 < (since := store.version) < newest:
                    return
                await store.reached(await self._reflector.latest_change(since, newest))
                if store.replaced_at == begun:
                    store.advance(newest)
        except (*TROUBLE, TimeoutError):
            pass
        finally:
            self._advancing = None

    async def _run(self) -> _Past:
        await asyncio.sleep(GATHER_SECONDS)
        lowest, furthest, until, self._gathering = self._lowest, self._furthest, self._until, None
        begun, last, floor = self.store.replaced_at, self.store.last, self.store.last.floor
        past = await self._ask(furthest, until)
        if past.changes is None and furthest < lowest:
            past = await self._ask(lowest, until)
        if past.changes is None or self.store.replaced_at != begun:
            return _Past(lowest, None)
        gone = [change for change in past.changes if change.deleted and lowest < change.version <= floor]
        last.lower(lowest, [Deleted(key_of(o.namespace, o.name), o.uid, o.version) for o in gone])
        return past

    async def _ask(self, since: int, until: int) -> _Past:
        last = self.store.last
        until = max(since, until, last.floor)
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                return _Past(since, await self._reflector.past(since, until, last.anchor))
        except (*TROUBLE, TimeoutError):
            return _Past(since, None)
