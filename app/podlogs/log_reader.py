"""One log read into its buffer, and continued after interruptions for as long as its container writes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

from app.backoff import Backoff
from app.kube.api_errors import AccessError, ApiError, ConnectionFailed
from app.podlogs.line_merge import LineBuffer, StampedLine
from app.podlogs.log_lines import LinePiece, LogSplitter
from app.podlogs.log_position import PodLogPosition
from app.podlogs.log_sources import LogOptions, LogSource, PodLogSources

RETRY_SECONDS = 1.0
RETRY_AT_MOST_SECONDS = 15.0
# After its container has ended, a log that says nothing for so long is at its end.
DRAIN_SECONDS = 2.0
GAP = "interrupted: lines may be missing here: what was sent last is not in the log any more"

Failure = ApiError | ConnectionFailed | AccessError


@asynccontextmanager
async def opened(source: LogSource, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield the chunks of a log as they come. Raises ApiError, ConnectionFailed and AccessError."""
    connection = source.cluster.connection
    if connection is None:
        raise ConnectionFailed(source.cluster.condition.error or "the cluster has not been reached yet")
    async with connection.stream(source.path, {**params, "container": source.container}) as chunks:
        yield chunks


class PodLogReader:
    """Reads one log, with ``[cluster/pod/container]`` in front of each line unless it is read ``alone``.

    ``started`` is done once the log could be opened, and fails with why it could not where it is read alone.
    """

    def __init__(
        self,
        sources: PodLogSources,
        source: LogSource,
        options: LogOptions,
        buffer: LineBuffer,
        *,
        alone: bool,
    ) -> None:
        self.buffer = buffer
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sources = sources
        self._source = source
        self._follows = options.follow
        self._alone = alone
        self._position = PodLogPosition(options)
        self._unfinished: list[LinePiece] = []
        self._waiting: asyncio.Timeout | None = None
        self._is_draining = False
        self._runs = False
        self._wake = asyncio.Event()
        self._line_is_open = False
        self._is_open = False
        self._backoff = Backoff(RETRY_SECONDS, RETRY_AT_MOST_SECONDS, jitter=0)
        self._backoff.next()  # The first delay is for what has brought something.
        self._broken = self._said = ""

    async def run(self) -> None:
        """Read until there is no more to come."""
        try:
            failure = await self._attempt()
            self._open_buffer()
            if failure is not None and self._alone and not self.started.done():
                self.started.set_exception(failure)
                return
            while self._follows and await self._goes_on(failure):
                await self._pause()
                failure = await self._attempt()
            await self._put_unfinished()
            if failure is not None and not self._follows:
                await self._say_failure(failure)
        finally:
            self.buffer.end()
            if not self.started.done():
                self.started.set_result(None)

    async def look(self) -> None:
        """Connect at once where the container has started, and stop reading a while after it has ended."""
        state = await self._sources.writer_state(self._source)
        if state == "runs" and not self._runs:
            self._wake.set()
        self._runs = state == "runs"
        if not self._is_draining and state in ("ended", "gone"):
            self._is_draining = True
            self._wake.set()
            if self._waiting is not None:
                self._waiting.reschedule(asyncio.get_running_loop().time() + DRAIN_SECONDS)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.next()):
                await self._wake.wait()

    async def _attempt(self) -> Failure | None:
        """Read what one connection brings; returns why no more came, None where it ended well."""
        self._is_open = False
        self._wake.clear()
        try:
            if not await self._receive(self._position.params(), checks=True):
                await self._receive_missed()
                await self._receive(self._position.params(), checks=False)
        except (ApiError, ConnectionFailed, AccessError) as error:
            if self._is_open:
                self._position.broke()
                self._broken = str(error)
            return error
        self._broken = self._said = ""
        return None

    async def _receive(self, params: Mapping[str, str], *, checks: bool) -> bool:
        """Pass on what is new. With ``checks``, returns False where what was sent last is not there."""
        splitter = LogSplitter()
        async with opened(self._source, {**params, "timestamps": "true"}) as chunks:
            self._is_open = True
            self._position.begin()
            self._open_buffer()
            if not self.started.done():
                self.started.set_result(None)
            try:
                async with aclosing(self._drained(chunks)) as drained:
                    async for chunk in drained:
                        new = self._position.sift(splitter.feed(chunk))
                        if new and checks and not self._position.is_resumed:
                            splitter = LogSplitter()  # All of this is asked for again.
                            return False
                        await self._put(new)
            finally:
                self._unfinished = self._position.sift(splitter.rest()) or self._unfinished
        return True

    def _open_buffer(self) -> None:
        """Let the merge no longer wait for this log's next line, as what it had up to now has been read."""
        if self._follows and self.buffer.is_slow:
            self.buffer.open()

    async def _receive_missed(self) -> None:
        """Pass on what the run before the present one wrote since; say so where that is not known."""
        is_whole = False
        with suppress(ApiError, ConnectionFailed, AccessError):
            await self._receive(self._position.params_of_previous(), checks=False)
            is_whole = self._position.is_resumed
        if not is_whole:
            await self._put_unfinished()
            await self._say(GAP)

    async def _drained(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        while True:
            try:
                async with asyncio.timeout(DRAIN_SECONDS if self._is_draining else None) as self._waiting:
                    chunk = await anext(chunks, None)
            except TimeoutError:
                return
            finally:
                self._waiting = None
            if chunk is None:
                return
            yield chunk

    async def _goes_on(self, failure: Failure | None) -> bool:
        """Return whether to connect again; say in the log why not, or what the trouble is."""
        state = await self._sources.writer_state(self._source)
        if state == "gone":
            await self._say_loss()
            return False
        if state == "ended" and not isinstance(failure, ConnectionFailed):
            if failure is not None:
                await self._say_failure(failure)
            return False
        if not self._position.has_times:
            await self._say("interrupted: its lines have no times from which to go on")
            return False
        if failure is not None and not self._is_open:
            await self._say_failure(failure)
        return True

    async def _put(self, pieces: list[LinePiece]) -> None:
        if not pieces:
            return
        unfinished, self._unfinished = self._unfinished, []
        if unfinished and not pieces[0][1].startswith(unfinished[0][1]):
            pieces = unfinished + pieces
        self._position.note(pieces)
        self._backoff.reset()
        self._said = ""
        await self.buffer.put(self._lines(pieces))

    async def _put_unfinished(self) -> None:
        pieces, self._unfinished = self._unfinished, []
        self._position.note(pieces)
        await self.buffer.put(self._lines(pieces))

    async def _say_failure(self, failure: Failure) -> None:
        why = failure.message if isinstance(failure, ApiError) else str(failure)
        await self._say(f"interrupted: {why}" if self.started.done() else f"no log: {why}")

    async def _say_loss(self) -> None:
        """Say at the end of a pod that its log could not be read to the end."""
        why = self._broken or (self._said if self.started.done() else "").removeprefix("interrupted: ")
        if self._source.cluster.is_closed:
            await self._say("interrupted: the cluster is not watched any more, or in another way")
        elif why:
            await self._say(f"interrupted: {why}; its pod is gone, and its last lines may be missing")

    async def _say(self, text: str) -> None:
        """Say something in the log, once in a row."""
        if text != self._said:
            self._said = text
            line = self._text(b"(%s)" % " ".join(text.split()).encode(), starts=True, ends=True)
            await self.buffer.put([(self._position.last or 0, line)])

    def _lines(self, pieces: Sequence[LinePiece]) -> list[StampedLine]:
        last = self._position.last or 0
        return [
            (last if stamp is None else stamp, self._text(text, starts=starts, ends=ends))
            for stamp, text, starts, ends in pieces
        ]

    def _text(self, text: bytes, *, starts: bool, ends: bool) -> bytes:
        if not self._alone:
            # Between the pieces of a long line there may be lines of others.
            return b"%s%s\n" % (self._source.prefix, text)
        before = b"\n" if starts and self._line_is_open else b""
        self._line_is_open = not ends
        return before + text + (b"\n" if ends else b"")
