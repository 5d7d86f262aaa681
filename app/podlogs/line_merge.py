"""A merge of the lines of many logs by their times, of bounded memory.

What is held is no more than the last lines of each log: none is read further before
its lines have been taken.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable

PIECE_BYTES = 256 * 1024
# A log that brings nothing for so long does not keep the others' lines any longer: where it may be silent
# for days, and where it is only slow to begin or to go on.
PATIENCE_SECONDS = 0.2
SLOW_SECONDS = 5.0

# When it was written, in nanoseconds since 1970, and the line.
StampedLine = tuple[int, bytes]


class LineBuffer:
    """The lines of one log that wait to be merged: its reader calls ``put``, the merge ``take``.

    ``is_slow`` says that the next line is on its way, so that the merge waits SLOW_SECONDS for it.
    """

    def __init__(self, activity: asyncio.Event, *, is_slow: bool = False) -> None:
        self.is_slow = is_slow
        self.ended = False
        self.lines: deque[StampedLine] = deque()
        self._activity = activity
        self._taken = asyncio.Event()
        self._quiet_since = asyncio.get_running_loop().time()

    async def put(self, lines: Iterable[StampedLine]) -> None:
        """Add lines; returns when all have been taken."""
        self.lines.extend(lines)
        if self.lines:
            self._taken.clear()
            self._activity.set()
            await self._taken.wait()

    def open(self) -> None:
        """Note that the log may be silent from now on: the merge waits for PATIENCE_SECONDS only."""
        self.is_slow = False
        self._quiet_since = asyncio.get_running_loop().time()
        self._activity.set()

    def end(self) -> None:
        """Note that no further line will come."""
        self.ended = True
        self._activity.set()

    def take(self) -> bytes:
        """Remove and return the oldest line; there must be one."""
        line = self.lines.popleft()[1]
        if not self.lines:
            self._quiet_since = asyncio.get_running_loop().time()
            self._taken.set()
        return line

    def missing(self, now: float) -> float | None:
        """Return for how many seconds the merge still waits for its next line; None for no more."""
        if self.ended or self.lines:
            return None
        left = self._quiet_since + (SLOW_SECONDS if self.is_slow else PATIENCE_SECONDS) - now
        return left if left > 0 else None


async def merged(
    buffers: Callable[[], Iterable[LineBuffer]], activity: asyncio.Event, *, lasting: Callable[[], bool]
) -> AsyncGenerator[bytes, None]:
    """Yield the lines of all buffers, joined to pieces of about PIECE_BYTES.

    ``buffers`` returns those that there are at the moment. The merge ends when all have ended, unless it
    is ``lasting``: more may come.
    """
    loop = asyncio.get_running_loop()
    while True:
        activity.clear()
        present = [*buffers()]
        waits = [left for buffer in present if (left := buffer.missing(loop.time())) is not None]
        holding = [buffer for buffer in present if buffer.lines]
        if holding and not waits:
            yield _piece(holding)
            continue
        if not holding and all(buffer.ended for buffer in present) and not lasting():
            return
        try:
            async with asyncio.timeout(min(waits) if holding else None):
                await activity.wait()
        except TimeoutError:
            continue


def _piece(holding: list[LineBuffer]) -> bytes:
    """Lines in order, until a buffer that may have more has none left."""
    heap = [(buffer.lines[0][0], number, buffer) for number, buffer in enumerate(holding)]
    heapq.heapify(heap)
    parts: list[bytes] = []
    size = 0
    while heap and size < PIECE_BYTES:
        _, number, buffer = heap[0]
        line = buffer.take()
        parts.append(line)
        size += len(line)
        if buffer.lines:
            heapq.heapreplace(heap, (buffer.lines[0][0], number, buffer))
        else:
            heapq.heappop(heap)
            if not buffer.ended:
                break
    return b"".join(parts)
