"""What equal subscriptions share: one log of frames, each made once.

A view follows the stores in its scope and writes down what they tell. Streams that are
up to date are sent what is new in one go, at most once in a turn of the event loop. A
stream that is behind reads the log from where it is; if that is no longer there, it asks
the stores what is different since the last step that it has seen, as one that begins asks
for everything. So the log need not be long, and nothing is kept for any one stream.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from app.cache.clock import CLOCK
from app.cache.query.queries import Query
from app.fleet.fleet import Fleet
from app.streams import frames
from app.streams.channel import Channel, offer
from app.streams.dialects import Encoding
from app.streams.scope import Range, Subject
from app.streams.stream_counters import Counters
from app.streams.view_parts import Part, Patch

# What is written at once; a stream that is stalled holds little more.
PIECE_BYTES = 32 * 1024
# What is kept for streams that are behind.
LOG_BYTES = 1024 * 1024


class Reader(Protocol):
    """A stream, as its view sees it."""

    channel: Channel
    encoding: Encoding

    def takes(self, patch: Patch, step: int) -> bool:
        """Whether it was sent just the state before this change, made at ``step``."""

    def left(self, position: "Position") -> None:
        """It is not up to date any more, or must wait for its client."""

    def doubts(self, part: Part, heard: float) -> bool:
        """Whether its client may hold more of a part than was seen of it, which is then told anew.

        Of the part nothing is known from ``heard`` on, in the loop's seconds, until now.
        """


class Position(msgspec.Struct, frozen=True):
    """How far somebody has read: up to the frame at ``index``.

    That is all that happened up to ``step``; ``cursor`` is to resume from there, or from
    somewhat before.
    """

    index: int
    step: int
    cursor: bytes


class Entry(msgspec.Struct, gc=False):
    """A frame in the log, and the position of who has received it."""

    frame: bytes
    step: int
    patch: Patch | None
    cursor: bytes = b""


class View:
    """``start`` is the index of the first frame that is still there, ``flushed`` that behind the last
    one that was sent to those who are up to date, who resume with ``cursor``. ``wake`` is called when
    there is something to flush.
    """

    def __init__(
        self,
        fleet: Fleet,
        subject: Subject,
        query: Query,
        counters: Counters,
        wake: Callable[["View"], None],
    ) -> None:
        self.subject = subject
        self.place = (subject, query.signature)
        self.start = self.flushed = 0
        self.counters = counters
        self._wake = wake
        self._entries: list[Entry] = []
        self._bytes = 0
        self._step = CLOCK.now
        self.cursor = b""
        self._dated = 0  # streams that want cursors
        self._live: dict[Encoding, dict[Reader, Channel]] = {}
        self._behind: set[Reader] = set()
        self._pieces: dict[tuple[Encoding, int], tuple[bytes, int]] = {}
        self.range = Range(self, fleet, subject, query)

    def close(self) -> None:
        self.range.close()

    # Streams

    @property
    def is_idle(self) -> bool:
        return not self._behind and not any(self._live.values())

    def enter(self, stream: Reader) -> None:
        self._behind.add(stream)
        self._dated += stream.encoding.with_ids

    def leave(self, stream: Reader) -> None:
        self._behind.discard(stream)
        self._live.get(stream.encoding, {}).pop(stream, None)
        self._dated -= stream.encoding.with_ids

    def join(self, stream: Reader) -> None:
        """Have a stream that has received all that was flushed sent what comes."""
        self._behind.discard(stream)
        self._live.setdefault(stream.encoding, {})[stream] = stream.channel

    def here(self) -> Position:
        """Where who knows all that the stores hold now goes on."""
        self.flush()
        if self._dated:
            self.cursor = self._reached()
        return Position(self.flushed, CLOCK.now, self.cursor)

    # The log

    def append(self, frame: bytes, step: int, patch: Patch | None = None) -> None:
        """Who has received this frame has seen everything up to this step."""
        self._entries.append(Entry(frame, step, patch))
        self._bytes += len(frame)
        self._wake(self)

    def skip(self) -> None:
        """Have every stream ask the stores what is different: what is new is no frame."""
        position = Position(self.flushed, self._step, self.cursor)
        for streams in self._live.values():
            for stream in streams:
                self._behind.add(stream)
                stream.left(position)
            streams.clear()
        self._entries.clear()
        self._pieces.clear()
        self._bytes = 0
        # Nobody has read so far.
        self.start = self.flushed = self.flushed + 1

    def missed(self, part: Part, heard: float) -> None:
        """Have the part told anew to those whose clients may know more of it than its stores."""
        for stream in self._behind:
            stream.doubts(part, heard)
        position = Position(self.flushed, self._step, self.cursor)
        for streams in self._live.values():
            for stream in [stream for stream in streams if stream.doubts(part, heard)]:
                del streams[stream]
                self._behind.add(stream)
                stream.left(position)

    def refresh(self, clusters: Iterable[str]) -> None:
        """See how these clusters are now."""
        for cluster in clusters:
            for frame in self.range.refresh(cluster):
                self.append(frame, CLOCK.now)

    def bookmark(self) -> None:
        """Tell a cursor that covers what the stores hold now."""
        cursor = self._reached()
        self.append(frames.bookmark(cursor.decode()), CLOCK.now)
        self._entries[-1].cursor = cursor

    def _reached(self) -> bytes:
        return self.range.cursor().encode().encode()

    def flush(self) -> None:
        """Send what is new to those who are up to date, in one go."""
        before = Position(self.flushed, self._step, self.cursor)
        self.flushed = self.start + len(self._entries)
        if before.index < self.flushed:
            self._pieces.clear()
            self._date(self._entries[before.index - self.start :])
            for encoding, streams in self._live.items():
                if streams:
                    self._send(encoding, streams, before)
            self._step = CLOCK.now
        self._trim()

    def _date(self, new: Sequence[Entry]) -> None:
        """Only behind a bookmark, or the last of what is new, are all stores where a cursor says."""
        if self._dated:
            for entry in new:
                entry.cursor = self.cursor = entry.cursor or self.cursor
            self.cursor = new[-1].cursor = self._reached()

    def _send(self, encoding: Encoding, streams: dict[Reader, Channel], before: Position) -> None:
        """Send those who are up to date what came since, and see who of them is so no more."""
        if self.subject.delta:
            for stream, channel in [*streams.items()]:
                self._offer(*self.piece(encoding, before.index, stream), {stream: channel}, before, streams)
        else:
            self._offer(*self.piece(encoding, before.index), streams, before, streams)

    def _offer(
        self, data: bytes, end: int, to: dict[Reader, Channel], before: Position, live: dict[Reader, Channel]
    ) -> None:
        refused = offer(data, to.items())
        self.counters.sent((end - before.index) * len(to), len(data) * len(to))
        leaving = [(stream, before) for stream in refused]
        if end < self.flushed:
            position = self.position(end)
            leaving += [(stream, position) for stream in to.keys() - {*refused}]
        for stream, position in leaving:
            del live[stream]
            self._behind.add(stream)
            stream.left(position)

    def piece(self, encoding: Encoding, index: int, stream: Reader | None = None) -> tuple[bytes, int]:
        """What is to be sent next from ``index`` on, and the index behind it.

        ``stream`` is given where it may take patches.
        """
        if stream is None and (known := self._pieces.get((encoding, index))) is not None:
            return known
        size, taken = 0, []
        for entry in self._entries[index - self.start : self.flushed - self.start]:
            patch = entry.patch
            takes = stream is not None and patch is not None and stream.takes(patch, entry.step)
            frame = patch.frame if takes and patch is not None else entry.frame
            taken.append((frame, entry.cursor))
            size += len(frame)
            if size >= PIECE_BYTES:
                break
        found = encoding.encode(taken), index + len(taken)
        if stream is None:
            self._pieces[encoding, index] = found
        return found

    def position(self, index: int) -> Position:
        """That of who has read the log up to ``index``, of which the last frame must still be there."""
        last = self._entries[index - self.start - 1]
        return Position(index, last.step, last.cursor)

    def _trim(self) -> None:
        dropped = 0
        if not self._behind:
            dropped, self._bytes = len(self._entries), 0
        while self._bytes > LOG_BYTES:
            self._bytes -= len(self._entries[dropped].frame)
            dropped += 1
        if dropped:
            del self._entries[:dropped]
            self._pieces.clear()
            self.start += dropped
