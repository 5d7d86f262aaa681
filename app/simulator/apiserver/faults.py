"""Faults: how simulated clusters misbehave, on request."""

import asyncio
import random
from collections.abc import Callable
from enum import Enum

import msgspec

from app.simulator.apiserver.api_failures import ApiFailure


class Fault(Enum):
    """What may go wrong with a request; the last group is about watches that have been answered."""

    HANG = "accept the request and never answer"
    ABORT = "cut the connection instead of answering"
    GONE = "410 as a status"
    BUSY = "429 with Retry-After"
    ERROR = "500 as a status"
    UNAVAILABLE = "503 as a status"
    UNAUTHORIZED = "401 as a status"
    FORBIDDEN = "403 as a status"
    GARBAGE = "an answer that is no JSON"
    SLOW = "the answer in small pieces with pauses"

    EMPTY = "a watch that ends at once"
    STALL = "a watch that stays open and says nothing more"
    DROP = "a watch cut in the middle of a line"
    GONE_EVENT = "410 as an ERROR event"
    ERROR_EVENT = "500 as an ERROR event"
    GARBAGE_EVENT = "a line that is no event"
    GZIP = "each flush a gzip member of its own, where the client takes that"


FAILURES = {
    Fault.GONE: ApiFailure("Expired", "too old resource version"),
    Fault.BUSY: ApiFailure("TooManyRequests", "the server is busy", retryAfterSeconds=1),
    Fault.ERROR: ApiFailure("InternalError", "an error on the server"),
    Fault.UNAVAILABLE: ApiFailure("ServiceUnavailable", "the server is shutting down"),
    Fault.UNAUTHORIZED: ApiFailure("Unauthorized", "Unauthorized"),
    Fault.FORBIDDEN: ApiFailure("Forbidden", "forbidden by a fault"),
    Fault.GONE_EVENT: ApiFailure("Expired", "too old resource version"),
    Fault.ERROR_EVENT: ApiFailure("InternalError", "etcdserver: something broke"),
}


class RequestKind(msgspec.Struct, frozen=True):
    """What a fault is chosen by: the verb (``list``, ``watch``, ``get``, …) and the resource."""

    verb: str
    resource: str


class _Rule(msgspec.Struct):
    fault: Fault
    verb: str | None
    resource: str | None
    chance: float
    left: int | None


class Faults:
    """The faults of one cluster. ``rng`` decides where a rule has a chance below 1."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._rules: list[_Rule] = []
        self._open: set[Callable[[Fault], None]] = set()
        self._cleared = asyncio.Event()

    def add(
        self,
        fault: Fault,
        *,
        verb: str | None = None,
        resource: str | None = None,
        chance: float = 1.0,
        times: int | None = None,
    ) -> None:
        """Give the next ``times`` requests of that verb and resource (None for any) this fault; all for
        None."""
        self._cleared.clear()
        self._rules.append(_Rule(fault, verb, resource, chance, times))

    def clear(self) -> None:
        """Remove all faults; connections that hang because of one are cut."""
        self._rules.clear()
        self._cleared.set()

    def pick(self, request: RequestKind) -> Fault | None:
        """Return the fault for this request, None for none."""
        for rule in self._rules:
            if rule.verb not in (None, request.verb) or rule.resource not in (None, request.resource):
                continue
            if rule.left == 0 or self.rng.random() >= rule.chance:
                continue
            if rule.left is not None:
                rule.left -= 1
            return rule.fault
        return None

    def strike(self, fault: Fault) -> None:
        """Let a fault happen to every open watch now."""
        for watch in [*self._open]:
            watch(fault)

    def attach(self, watch: Callable[[Fault], None]) -> None:
        """Register an open watch, for `strike`."""
        self._open.add(watch)

    def detach(self, watch: Callable[[Fault], None]) -> None:
        """Forget a watch that has ended."""
        self._open.discard(watch)

    async def over(self) -> None:
        """Return when the faults are cleared."""
        await self._cleared.wait()
