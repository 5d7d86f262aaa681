"""The logs of a pod, or of all pods of a workload, in one cluster or in several.

One log passes as it comes. Several are asked for with times, by which their lines are
put in order, and each line gets the place where it was written in front. Who follows a
workload also gets the pods that it has later on, and containers that start again.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from app.cache.store import Change
from app.fleet.listening import listening
from app.fleet.logsources import PODS, LogOptions, Source, Writers
from app.fleet.merging import Feed, Line, merged
from app.kube.errors import AccessError, ApiError, ConnectionFailed

# Each is a connection to an API server and one from there to a kubelet.
MOST = 200
# Longer lines are cut, so that a log without line ends is no reason to hold it.
LONGEST_LINE = 256 * 1024
AGAIN_SECONDS = 1.0
AGAIN_AT_MOST_SECONDS = 15.0


@asynccontextmanager
async def one_log(source: Source, options: LogOptions) -> AsyncIterator[AsyncIterator[bytes]]:
    """A log as it comes. Raises ApiError, ConnectionFailed and AccessError."""
    async with _opened(source, options.params()) as chunks:
        yield chunks


async def several_logs(writers: Sequence[Writers], options: LogOptions) -> AsyncGenerator[bytes, None]:
    """All logs as one, each line with the place that it is from in front."""
    async with aclosing(_Together(writers, options).pieces()) as pieces:
        async for piece in pieces:
            yield piece


class _Together:
    def __init__(self, writers: Sequence[Writers], options: LogOptions) -> None:
        self._writers = writers
        self._options = options
        self._activity = asyncio.Event()
        self._changed = asyncio.Event()
        self._feeds: dict[tuple[str, str, str], Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        followed = [each.cluster for each in self._writers if self._options.follow and each.grow]
        lasting = bool(followed)
        for cluster in followed:
            cluster.watches.hold(PODS)
        stores = [
            store
            for cluster in followed
            if (watch := cluster.watches.get(PODS)) is not None
            for store in watch.stores
        ]
        try:
            with listening(stores, self._told):
                self._begin(self._options.params())
                if lasting:
                    self._spawn(self._look())
                feeds = merged(lambda: self._feeds.values(), self._activity, lasting=lambda: lasting)
                async with aclosing(feeds) as pieces:
                    async for piece in pieces:
                        yield piece
        finally:
            for cluster in followed:
                cluster.watches.let_go(PODS)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _told(self, changes: Sequence[Change]) -> None:
        self._changed.set()

    async def _look(self) -> None:
        """Begin with those that come later; of these, everything is wanted."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._begin({"follow": "true"})
            await asyncio.sleep(AGAIN_SECONDS)

    def _begin(self, params: Mapping[str, str]) -> None:
        found = {
            (source.cluster.name, source.uid, source.container): (writers, source)
            for writers in self._writers
            for source in writers.sources()
        }
        # Pods come and go for as long as somebody follows.
        for key, feed in [*self._feeds.items()]:
            if feed.ended and not feed.lines and key not in found:
                del self._feeds[key]
        for key, (writers, source) in found.items():
            if key not in self._feeds and sum(not feed.ended for feed in self._feeds.values()) < MOST:
                feed = self._feeds[key] = Feed(self._activity)
                self._spawn(self._read(writers, source, params, feed))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, writers: Writers, source: Source, params: Mapping[str, str], feed: Feed) -> None:
        """One log into its feed, again and again where a workload is followed."""
        came = False
        last = said = ""
        pause = AGAIN_SECONDS
        try:
            while True:
                try:
                    async with _opened(source, {**params, "timestamps": "true"}) as chunks:
                        async for lines in _lines(chunks, source.prefix, last):
                            came, last, pause = True, lines[-1][0], AGAIN_SECONDS
                            await feed.put(lines)
                except (ApiError, ConnectionFailed, AccessError) as error:
                    why = error.message if isinstance(error, ApiError) else str(error)
                    if why != said:
                        said = why
                        await feed.put([(last, b"%s(no log: %s)\n" % (source.prefix, said.encode()))])
                if not (self._options.follow and writers.grow and writers.is_there(source)):
                    return
                if came and not last:
                    return  # There are no times to go on from.
                await asyncio.sleep(pause)
                pause = min(2 * pause, AGAIN_AT_MOST_SECONDS)
                params = {"follow": "true", **({"sinceTime": f"{last}Z"} if last else {})}
        finally:
            feed.end()


@asynccontextmanager
async def _opened(source: Source, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
    connection = source.cluster.connection
    if connection is None:
        raise ConnectionFailed(source.cluster.condition.error or "the cluster has not been reached yet")
    async with connection.stream(source.path, {**params, "container": source.container}) as chunks:
        yield chunks


async def _lines(chunks: AsyncIterator[bytes], prefix: bytes, after: str) -> AsyncGenerator[list[Line], None]:
    """The lines of a log that come after a time, with their times, those of a chunk at once."""
    rest = b""
    stamp = after
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            whole, rest = [*whole, rest], b""
        lines = []
        for line in whole:
            stamp, text = _stamped(line, stamp)
            if stamp > after or not after:
                lines.append((stamp, b"%s%s\n" % (prefix, text)))
        if lines:
            yield lines
    if rest:
        stamp, text = _stamped(rest, stamp)
        yield [(stamp, b"%s%s\n" % (prefix, text))]


def _stamped(line: bytes, before: str) -> tuple[str, bytes]:
    """The time of a line, without its Z so that it sorts as text, and the rest; the time before for none."""
    time, space, text = line.partition(b" ")
    if space and time.endswith(b"Z") and time[:2].isdigit() and b"T" in time:
        return time[:-1].decode(errors="replace"), text
    return before, line
