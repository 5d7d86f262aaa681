"""A scheduler that shares the event loop among all tasks with long work: weighted fair queueing.

Long work is done in slices. All slices of one turn of the event loop share one budget, or the turn would
grow with the number of tasks. A task that finds the budget spent waits for a grant, and there is one grant
a turn:

- intake from API servers and live work come before snapshots, and these before scans, by weights, so
  that nothing starves;
- within one kind of work, the address that got least of late comes first, and of its connections the one
  that got least, however many tasks these have;
- every fourth grant goes to the task that has waited longest.

A grant is not handed back: a task that is cancelled, or waits for its client, delays nobody.
"""

import asyncio
import time
from collections import deque
from contextvars import ContextVar
from enum import IntEnum
from heapq import heapify, heappop, heappush
from weakref import WeakKeyDictionary

TURN_SECONDS = 0.003
# The time that a grant gives, however long the rest of the turn took.
_LEAST_SECONDS = 0.0015
# Time that an account was given counts half after so long.
_HALF_LIFE_SECONDS = 1.0
_OLDEST_EVERY = 4
_HOLES = 64
# After so many bytes of intake others have the event loop, however fast they came.
_STEP_BYTES = 1024 * 1024


class Kind(IntEnum):
    """The kind of work, in the order of their weights."""

    INTAKE = 0  # lists and watches of API servers
    LIVE = 1
    SNAPSHOT = 2
    SCAN = 3


_WEIGHTS = {Kind.INTAKE: 12, Kind.LIVE: 12, Kind.SNAPSHOT: 4, Kind.SCAN: 1}


class WorkAccount:
    """The account of a connection that work is done for; its ``owner``, an address, may have many."""

    __slots__ = ("__weakref__", "_at", "_spent", "owner")

    def __init__(self, owner: "WorkAccount | None" = None) -> None:
        self.owner = owner or self
        self._spent = 0.0
        self._at = 0.0

    def charge(self, seconds: float) -> None:
        """Add time that was worked for this account, and so for its owner."""
        now = time.perf_counter()
        self._spent = self.spent(now) + seconds
        self._at = now
        if self.owner is not self:
            self.owner.charge(seconds)

    def spent(self, now: float) -> float:
        """Return the seconds that it was given of late, at ``now`` of the performance counter."""
        return self._spent * 0.5 ** ((now - self._at) / _HALF_LIFE_SECONDS) if self._spent else 0.0


_PROCESS = WorkAccount()
_account: ContextVar[WorkAccount] = ContextVar("account", default=_PROCESS)


def work_for(account: WorkAccount) -> None:
    """Charge what this task, and tasks that it creates, does from now on to this account."""
    _account.set(account)


class _Queue:
    """The tasks that wait for a grant for one kind of work."""

    def __init__(self) -> None:
        # Owners by what they were given, and of each what waits: by what that was given.
        self._owners: list[tuple[float, int, WorkAccount]] = []
        self._waiting: dict[WorkAccount, list[tuple[float, int, asyncio.Future[None]]]] = {}
        self._oldest: deque[asyncio.Future[None]] = deque()
        self._count = self._picks = 0
        self.used = 0.0

    def add(self, waiter: "asyncio.Future[None]", account: WorkAccount, used: float) -> None:
        now, owner = time.perf_counter(), account.owner
        self._count += 1
        waiting = self._waiting.setdefault(owner, [])
        if not waiting:
            heappush(self._owners, (owner.spent(now), self._count, owner))
        # Of two who were given as much, the one who has asked for less comes first.
        heappush(waiting, (account.spent(now) + used, self._count, waiter))
        self._oldest.append(waiter)
        if len(waiting) > 2 * len(self._oldest) + _HOLES:
            # Those that were granted as the oldest, or cancelled.
            waiting[:] = [entry for entry in waiting if not entry[2].done()]
            heapify(waiting)

    def __bool__(self) -> bool:
        """Return whether a task waits. Those granted or cancelled are dropped when they come first."""
        while self._oldest and self._oldest[0].done():
            self._oldest.popleft()
        return bool(self._oldest)

    def pop(self) -> "asyncio.Future[None]":
        """Remove and return the task to be granted next; there must be one that waits."""
        self._picks += 1
        if self._picks % _OLDEST_EVERY == 0:
            return self._oldest.popleft()
        while True:
            _, _, owner = heappop(self._owners)
            waiting = self._waiting[owner]
            while waiting and waiting[0][2].done():
                heappop(waiting)
            waiter = heappop(waiting)[2] if waiting else None
            if waiting:
                self._count += 1
                heappush(self._owners, (owner.spent(time.perf_counter()), self._count, owner))
            else:
                del self._waiting[owner]
            if waiter is not None:
                return waiter


