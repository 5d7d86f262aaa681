"""What a store has missed before its first list, for streams that resume from further back.

A process that has just started knows no deletions. It need not send everybody everything:
one watch from the lowest version that is asked for tells what the API server remembers.
"""

import asyncio

from app.cache.changelog import Deleted
from app.cache.objects import key_of
from app.cache.store import Store
from app.kube.reflector import Reflector
from app.kube.verdict import TROUBLE

# Streams that lost the same server come back together.
GATHER_SECONDS = 0.05
LIMIT_SECONDS = 5.0


class Bridge:
    """From versions that clients bring to the first version that a store knows all after."""

    def __init__(self, store: Store, reflector: Reflector) -> None:
        self.store = store
        self._reflector = reflector
        self._lowest = 0
        self._gathering: asyncio.Task[bool] | None = None

    async def reach(self, version: int) -> bool:
        """Whether the API server has told what was deleted since ``version``."""
        if self._gathering is None:
            self._lowest = version
            self._gathering = asyncio.create_task(self._run())
        self._lowest = min(self._lowest, version)
        return await asyncio.shield(self._gathering)

    async def _run(self) -> bool:
        await asyncio.sleep(GATHER_SECONDS)
        version, self._gathering = self._lowest, None
        store, begun = self.store, self.store.replaced_at
        last = store.last
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                until = max(version, last.floor)
                found = await self._reflector.deletions(version, until, last.anchor)
        except (*TROUBLE, TimeoutError):
            return False
        if store.replaced_at != begun:
            return False
        last.lower(version, [Deleted(key_of(o.namespace, o.name), o.uid, o.version) for o in found])
        return last.reaches(version)
