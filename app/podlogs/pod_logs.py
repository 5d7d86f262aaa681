"""The logs of a pod, or of all pods of a workload, in one cluster or in several.

One log that is not followed passes as it comes. Others are asked for with times: by these the
lines of several are put in order, each with the place where it was written in front, and a log
that breaks off is gone on with. Who follows a workload also gets the pods that it has later on,
and containers that start again, until it comes to its end.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Coroutine, Iterator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any

from app.cache.store import Change
from app.fleet.store_listener import listening
from app.podlogs.line_merge import Feed, merged
from app.podlogs.log_reader import LogReader, opened
from app.podlogs.log_sources import LogOptions, Source, Writers

# Each is a connection to an API server and one from there to a kubelet.
MOST = 200
PAUSE_SECONDS = 1.0
# Where no watch says that something is different, it is looked for so often.
LOOK_SECONDS = 10.0

Key = tuple[str, str, str]


@asynccontextmanager
async def one_log(source: Source, options: LogOptions) -> AsyncIterator[AsyncIterator[bytes]]:
    """A log as it comes. Raises ApiError, ConnectionFailed and AccessError."""
    async with opened(source, options.params()) as chunks:
        yield chunks


@asynccontextmanager
async def joined_logs(
    writers: Sequence[Writers], options: LogOptions, *, alone: bool = False
) -> AsyncIterator[AsyncIterator[bytes]]:
    """All logs as one, each line with the place that it is from in front.

    One that is ``alone`` has no places in it; raises ApiError, ConnectionFailed and AccessError where
    that cannot be opened.
    """
    joined = _Joined(writers, options, alone=alone)
    with joined.watching() if options.follow else ExitStack():
        try:
            await joined.begin()
            async with aclosing(joined.pieces()) as pieces:
                yield pieces
        finally:
            await joined.end()


class _Joined:
    def __init__(self, writers: Sequence[Writers], options: LogOptions, *, alone: bool) -> None:
        self._writers = writers
        self._options = options
        self._alone = alone
        self._namespaces = {each.namespace for each in writers}
        self._lasts = options.follow and any(each.may_grow for each in writers)
        self._activity = asyncio.Event()
        self._changed = asyncio.Event()
        self._feeds: dict[Key, Feed] = {}
        self._readers: dict[Key, LogReader] = {}
        self._skipped: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within, what is different in the clusters is noticed as it happens."""
        held = [(writers.cluster.watches, name) for writers in self._writers for name in writers.watched]
        for watches, name in held:
            watches.hold(name)
        stores = [
            store
            for watches, name in held
            if (watch := watches.get(name)) is not None
            for store in watch.stores
        ]
        try:
            with listening(stores, self._told):
                yield
        finally:
            for watches, name in held:
                watches.let_go(name)

    async def begin(self) -> None:
        """Begin with those that there are."""
        self._begin(self._options)
        if self._options.follow:
            # It may have come to its end already.
            self._changed.set()
            self._spawn(self._look())
        if self._alone:
            await asyncio.gather(*(reader.started for reader in self._readers.values()))

    def pieces(self) -> AsyncGenerator[bytes, None]:
        return merged(lambda: self._feeds.values(), self._activity, lasting=lambda: self._lasts)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _told(self, changes: Sequence[Change]) -> None:
        if not changes or any(_namespace_of(change) in self._namespaces for change in changes):
            self._changed.set()

    async def _look(self) -> None:
        """Begin with those that come later, and notice what has come to its end."""
        # All of what is written by those that come later is wanted.
        options = LogOptions(container=self._options.container, follow=True)
        was_complete = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            is_complete = all(await asyncio.gather(*(each.are_complete() for each in self._writers)))
            self._begin(options)
            await asyncio.gather(*(reader.look() for reader in self._readers.values()))
            await asyncio.sleep(PAUSE_SECONDS)
            if is_complete and was_complete and self._lasts:
                self._lasts = False
                self._activity.set()
            elif is_complete and not was_complete:
                # Its last pods may become known a moment later than its end.
                self._changed.set()
            was_complete = is_complete

    def _begin(self, options: LogOptions) -> None:
        sources = {source.key: (writers, source) for writers in self._writers for source in writers.sources()}
        self._forget(sources.keys())
        for key, (writers, source) in sources.items():
            # Who reads one alone has been told that lines have no places in front.
            if key in self._feeds or (self._alone and self._feeds):
                continue
            if len(self._readers) >= MOST:
                self._skip(source)
                continue
            self._skipped.discard(key)
            feed = self._feeds[key] = Feed(self._activity, is_slow=True)
            self._readers[key] = LogReader(writers, source, options, feed, alone=self._alone)
            self._spawn(self._run(key))

    def _forget(self, present: Collection[Key]) -> None:
        """Pods come and go for as long as somebody follows."""
        if not all(writers.knows_pods for writers in self._writers):
            return
        self._skipped.intersection_update(present)
        for key, feed in [*self._feeds.items()]:
            if feed.ended and not feed.lines and key not in present:
                del self._feeds[key]

    def _skip(self, source: Source) -> None:
        """Say once that a log is not read for now."""
        if source.key not in self._skipped:
            self._skipped.add(source.key)
            feed = self._feeds["skipped", *source.key[1:]] = Feed(self._activity)
            text = f"(no log yet: {MOST} are read already; container= or cluster= choose fewer)"
            feed.lines.append((0, b"%s%s\n" % (source.prefix, text.encode())))
            feed.end()

    async def _run(self, key: Key) -> None:
        try:
            await self._readers[key].run()
        finally:
            del self._readers[key]
            if self._skipped:
                self._changed.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _namespace_of(change: Change) -> str:
    state = change.new or change.old
    return state.namespace if state is not None else ""
