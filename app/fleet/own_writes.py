"""The writes made through this process that the stores of a cluster do not hold yet.

A read that comes sooner would miss it. So reads wait for what is still on its way: for
an object, until the store has reached the version that the write was answered with; for
a deletion, which mostly is answered without a version, until the object is gone from the
store. Nothing waits longer than ``PATIENCE_SECONDS`` from the write on; then whoever
reads is told, and may say so or ask the cluster itself.
"""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from app.cache.objects import key_of
from app.cache.store import Change, Store
from app.fleet.store_listener import listening
from app.fleet.watch_set import WatchSet

PATIENCE_SECONDS = 2.0
# A watch that is half-open is found out within 70 s and takes up again, or says that it is
# stale. What is not seen by then never will be: the cluster went back to a backup.
KEPT_SECONDS = 120.0
# From so many namespaces on, it is worth looking which are still to be kept.
MANY = 100


class _Write(msgspec.Struct, frozen=True):
    """A ``version`` to be reached, or a ``uid`` that is to go; ``at`` is in monotonic seconds."""

    namespace: str
    at: float
    version: int = 0
    key: str = ""
    uid: str = ""


class WrittenVersion(msgspec.Struct, frozen=True):
    """The store that will hold a write, and the resourceVersion that it has reached once it does.

    ``resource`` is ``plural.group``, ``namespace`` the one that the store is restricted to, None for all.
    """

    resource: str
    namespace: str | None
    version: int


class AnswerMetadata(msgspec.Struct):
    """What of an object's metadata says which version of which object was written."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""
    finalizers: list[str] | None = None
    deletionTimestamp: str | None = None
    deletionGracePeriodSeconds: int | None = None


class AnswerDetails(msgspec.Struct):
    """What the ``details`` of a Status say of the object that was deleted."""

    uid: str = ""


class ObjectAnswer(msgspec.Struct):
    """What of the answer to a write is read: the object, or of some deletions a Status."""

    kind: str = ""
    metadata: AnswerMetadata = msgspec.field(default_factory=AnswerMetadata)
    details: AnswerDetails | None = None

    @property
    def leaves_nothing(self) -> bool:
        """Whether a deletion that was answered with the object has left nothing of it.

        A namespace that is being emptied has no grace period.
        """
        metadata = self.metadata
        at_once = metadata.deletionTimestamp is None or metadata.deletionGracePeriodSeconds == 0
        return at_once and not metadata.finalizers


class OwnWrites:
    """The writes to one cluster that its stores may not hold yet, by resource."""

    def __init__(self, watches: WatchSet) -> None:
        self._watches = watches
        self._versions: dict[str, dict[str, _Write]] = {}
        self._deletions: dict[str, deque[_Write]] = {}

    def note(self, resource: str, namespace: str, version: int) -> None:
        """Take note that an object of this resource (``plural.group``) was written and has this version now.

        ``namespace`` is "" for what is in none. What brings no version, a dry run or a
        review, is not to be noted.
        """
        writes = self._versions.setdefault(resource, {})
        before = writes.get(namespace)
        if before is None or version > before.version:
            writes[namespace] = _Write(namespace, time.monotonic(), version=version)
        if len(writes) > MANY:
            self._versions[resource] = {name: write for name, write in writes.items() if _is_kept(write)}

    def note_deletion(self, resource: str, namespace: str, name: str, uid: str) -> None:
        """Take note that the object of this uid was deleted, with nothing left to finish."""
        write = _Write(namespace, time.monotonic(), key=key_of(namespace, name), uid=uid)
        deletions = self._deletions.setdefault(resource, deque())
        deletions.append(write)
        # Where nobody reads, nothing else forgets them.
        while not _is_kept(deletions[0]):
            deletions.popleft()

    def pending(self, resource: str) -> bool:
        """Whether something was written that its store does not hold yet."""
        return bool(self._versions.get(resource) or self._deletions.get(resource)) and bool(
            self._missing(resource)
        )

    async def seen(self, resource: str) -> bool:
        """Wait for what was written before now; return False where it took too long, now or earlier."""
        missing = self._missing(resource)
        if not missing:
            return True
        until = min(write.at for _, write in missing) + PATIENCE_SECONDS
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await asyncio.gather(*(_arrival(store, write) for store, write in missing))
        except TimeoutError:
            return False
        return True

    def _missing(self, resource: str) -> list[tuple[Store, _Write]]:
        """The writes that are not seen, each with the store that is to hold it; those seen are forgotten."""
        watch = self._watches.get(resource)
        if watch is None:
            return []
        now = time.monotonic()
        versions = self._versions.get(resource, {})
        deletions = self._deletions.get(resource, deque())
        missing = [
            (store, write)
            for write in (*versions.values(), *deletions)
            if _is_kept(write)
            and (store := _store_of(watch.stores, write.namespace)) is not None
            and not _is_seen(store, write)
        ]
        left = {id(write) for _, write in missing}
        self._versions[resource] = {name: write for name, write in versions.items() if id(write) in left}
        # The creation of what was deleted may be on its way still: it would come back once more.
        self._deletions[resource] = deque(
            write for write in deletions if id(write) in left or now - write.at < PATIENCE_SECONDS
        )
        return missing


def _is_kept(write: _Write) -> bool:
    return time.monotonic() - write.at < KEPT_SECONDS


def _store_of(stores: Sequence[Store], namespace: str) -> Store | None:
    return next((store for store in stores if store.namespace in (None, namespace)), None)


def _is_seen(store: Store, write: _Write) -> bool:
    if write.version:
        return store.version >= write.version
    held = store.get(write.key)
    return held is None or held.uid != write.uid


def _arrival(store: Store, write: _Write) -> Coroutine[Any, Any, None]:
    return store.reached(write.version) if write.version else _gone(store, write)


async def _gone(store: Store, write: _Write) -> None:
    gone = asyncio.Event()

    def check(changes: Sequence[Change]) -> None:
        if _is_seen(store, write):
            gone.set()

    with listening([store], check):
        await gone.wait()
