"""Lines from many sources put together in the order of their times, however much they bring.

What is held is no more than the last piece of each source: none is read further before
its lines have been taken.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable

PIECE_BYTES = 256 * 1024
# A source that says nothing for so long does not keep the others' lines any longer: where it may be silent
# for days, and where it is only slow to begin or to go on.
PATIENCE_SECONDS = 0.2
SLOW_SECONDS = 5.0

# When it was written, in nanoseconds since 1970, and the line.
Line = tuple[int, bytes]


class Feed:
    """One source, which ``put``s its lines, each with its time, until it has ``ended``.

    ``is_slow`` says that the next of them is on its way, and is worth more patience.
    """

    def __init__(self, activity: asyncio.Event, *, is_slow: bool = False) -> None:
        self.is_slow = is_slow
        self.ended = False
        self.lines: deque[Line] = deque()
        self._activity = activity
        self._taken = asyncio.Event()
        self._quiet_since = asyncio.get_running_loop().time()

    async def put(self, lines: Iterable[Line]) -> None:
        """Returns when all have been taken."""
        self.lines.extend(lines)
        if self.lines:
            self._taken.clear()
            self._activity.set()
            await self._taken.wait()

    def open(self) -> None:
        """It may be silent from now on."""
        self.is_slow = False
        self._quiet_since = asyncio.get_running_loop().time()
        self._activity.set()

    def end(self) -> None:
        self.ended = True
        self._activity.set()

    def take(self) -> bytes:
        line = self.lines.popleft()[1]
        if not self.lines:
            self._quiet_since = asyncio.get_running_loop().time()
            self._taken.set()
        return line

    def missing(self, now: float) -> float | None:
        """Seconds that there is still to wait for its next line before others go on; None for no more."""
        if self.ended or self.lines:
            return None
        left = self._quiet_since + (SLOW_SECONDS if self.is_slow else PATIENCE_SECONDS) - now
        return left if left > 0 else None


async def merged(
    feeds: Callable[[], Iterable[Feed]], activity: asyncio.Event, *, lasting: Callable[[], bool]
) -> AsyncGenerator[bytes, None]:
    """The lines of all feeds, a piece at a time.

    ``feeds`` are those that there are at the moment; it ends when they all have, unless it
    is ``lasting``: more may come.
    """
    loop = asyncio.get_running_loop()
    while True:
        activity.clear()
        known = [*feeds()]
        waits = [left for feed in known if (left := feed.missing(loop.time())) is not None]
        holding = [feed for feed in known if feed.lines]
        if holding and not waits:
            yield _piece(holding)
            continue
        if not holding and all(feed.ended for feed in known) and not lasting():
            return
        try:
            async with asyncio.timeout(min(waits) if holding else None):
                await activity.wait()
        except TimeoutError:
            continue


def _piece(holding: list[Feed]) -> bytes:
    """Lines in order, until a feed that may have more has none left."""
    heap = [(feed.lines[0][0], number, feed) for number, feed in enumerate(holding)]
    heapq.heapify(heap)
    parts: list[bytes] = []
    size = 0
    while heap and size < PIECE_BYTES:
        _, number, feed = heap[0]
        line = feed.take()
        parts.append(line)
        size += len(line)
        if feed.lines:
            heapq.heapreplace(heap, (feed.lines[0][0], number, feed))
        else:
            heapq.heappop(heap)
            if not feed.ended:
                break
    return b"".join(parts)
