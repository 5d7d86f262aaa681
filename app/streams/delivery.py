"""One stream to one client: how it begins, and how it catches up with its view."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from app.cache.clock import CLOCK
from app.streams import frames, resumption
from app.streams.channel import Channel
from app.streams.cursor import Cursor
from app.streams.dialects import Encoding
from app.streams.frame_log import PIECE_BYTES, LogReader, PartKey
from app.streams.view_parts import Part
from app.streams.views import View
from app.turns import Kind, Pace

# A row takes a tenth of a millisecond where it is not made yet.
FRAMES_AT_ONCE = 8

# The frames that bring a client up to date with a part; None where it is to be sent anew.
FramesOf = Callable[[Part], Iterator[bytes] | None]


class Start(msgspec.Struct, frozen=True):
    """How a stream is to begin.

    ``cursor`` is what the client brings, ``snapshot`` whether it wants what there is;
    ``patience`` is how long, in seconds, first lists are waited for.
    """

    cursor: Cursor | None
    snapshot: bool
    patience: float


class Stream(LogReader):
    """Sends frames until it is ended, or its client is gone."""

    __slots__ = ("_is_ended", "view")

    def __init__(self, view: View, encoding: Encoding, channel: Channel) -> None:
        super().__init__(encoding, channel)
        self.view = view
        self._is_ended = False

    def send(self, frame: bytes) -> None:
        """Send a frame of its own, behind what was sent."""
        position = self.view.reached if self.behind_since is None else self.position
        self._write([frame], position.cursor)

    def end(self) -> None:
        """Have `run` return."""
        self._is_ended = True
        self.call()

    @property
    def _is_over(self) -> bool:
        return self._is_ended or self.channel.is_closing

    async def run(self, start: Start) -> None:
        """Send what the client lacks, and then all that happens, until the stream is ended.

        Raises ConnectionError where the client is gone, AmbiguousResource.
        """
        await self._begin(start)
        while not self._is_over:
            await self._catch_up()
            if not self._is_over:
                await self.called()

    # The beginning

    async def _begin(self, start: Start) -> None:
        view, cursor = self.view, start.cursor
        if cursor is not None and resumption.is_possible(cursor, view.scope):
            late = await view.scope.ready(start.patience)
            plan = await resumption.plan(view.scope, cursor, exact=view.options.every)
            # A cluster that went meanwhile has been forgotten: nothing tells this client that it is gone.
            if resumption.is_possible(cursor, view.scope):
                await self._synchronise(plan.frames_of, cursor.text.encode(), late, resumes=True)
                return
        if cursor is None and not start.snapshot:
            await view.scope.ready(start.patience)
            self.position = view.here()
            self.has_states_since = CLOCK.now
            view.counters.started("nothing")
            beginning = [frames.bookmark(view.scope.cursor().encode()), *view.scope.heads()]
            self._write(beginning, self.position.cursor)
            return
        view.counters.started("reset" if cursor is not None else "snapshot")
        self._reset(has_cursor=cursor is not None and cursor.signature == view.scope.signature)
        await self._snapshot(await view.scope.ready(start.patience))

    def _reset(self, *, has_cursor: bool) -> None:
        """Have a client forget all, its cursor too: another server might know how to go on from there."""
        empty = _empty_cursor(self.view)
        self._write([frames.RESET, frames.bookmark(empty.decode())] if has_cursor else [frames.RESET], empty)

    async def _snapshot(self, late: Collection[str] = ()) -> None:
        """Send all there is, behind a RESET."""
        self.has_all_states = True
        await self._synchronise(Part.everything, _empty_cursor(self.view), late)

    async def _synchronise(
        self, frames_of: FramesOf, cursor: bytes, late: Collection[str], *, resumes: bool = False
    ) -> None:
        """Send what makes who comes with ``cursor`` know all, and SYNCED.

        The clusters in which what was written is not seen yet are ``late``.
        """
        view = self.view
        position = view.here()
        if resumes:
            self.resumed_at = asyncio.get_running_loop().time()
        reached, statuses = view.scope.cursor(), view.scope.statuses(late)
        await self._send_parts(frames_of, [], cursor, reached, resumes=resumes)
        if self._is_over:
            return
        text = reached.encode()
        self._write([frames.synced(text, statuses)], text.encode())
        self.position = position
        self.has_states_since = CLOCK.now

    async def _send_parts(
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
        parts = [*self.view.scope.parts.values()]

        def changes() -> Iterator[bytes]:
            for part in parts:
                part_frames = frames_of(part)
                if part_frames is None:
                    anew.append(part)
                else:
                    yield from part_frames

        sent = await self._write_all(changes(), cursor)
        if resumes:
            answer = "changes" if not anew else "reset" if len(anew) == len(parts) else "partial"
            self.view.counters.started(answer)
        if self._is_over or not (anew or removed):
            return sent
        kept = reached.without(part.key for part in anew).encode()
        self._write([frames.bookmark(kept)], kept.encode())
        return sent + await self._write_all(chain(removed, *(part.anew() for part in anew)), kept.encode())

    # Going on

    async def _catch_up(self) -> None:
        """Read the log to its end, and ask the stores what it does not hold any more."""
        view, log, pace = self.view, self.view.log, Pace(Kind.LIVE)
        while True:
            await self.channel.drained()
            await pace.give()
            if self._is_over:
                return
            index = self.position.index
            if index < log.start or self.doubted:
                await self._refetch()
            elif index == log.end:
                self.behind_since = None
                view.join(self)
                return
            else:
                data, end = log.piece(self.encoding, index, self.takes if view.options.delta else None)
                self.channel.write(data)
                view.counters.sent(end - index, len(data))
                self.position = log.position(end)

    async def _refetch(self) -> None:
        """Go on behind a gap in the log: intermediate states are skipped."""
        view, before = self.view, self.position
        if view.options.every:
            self.resumed_at = self.doubted = None
            view.counters.resets += 1
            self._reset(has_cursor=True)
            await self._snapshot()
            return
        position = view.here()
        doubted: Collection[PartKey] = self.doubted or ()
        self.doubted = None
        sent = await self._send_parts(
            lambda part: None if part.key in doubted else part.since_step(before.step),
            view.scope.removed_since(before.step),
            before.cursor,
            view.scope.cursor(),
        )
        if self._is_over:
            return
        self._write(view.scope.states_since(before.step), position.cursor)
        view.counters.skipped += max(0, position.index - before.index - sent)
        self.position = position
        self.has_states_since = CLOCK.now

    async def _write_all(self, to_send: Iterable[bytes], cursor: bytes) -> int:
        """Send frames as fast as the client takes them, and return how many."""
        pace, batch, size, count = Pace(Kind.SNAPSHOT), list[bytes](), 0, 0
        for frame in to_send:
            if frame:
                batch.append(frame)
                size += len(frame)
                count += 1
            if size >= PIECE_BYTES:
                self._write(batch, cursor)
                batch, size = [], 0
                await self.channel.drained()
                if self._is_over:
                    return count
            # To look at the clock for each costs as much as a frame that is made already.
            if (not frame or count % FRAMES_AT_ONCE == 0) and pace.tired:
                await pace.breathe()
        self._write(batch, cursor)
        return count

    def _write(self, to_send: Sequence[bytes], cursor: bytes) -> None:
        if to_send:
            data = self.encoding.encode([(frame, cursor) for frame in to_send])
            self.channel.write(data)
            self.view.counters.sent(len(to_send), len(data))


def _empty_cursor(view: View) -> bytes:
    """The cursor of who has seen nothing yet."""
    return Cursor.at([], view.scope.signature).encode().encode()
