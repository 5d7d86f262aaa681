"""A watch of a cluster's own API, from the exact changes that a store remembers.

There is no queue: a watch is a position in what the store remembers. Who falls behind all
of that, or follows a store that was listed anew, has its watch ended, and watches or lists
again, as with a kube-apiserver's own cache.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web

from app.api.http.lasting_work import CallerGone, hang_up, while_present
from app.cache.changelog import Change
from app.cache.segments import SEGMENT_BYTES
from app.cache.store import Store
from app.kubeapi.cached.kube_request import CachedRead, WatchOptions
from app.kubeapi.cached.store_selection import selected
from app.kubeapi.cached.watch_events import WatchEvents
from app.turns import Kind, Pace

# As kube-apiserver: about a minute between bookmarks, half an hour to an hour where nothing else is asked.
BOOKMARK_SECONDS = (50.0, 60.0)
LASTING_SECONDS = (1800.0, 3600.0)


async def watch(
    request: web.Request,
    read: CachedRead,
    stream: WatchOptions,
    columns: Sequence[Mapping[str, Any]] | None,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """Answer a watch with what there is, if that is asked for, and with each change of the store."""
    response = web.StreamResponse(headers=headers)
    following = _Following(read.store)
    read.store.listeners.append(following)
    try:
        work = _run(request, response, read, stream, WatchEvents(read, columns), following)
        await while_present(request, work, end=following.end)
    except (CallerGone, ConnectionError):
        hang_up(request)
    finally:
        read.store.listeners.remove(following)
    return response


class _Following:
    """Notices that a store has changed, and that it is not what it was."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended = False
        self._activity = asyncio.Event()

    def changed(self, store: Store, changes: Sequence[Change]) -> None:
        if store.unreadable:
            self.end()  # An object that cannot be read is not deleted: the API server tells what it is.
        self._activity.set()

    def replaced(self, store: Store) -> None:
        self.end()

    def end(self) -> None:
        self._ended = True
        self._activity.set()

    def since(self, version: int) -> Sequence[Change] | None:
        """What happened after ``version``; None where that is not known any more."""
        self._activity.clear()
        if self._ended or self._store.version < version:
            return None
        return self._store.exact.since(version)

    async def wait(self, seconds: float) -> None:
        """Until there is more, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._activity.wait()


async def _run(
    request: web.Request,
    response: web.StreamResponse,
    read: CachedRead,
    stream: WatchOptions,
    events: WatchEvents,
    following: _Following,
) -> None:
    store = read.store
    position = store.version if stream.initial or not read.version else read.version
    # As of this version: both are of one step of the event loop.
    found = await selected(read) if stream.initial else ()
    await response.prepare(request)
    await _write(response, map(events.added, found))
    if stream.marked:
        await response.write(events.bookmark(position, initial_events_end=True))
    now = time.monotonic()
    end = now + (stream.seconds or random.uniform(*LASTING_SECONDS))
    bookmark = now + random.uniform(*BOOKMARK_SECONDS)
    while (changes := following.since(position)) is not None:
        position = store.version
        await _write(response, events.changes(changes))
        now = time.monotonic()
        if stream.bookmarks and now >= min(bookmark, end):
            await response.write(events.bookmark(position))
            bookmark = now + random.uniform(*BOOKMARK_SECONDS)
        if now >= end:
            break
        await following.wait((min(bookmark, end) if stream.bookmarks else end) - now)
    await response.write_eof()


async def _write(response: web.StreamResponse, lines: Iterator[bytes]) -> None:
    """In pieces that cost least, and giving others their turn."""
    pace, piece, size = Pace(Kind.SNAPSHOT), list[bytes](), 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= SEGMENT_BYTES:
            await response.write(b"".join(piece))
            piece, size = [], 0
        await pace.give()
    if piece:
        await response.write(b"".join(piece))
