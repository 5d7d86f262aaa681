"""One stream to one client: where it is in its view, and how it catches up."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from app.cache.clock import CLOCK
from app.streams import frames, resumption
from app.streams.channel import Channel
from app.streams.cursor import Cursor
from app.streams.dialects import Encoding
from app.streams.view_parts import Part, Patch
from app.streams.views import PIECE_BYTES, Position, View
from app.turns import Kind, Pace

# How long after a server a slower one learns the same, at most: API servers send bookmarks each minute.
AHEAD_SECONDS = 120.0

# A row takes a tenth of a millisecond where it is not made yet.
FRAMES_AT_ONCE = 8

# What is to be sent of a part; None where that is to be told anew.
FramesOf = Callable[[Part], Iterator[bytes] | None]


class Start(msgspec.Struct, frozen=True):
    """How a stream is to begin.

    ``cursor`` is what the client brings, ``snapshot`` whether it wants what there is;
    ``patience`` is how long, in seconds, first lists are waited for.
    """

    cursor: Cursor | None
    snapshot: bool
    patience: float


class Stream:
    """Sends frames until it is ended, or its client is gone; ``behind_since`` is in monotonic seconds."""

    __slots__ = (
        "_called",
        "_calling",
        "_doubted",
        "_ended",
        "_known_since",
        "_knows_all",
        "_position",
        "_resumed",
        "behind_since",
        "channel",
        "encoding",
        "view",
    )

    def __init__(self, view: View, encoding: Encoding, channel: Channel) -> None:
        self.view = view
        self.encoding = encoding
        self.channel = channel
        self.behind_since: float | None = time.monotonic()
        self._position = Position(0, 0, b"")
        self._called = False
        self._calling: asyncio.Future[None] | None = None
        self._ended = False
        # Which states the client has: all since the step, before it all or only some.
        self._known_since = 0
        self._knows_all = False
        # When it went on from a cursor, in the loop's seconds, and what is to be told anew since.
        self._resumed: float | None = None
        self._doubted: set[Part] | None = None

    def tell(self, frame: bytes) -> None:
        """Send a frame of its own, behind what was sent."""
        self._write([frame], self.view.cursor if self.behind_since is None else self._position.cursor)

    def end(self) -> None:
        self._ended = True
        self._call()

    @property
    def _over(self) -> bool:
        return self._ended or self.channel.is_closing

    async def run(self, start: Start) -> None:
        """Raises ConnectionError where the client is gone, AmbiguousResource."""
        await self._begin(start)
        while not self._over:
            await self._catch_up()
            if not self._over:
                await self._rest()

    def takes(self, patch: Patch, step: int) -> bool:
        return step > self._known_since and (self._knows_all or patch.previous > self._known_since)

    def left(self, position: Position) -> None:
        self._position = position
        self.behind_since = time.monotonic()
        self._call()

    def doubts(self, part: Part, heard: float) -> bool:
        """Who comes with a cursor may have been sent more than that covers, by a server that was
        ahead of this one. This one sees it too, or else must have it forgotten."""
        if self._resumed is None or heard > self._resumed + AHEAD_SECONDS:
            return False
        self._doubted = (self._doubted or set()) | {part}
        return True

    # An asyncio.Event would be a tenth of all that an idle stream takes.

    def _call(self) -> None:
        self._called = True
        if self._calling is not None and not self._calling.done():
            self._calling.set_result(None)

    async def _rest(self) -> None:
        """Sleep until called."""
        if not self._called:
            self._calling = asyncio.get_running_loop().create_future()
            await self._calling
        self._called, self._calling = False, None

    # The beginning

    async def _begin(self, start: Start) -> None:
        view, cursor = self.view, start.cursor
        if cursor is not None and resumption.is_possible(cursor, view.range):
            await self._resume(cursor, await view.range.ready(start.patience))
            return
        if cursor is None and not start.snapshot:
            await view.range.ready(start.patience)
            self._position = view.here()
            self._known_since = CLOCK.now
            view.counters.started("nothing")
            beginning = [frames.bookmark(view.range.cursor().encode()), *view.range.heads()]
            self._write(beginning, self._position.cursor)
            return
        view.counters.started("reset" if cursor is not None else "snapshot")
        self._forget(has_cursor=cursor is not None and cursor.signature == view.range.signature)
        await self._snapshot(await view.range.ready(start.patience))

    def _forget(self, *, has_cursor: bool) -> None:
        """Have a client forget all, its cursor too: another server might know how to go on from there."""
        nothing = _nothing(self.view)
        told = [frames.RESET, frames.bookmark(nothing.decode())] if has_cursor else [frames.RESET]
        self._write(told, nothing)

    async def _snapshot(self, late: Collection[str] = ()) -> None:
        """All there is; RESET has been sent."""
        self._knows_all = True
        await self._synchronise(Part.everything, _nothing(self.view), late)

    async def _resume(self, cursor: Cursor, late: Collection[str]) -> None:
        view = self.view
        plan = await resumption.plan(view.range, cursor, exact=view.subject.every)
        self._resumed = asyncio.get_running_loop().time()
        await self._synchronise(plan.frames_of, cursor.text.encode(), late, resumes=True)

    async def _synchronise(
        self, frames_of: FramesOf, cursor: bytes, late: Collection[str], *, resumes: bool = False
    ) -> None:
        """Send what makes who comes with ``cursor`` know all, and SYNCED.

        The clusters in which what was written is not seen yet are ``late``.
        """
        view = self.view
        position = view.here()
        reached, statuses = view.range.cursor(), view.range.statuses(late)
        await self._tell(frames_of, [], cursor, reached, resumes=resumes)
        if self._over:
            return
        text = reached.encode()
        self._write([frames.synced(text, statuses)], text.encode())
        self._position = position
        self._known_since = CLOCK.now

    async def _tell(
        self,
        frames_of: FramesOf,
        removed: Sequence[bytes],
        cursor: bytes,
        reached: Cursor,
        *,
        resumes: bool = False,
    ) -> int:
        """Bring who comes with ``cursor`` to what is ``reached``, and return how many frames that took.

        Who is cut off after RESET of a part, and before all of it, must not come back with a
        cursor that covers it. So these come last, behind a cursor without them.
        """
        anew: list[Part] = []
        parts = [*self.view.range.parts.values()]

        def changes() -> Iterator[bytes]:
            for part in parts:
                found = frames_of(part)
                if found is None:
                    anew.append(part)
                else:
                    yield from found

        sent = await self._write_all(changes(), cursor)
        if resumes:
            answer = "changes" if not anew else "reset" if len(anew) == len(parts) else "partial"
            self.view.counters.started(answer)
        if self._over or not (anew or removed):
            return sent
        left = reached.without((part.cluster.name, part.resource.name) for part in anew).encode()
        self._write([frames.bookmark(left)], left.encode())
        return sent + await self._write_all(chain(removed, *(part.anew() for part in anew)), left.encode())

    # Going on

    async def _catch_up(self) -> None:
        """Read the log to its end, and ask the stores what it does not hold any more."""
        view, pace = self.view, Pace(Kind.LIVE)
        while True:
            await self.channel.drained()
            await pace.give()
            if self._over:
                return
            index = self._position.index
            if index < view.start or self._doubted:
                await self._refetch()
            elif index == view.flushed:
                self.behind_since = None
                view.join(self)
                return
            else:
                data, end = view.piece(self.encoding, index, self if view.subject.delta else None)
                self.channel.write(data)
                view.counters.sent(end - index, len(data))
                self._position = view.position(end)

    async def _refetch(self) -> None:
        """Go on behind a gap in the log: intermediate states are skipped."""
        view, known = self.view, self._position
        doubted, self._doubted = self._doubted or (), None
        if view.subject.every:
            self._resumed = None
            view.counters.resets += 1
            self._forget(has_cursor=True)
            await self._snapshot()
            return
        position = view.here()
        sent = await self._tell(
            lambda part: None if part in doubted else part.since_step(known.step),
            view.range.removed_since(known.step),
            known.cursor,
            view.range.cursor(),
        )
        if self._over:
            return
        self._write(view.range.told_since(known.step), position.cursor)
        view.counters.skipped += max(0, position.index - known.index - sent)
        self._position = position
        self._known_since = CLOCK.now

    async def _write_all(self, told: Iterable[bytes], cursor: bytes) -> int:
        """Send frames as fast as the client takes them, and return how many."""
        pace, batch, size, count = Pace(Kind.SNAPSHOT), list[bytes](), 0, 0
        for frame in told:
            if frame:
                batch.append(frame)
                size += len(frame)
                count += 1
            if size >= PIECE_BYTES:
                self._write(batch, cursor)
                batch, size = [], 0
                await self.channel.drained()
                if self._over:
                    return count
            # To look at the clock for each costs as much as a frame that is made already.
            if (not frame or count % FRAMES_AT_ONCE == 0) and pace.tired:
                await pace.breathe()
        self._write(batch, cursor)
        return count

    def _write(self, told: Sequence[bytes], cursor: bytes) -> None:
        if told:
            data = self.encoding.encode([(frame, cursor) for frame in told])
            self.channel.write(data)
            self.view.counters.sent(len(told), len(data))


def _nothing(view: View) -> bytes:
    """The cursor of who has seen nothing yet."""
    return Cursor.at([], view.range.signature).encode().encode()
