"""The clock of a simulated cluster: scheduled actions in order, in real time or advanced by a test."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

# How long one turn of the event loop may be held before others get theirs.
_SLICE_SECONDS = 0.005


class Timeline:
    """Seconds since a beginning, and what is due at which of them.

    Not started, time stands still but for :meth:`advance`, and all that happens is a function of what was
    asked for: the same actions run in the same order. Started, it follows the event loop's clock with one
    timer, so that nothing is spent while nothing is due.
    """

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self._seconds = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._offset = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        if self._loop is not None:
            self._seconds = max(self._seconds, self._loop.time() - self._offset)
        return self._seconds

    def now(self) -> datetime:
        """Return the present time."""
        return self._begin + timedelta(seconds=self.seconds)

    def after(self, delay: float, action: Callable[[], None]) -> None:
        """Run ``action`` in so many seconds; of two due at once, the one that was scheduled first."""
        heapq.heappush(self._due, (self.seconds + delay, next(self._count), action))
        if self._due[0][2] is action:
            self._arm()

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, running what comes due. Only while not started."""
        end = self._seconds + seconds
        while self._due and self._due[0][0] <= end:
            at, _, action = heapq.heappop(self._due)
            self._seconds = max(self._seconds, at)
            action()
        self._seconds = end

    def start(self) -> None:
        """Follow the running event loop's clock from now on."""
        self._loop = asyncio.get_running_loop()
        self._offset = self._loop.time() - self._seconds
        self._arm()

    def stop(self) -> None:
        """Stop the clock; scheduled actions stay scheduled."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._seconds = self.seconds
        self._loop = None

    def _arm(self) -> None:
        if self._loop is None or not self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due[0][0] + self._offset, self._run)

    def _run(self) -> None:
        """Run due actions for one time slice. An action that raises is reported, and the others run."""
        self._timer = None
        loop = self._loop
        if loop is None:
            return
        until = loop.time() + _SLICE_SECONDS
        try:
            while self._due and self._due[0][0] <= self.seconds:
                heapq.heappop(self._due)[2]()
                if loop.time() > until:
                    break
        finally:
            self._arm()
