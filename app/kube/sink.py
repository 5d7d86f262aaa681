"""What a reflector tells, and whom."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from app.kube.recovery import State
from app.kube.wire.unreadable import Unreadable
from app.kube.wire.wire_object import WireObject


class Health(msgspec.Struct, frozen=True):
    """How a reflector is, and the trouble that it has, in one line for humans."""

    state: State
    error: str | None = None


class Sink(Protocol):
    """Where a reflector puts what it learns. No call may wait for anything."""

    def gather(self, objects: Sequence[WireObject]) -> None:
        """Keep a part of a list aside; of two objects of one name the later one counts."""

    def leave_out(self, unreadable: Sequence[Unreadable]) -> None:
        """Keep aside that these belong to the list, and cannot be read."""

    def discard(self) -> None:
        """Forget what was gathered: the list has failed."""

    def swap(self, version: int, *, continues: bool) -> None:
        """Take what was gathered for all there is. The version may be lower than before.

        ``continues`` is whether it is of the history that was known, as far as that shows.
        """

    def apply(self, kind: str, found: WireObject) -> None:
        """Take an object that was ADDED, MODIFIED or DELETED."""

    def spoil(self, kind: str, found: Unreadable) -> None:
        """Take note that something was ADDED, MODIFIED or DELETED that cannot be read."""

    def advance(self, version: int) -> None:
        """Nothing else happened up to this version."""

    def report(self, health: Health) -> None:
        """Take note of how it goes, which has just changed."""


class Counters(msgspec.Struct):
    """What happened so far.

    ``relists`` counts the lists after the first, ``reconnects`` the ends of watches and
    the failures, by reason. ``last_event`` is when a watch last brought anything, in
    monotonic seconds, None before that.
    """

    relists: int = 0
    reconnects: dict[str, int] = msgspec.field(default_factory=dict)
    last_event: float | None = None
