"""What a reflector reports, and the interface of what it reports to."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from app.kube.recovery import ReflectorState
from app.kube.wire.unreadable import UnreadableObject
from app.kube.wire.wire_object import WireObject


class Health(msgspec.Struct, frozen=True):
    """The state of a reflector, and its ``error`` in one line for humans."""

    state: ReflectorState
    error: str | None = None


class Sink(Protocol):
    """Where a reflector puts what it learns. No call may wait for anything."""

    def gather(self, objects: Sequence[WireObject]) -> None:
        """Keep a part of a list aside; of two objects of one name the later one counts."""

    def leave_out(self, unreadable: Sequence[UnreadableObject]) -> None:
        """Keep aside what belongs to the list and cannot be decoded."""

    def discard(self) -> None:
        """Forget what was gathered: the list has failed."""

    def swap(self, version: int, *, continues: bool) -> None:
        """Replace everything by what was gathered. The version may be lower than before.

        ``continues`` is whether the list is of the same history as before, as far as that shows.
        """

    def apply(self, kind: str, wire_object: WireObject) -> None:
        """Take an object that was ADDED, MODIFIED or DELETED."""

    def spoil(self, kind: str, unreadable: UnreadableObject) -> None:
        """Take note that an object was ADDED, MODIFIED or DELETED that cannot be decoded."""

    def advance(self, version: int) -> None:
        """Nothing else happened up to this version."""

    def report(self, health: Health) -> None:
        """Take note of the reflector's health, which has just changed."""


class ReflectorCounters(msgspec.Struct):
    """Counts of what happened so far, for metrics.

    ``relists`` counts the lists after the first, ``reconnects`` the ends of watches and
    the failures, by reason. ``last_event`` is when a watch last brought anything, in
    monotonic seconds, None before that.
    """

    relists: int = 0
    reconnects: dict[str, int] = msgspec.field(default_factory=dict)
    last_event: float | None = None