class _Turns:
    """The turns of one event loop, counted only while there is long work."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_soon = loop.call_soon
        self._queues = {kind: _Queue() for kind in Kind}
        self._is_counting = False
        self._reached = 0.0
        self.due = 0.0

    def is_spent(self) -> bool:
        now = time.perf_counter()
        if not self._is_counting:
            self._count(now)
        return now > self.due

    def resume(self) -> float:
        now = time.perf_counter()
        self.due = max(self.due, now + _LEAST_SECONDS)
        return now

    def add(self, kind: Kind, waiter: "asyncio.Future[None]", account: WorkAccount, used: float) -> None:
        queue = self._queues[kind]
        if not queue:
            # Who did not wait has saved nothing up, and who worked alone owes nothing.
            queue.used = max(queue.used, self._reached)
        queue.add(waiter, account, used)
        if not self._is_counting:
            self._count(time.perf_counter())

    def _count(self, now: float) -> None:
        self._is_counting = True
        self.due = now + TURN_SECONDS
        self._call_soon(self._next)

    def _next(self) -> None:
        """Begin a turn."""
        waiting = [(queue.used, kind) for kind, queue in self._queues.items() if queue]
        if not waiting:
            self._is_counting = False
            return
        _, kind = min(waiting)
        queue = self._queues[kind]
        self._reached = queue.used
        queue.used += 1 / _WEIGHTS[kind]
        # Ahead of the next turn, so that who goes on has asked again by then.
        queue.pop().set_result(None)
        self._count(time.perf_counter())


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


def _turns_of_loop() -> _Turns:
    loop = asyncio.get_running_loop()
    turns = _turns.get(loop)
    if turns is None:
        turns = _turns[loop] = _Turns(loop)
    return turns


def is_spent() -> bool:
    """Return whether the budget of this turn of the event loop for long work is spent."""
    return _turns_of_loop().is_spent()


class Pace:
    """The slices of one piece of work. What runs between two calls should take less than a millisecond."""

    __slots__ = ("_account", "_began", "_kind", "_turns", "_used")

    def __init__(self, kind: Kind = Kind.SCAN) -> None:
        self._turns = _turns_of_loop()
        self._account = _account.get()
        self._kind = kind
        self._began = time.perf_counter()
        self._used = 0.0

    @property
    def tired(self) -> bool:
        """Whether the budget of this turn is spent, so that the task should `breathe`."""
        return self._turns.is_spent()

    async def give(self) -> None:
        """Wait for a grant where the budget of this turn is spent."""
        if self._turns.is_spent():
            await self.breathe()

    async def breathe(self) -> None:
        """Wait for a grant, after other tasks."""
        now = time.perf_counter()
        # What was waited for in between, such as the client, is not work.
        worked = min(now - self._began, TURN_SECONDS)
        self._used += worked
        self._account.charge(worked)
        waiter = asyncio.get_running_loop().create_future()
        self._turns.add(self._kind, waiter, self._account, self._used)
        await waiter
        self._began = self._turns.resume()


class IntakePace(Pace):
    """The pace of intake, which never waits: others have the event loop every few milliseconds, or MiB."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        super().__init__(Kind.INTAKE)
        self._bytes = 0

    async def share(self, size: int = 0) -> None:
        """Call between short steps of work, with the bytes that a step took."""
        self._bytes += size
        if self._bytes > _STEP_BYTES or self.tired:
            await self.breathe()
            self._bytes = 0
