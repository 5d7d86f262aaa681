"""The frames of one view, in order, each made once, and those who read them.

The parts of the view write into the log, and know nothing of who reads it. Each reader has a position of
its own. What is new is *released* to readers at most once in a turn of the event loop. Frames are kept for
readers that are behind, ``LOG_BYTES`` at most: who is before ``start`` asks the stores what has changed
since the step of its position, so the log need not be long, and nothing is kept for any one reader.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from app.streams.channel import Channel
from app.streams.dialects import Encoding

# What is written at once; a reader that is stalled holds little more.
PIECE_BYTES = 32 * 1024
# What is kept for readers that are behind.
LOG_BYTES = 1024 * 1024
# How long after a server a slower one learns the same, at most: API servers send bookmarks each minute.
AHEAD_SECONDS = 120.0

# A part of a view: the names of its cluster and of its resource.
PartKey = tuple[str, str]


class Patch(msgspec.Struct, frozen=True):
    """A frame's shorter form, for a client that was sent the state before it: at ``previous``, a step."""

    frame: bytes
    previous: int


class LogPosition(msgspec.Struct, frozen=True):
    """How far a reader has read: up to the frame at ``index``.

    That is all that happened up to ``step``; ``cursor`` is to resume from there, or from
    somewhat before.
    """

    index: int
    step: int
    cursor: bytes


class LogEntry(msgspec.Struct, gc=False):
    """A frame in the log, and the step and the cursor of who has received it."""

    frame: bytes
    step: int
    patch: Patch | None
    cursor: bytes = b""


class UnseenChanges(msgspec.Struct, frozen=True):
    """What happened in a part is not known, from ``since`` on, in the event loop's seconds, until now."""

    part: PartKey
    since: float


class FrameLog:
    """``start`` is the index of the first frame that is still there, ``end`` that behind the last one
    that was released. ``wake`` is called once when there is something new, until it is released.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.start = self.end = 0
        self._wake = wake
        self._is_awake = False
        self._entries: list[LogEntry] = []
        self._bytes = 0
        self._pieces: dict[tuple[Encoding, int], tuple[bytes, int]] = {}
        self._unseen: list[UnseenChanges] = []

    # Writing

    def append(self, frame: bytes, step: int, patch: Patch | None = None, cursor: bytes = b"") -> None:
        """Add a frame: who has received it has seen all up to this step, and what ``cursor`` covers."""
        self._entries.append(LogEntry(frame, step, patch, cursor))
        self._bytes += len(frame)
        self._call()

    def skip(self) -> None:
        """Note that something changed that is no frame: every reader must ask the stores what has."""
        self._drop(len(self._entries))
        # Nobody has read so far.
        self.start = self.end = self.end + 1
        self._call()

    def miss(self, part: PartKey, since: float) -> None:
        """Note that what happened in a part from ``since`` on, in the event loop's seconds, was not seen."""
        self._unseen.append(UnseenChanges(part, since))
        self._call()

    def _call(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            self._wake()

    # Releasing

    def release(self) -> tuple[Sequence[LogEntry], Sequence[UnseenChanges]]:
        """Have readers get all frames that there are; return those that were not released before.

        And what was missed since the last release.
        """
        self._is_awake = False
        new = self._entries[self.end - self.start :]
        if new:
            self.end = self.start + len(self._entries)
            self._pieces.clear()
        unseen, self._unseen = self._unseen, []
        return new, unseen

    def trim(self, *, is_read: bool) -> None:
        """Forget released frames: all where nobody reads any more, else the oldest beyond LOG_BYTES."""
        if not is_read:
            dropped = len(self._entries)
        else:
            dropped, size = 0, self._bytes
            while size > LOG_BYTES:
                size -= len(self._entries[dropped].frame)
                dropped += 1
        if dropped:
            self._drop(dropped)
            self.start += dropped

    def _drop(self, number: int) -> None:
        self._bytes -= sum(len(entry.frame) for entry in self._entries[:number])
        del self._entries[:number]
        self._pieces.clear()

    # Reading

    def piece(
        self, encoding: Encoding, index: int, takes: Callable[[Patch, int], bool] | None = None
    ) -> tuple[bytes, int]:
        """The bytes that come next, PIECE_BYTES or a little more, and the index behind them.

        ``takes`` is given where the reader gets patches: it tells of a patch, and of the step that it was
        made at, whether the reader can apply it. All other readers get the very same bytes.
        """
        if takes is None and (piece := self._pieces.get((encoding, index))) is not None:
            return piece
        size, framed = 0, []
        for entry in self._entries[index - self.start : self.end - self.start]:
            patch = entry.patch
            is_patched = takes is not None and patch is not None and takes(patch, entry.step)
            frame = patch.frame if is_patched and patch is not None else entry.frame
            framed.append((frame, entry.cursor))
            size += len(frame)
            if size >= PIECE_BYTES:
                break
        piece = encoding.encode(framed), index + len(framed)
        if takes is None:
            self._pieces[encoding, index] = piece
        return piece

    def position(self, index: int) -> LogPosition:
        """The position of who has read up to ``index``; the last frame before it must still be there."""
        last = self._entries[index - self.start - 1]
        return LogPosition(index, last.step, last.cursor)


class LogReader:
    """The state of one stream, as far as its view uses it.

    ``position`` is how far it has read, unless it is up to date: then its view knows. ``behind_since`` is in
    monotonic seconds, None for who is up to date. ``doubted`` are the parts of which its client may hold
    objects that nobody here knows of, and which are therefore sent anew; None for none.
    """

    __slots__ = (
        "_calling",
        "_is_called",
        "behind_since",
        "channel",
        "doubted",
        "encoding",
        "has_all_states",
        "has_states_since",
        "position",
        "resumed_at",
    )

    def __init__(self, encoding: Encoding, channel: Channel) -> None:
        self.encoding = encoding
        self.channel = channel
        self.position = LogPosition(0, 0, b"")
        self.behind_since: float | None = time.monotonic()
        # Which states the client has: all since the step, before it all or only some.
        self.has_states_since = 0
        self.has_all_states = False
        # When it went on from a cursor, in the loop's seconds.
        self.resumed_at: float | None = None
        self.doubted: set[PartKey] | None = None
        self._is_called = False
        self._calling: asyncio.Future[None] | None = None

    def takes(self, patch: Patch, step: int) -> bool:
        """Whether the client was sent just the state before this patch, which was made at ``step``."""
        return step > self.has_states_since and (
            self.has_all_states or patch.previous > self.has_states_since
        )

    def leave(self, position: LogPosition) -> None:
        """Note that it is not up to date any more, or must wait for its client: it has read up to here."""
        self.position = position
        self.behind_since = time.monotonic()
        self.call()

    def doubt(self, unseen: UnseenChanges) -> bool:
        """Note that changes were missed, and return whether its client may know more of them.

        A client that comes with a cursor may have been sent more than that covers, by a server that was
        ahead of this one. This one sees it too, or else must have it forgotten.
        """
        if self.resumed_at is None or unseen.since > self.resumed_at + AHEAD_SECONDS:
            return False
        self.doubted = (self.doubted or set()) | {unseen.part}
        return True

    # An asyncio.Event would be a tenth of all that an idle stream takes.

    def call(self) -> None:
        """Have `called` return, now or when it is next waited for."""
        self._is_called = True
        if self._calling is not None and not self._calling.done():
            self._calling.set_result(None)

    async def called(self) -> None:
        """Wait until it is called."""
        if not self._is_called:
            self._calling = asyncio.get_running_loop().create_future()
            await self._calling
        self._is_called, self._calling = False, None
