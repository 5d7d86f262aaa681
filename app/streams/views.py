"""What equal subscriptions share: one log of frames, and the readers that are up to date with it.

The parts of a view follow the stores in its scope, and write into its log. Readers that are up to date are
sent what is new in one go, at most once in a turn of the event loop. One that its client holds up leaves
them, reads the log at its own pace, and joins them again.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from app.cache.clock import CLOCK
from app.fleet.fleet import Fleet
from app.fleet.selection import Selection
from app.streams.channel import Channel
from app.streams.dialects import Encoding
from app.streams.frame_log import FrameLog, LogEntry, LogPosition, LogReader
from app.streams.scope import FrameOptions, ViewScope


class StreamCounters(msgspec.Struct):
    """``starts`` counts by what streams began with, ``skipped`` the frames that slow streams never got."""

    frames: int = 0
    bytes: int = 0
    skipped: int = 0
    resets: int = 0
    starts: dict[str, int] = msgspec.field(default_factory=dict)

    def sent(self, frames: int, size: int) -> None:
        """Count frames that were sent, of so many bytes together."""
        self.frames += frames
        self.bytes += size

    def started(self, answer: str) -> None:
        """Count a stream by what it began with: nothing, snapshot, changes, partial or reset."""
        self.starts[answer] = self.starts.get(answer, 0) + 1


ViewKey = tuple[tuple[str, ...], tuple[str, ...] | None, bytes, FrameOptions]


def view_key(selection: Selection, options: FrameOptions) -> ViewKey:
    """Return what subscriptions have in common that share a view."""
    return selection.resources, selection.clusters, selection.query.signature, options


class View:
    """``reached`` is the position of the readers that are up to date; ``wake`` is called once when there
    is something to flush. Raises AmbiguousResource.
    """

    def __init__(
        self,
        fleet: Fleet,
        selection: Selection,
        options: FrameOptions,
        counters: StreamCounters,
        wake: Callable[[], None],
    ) -> None:
        self.options = options
        self.key = view_key(selection, options)
        self.counters = counters
        self.log = FrameLog(wake)
        self.reached = LogPosition(0, CLOCK.now, b"")
        self._with_ids = 0  # readers whose frames carry cursors
        self._live: dict[Encoding, dict[LogReader, Channel]] = {}
        self._behind: set[LogReader] = set()
        self.scope = ViewScope(self.log, fleet, selection, options)

    def close(self) -> None:
        """Stop following the stores."""
        self.scope.close()

    @property
    def is_idle(self) -> bool:
        """Whether nobody reads it."""
        return not self._behind and not any(self._live.values())

    def enter(self, reader: LogReader) -> None:
        """Keep frames for a reader that has yet to begin."""
        self._behind.add(reader)
        self._with_ids += reader.encoding.with_ids

    def leave(self, reader: LogReader) -> None:
        """Forget a reader."""
        self._behind.discard(reader)
        self._live.get(reader.encoding, {}).pop(reader, None)
        self._with_ids -= reader.encoding.with_ids

    def join(self, reader: LogReader) -> None:
        """Have a reader that has received all that was released sent what comes."""
        self._behind.discard(reader)
        self._live.setdefault(reader.encoding, {})[reader] = reader.channel

    def here(self) -> LogPosition:
        """The position of who knows all that the stores hold now."""
        self.flush()
        cursor = self._cursor() if self._with_ids else self.reached.cursor
        self.reached = LogPosition(self.log.end, CLOCK.now, cursor)
        return self.reached

    def flush(self) -> None:
        """Send what is new to those who are up to date, in one go."""
        log, before = self.log, self.reached
        new, missed = log.release()
        for unseen in missed:
            for reader in self._behind:
                reader.doubt(unseen)
            for readers in self._live.values():
                self._retire([reader for reader in readers if reader.doubt(unseen)], before, readers)
        if before.index < log.start:
            for readers in self._live.values():
                self._retire([*readers], before, readers)
        if before.index < log.end:
            cursor = self._date(new) if new and self._with_ids else before.cursor
            for encoding, readers in self._live.items():
                if readers:
                    self._send(encoding, readers, before)
            self.reached = LogPosition(log.end, CLOCK.now, cursor)
        log.trim(is_read=bool(self._behind))

    def _cursor(self) -> bytes:
        return self.scope.cursor().encode().encode()

    def _date(self, new: Sequence[LogEntry]) -> bytes:
        """Give new frames their cursors, and return the last.

        Only behind a bookmark, or the last of what is new, are all stores where a cursor says.
        """
        cursor = self.reached.cursor
        for entry in new:
            entry.cursor = cursor = entry.cursor or cursor
        new[-1].cursor = cursor = self._cursor()
        return cursor

    def _send(self, encoding: Encoding, readers: dict[LogReader, Channel], before: LogPosition) -> None:
        """Send those who are up to date what came since, and see who of them is so no more."""
        if self.options.delta:
            for reader, channel in [*readers.items()]:
                piece = self.log.piece(encoding, before.index, reader.takes)
                self._offer(*piece, {reader: channel}, before, readers)
        else:
            self._offer(*self.log.piece(encoding, before.index), readers, before, readers)

    def _offer(
        self,
        data: bytes,
        end: int,
        to: dict[LogReader, Channel],
        before: LogPosition,
        live: dict[LogReader, Channel],
    ) -> None:
        refused = [reader for reader, channel in to.items() if not channel.offer(data)]
        number = len(to) - len(refused)
        self.counters.sent((end - before.index) * number, len(data) * number)
        served = [] if end == self.log.end else [*(to.keys() - {*refused})]
        self._retire(refused, before, live)
        if served:
            self._retire(served, self.log.position(end), live)

    def _retire(
        self, readers: Iterable[LogReader], position: LogPosition, live: dict[LogReader, Channel]
    ) -> None:
        """Have live readers go on by themselves, from a position."""
        for reader in readers:
            del live[reader]
            self._behind.add(reader)
            reader.leave(position)
