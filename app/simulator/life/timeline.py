"""When things happen: actions in the order of their time, in real time or as fast as a test wants."""

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
        if self._loop is not None:
            self._seconds = max(self._seconds, self._loop.time() - self._offset)
        return self._seconds

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self.seconds)

    def after(self, delay: float, action: Callable[[], None]) -> None:
        """Do that in so many seconds; of two due at once, first what was asked for first."""
        heapq.heappush(self._due, (self.seconds + delay, next(self._count), action))
        if self._due[0][2] is action:
            self._arm()

    def advance(self, seconds: float) -> None:
        """Let time pass in one step, doing what comes due. Not while started."""
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
        """Stand still; what is due stays due."""
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
        """Do what is due for a slice of time. An action that fails is reported and hurts no other."""
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
