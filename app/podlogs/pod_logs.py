"""The logs of a pod, or of all pods of a workload, in one cluster or in several.

One log that is not followed passes as it comes. Others are asked for with times: by these the
lines of several are put in order, each with ``[cluster/pod/container]`` in front, and a log
that breaks off is continued. Who follows a workload also gets the pods that it has later on,
and containers that start again, until the workload has ended.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Coroutine, Iterator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any

from app.cache.store import Change
from app.fleet.store_listener import listening
from app.podlogs.line_merge import LineBuffer, merged
from app.podlogs.log_reader import PodLogReader, opened
from app.podlogs.log_sources import LogOptions, LogSource, PodLogSources

# How many logs are read at once: each is a connection to an API server and one from there to a kubelet.
MOST = 200
PAUSE_SECONDS = 1.0
# How often pods are looked for where no watch reports their changes.
LOOK_SECONDS = 10.0

# Cluster, uid of the pod, container.
LogKey = tuple[str, str, str]


@asynccontextmanager
async def one_log(source: LogSource, options: LogOptions) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield the chunks of one log as they come. Raises ApiError, ConnectionFailed and AccessError."""
    async with opened(source, options.params()) as chunks:
        yield chunks


@asynccontextmanager
async def joined_logs(
    sources: Sequence[PodLogSources], options: LogOptions, *, alone: bool = False
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield the chunks of all logs as one, each line with ``[cluster/pod/container]`` in front.

    With ``alone`` there is one log, whose lines are as they were written. Raises ApiError, ConnectionFailed
    and AccessError where that one cannot be opened.
    """
    joined = _JoinedLogs(sources, options, alone=alone)
    with joined.watching() if options.follow else ExitStack():
        try:
            await joined.begin()
            async with aclosing(joined.pieces()) as pieces:
                yield pieces
        finally:
            await joined.end()


class _JoinedLogs:
    """Reads many logs at once into buffers, and begins with those of pods that come later."""

    def __init__(self, sources: Sequence[PodLogSources], options: LogOptions, *, alone: bool) -> None:
        self._sources = sources
        self._options = options
        self._alone = alone
        self._namespaces = {of_pods.namespace for of_pods in sources}
        self._lasts = options.follow and any(of_pods.may_grow for of_pods in sources)
        self._activity = asyncio.Event()
        self._changed = asyncio.Event()
        self._buffers: dict[LogKey, LineBuffer] = {}
        self._readers: dict[LogKey, PodLogReader] = {}
        self._skipped: set[LogKey] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Notice changes of pods and workloads as they happen, while the context is open."""
        held = [(of_pods.cluster.watches, name) for of_pods in self._sources for name in of_pods.watched]
        for watches, name in held:
            watches.hold(name)
        stores = [
            store
            for watches, name in held
            if (watch := watches.get(name)) is not None
            for store in watch.stores
        ]
        try:
            with listening(stores, self._note_changes):
                yield
        finally:
            for watches, name in held:
                watches.let_go(name)

    async def begin(self) -> None:
        """Begin to read the logs that there are."""
        self._begin(self._options)
        if self._options.follow:
            # The workload may have ended already.
            self._changed.set()
            self._spawn(self._look())
        if self._alone:
            await asyncio.gather(*(reader.started for reader in self._readers.values()))

    def pieces(self) -> AsyncGenerator[bytes, None]:
        return merged(lambda: self._buffers.values(), self._activity, lasting=lambda: self._lasts)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _note_changes(self, changes: Sequence[Change]) -> None:
        if not changes or any(_namespace_of(change) in self._namespaces for change in changes):
            self._changed.set()

    async def _look(self) -> None:
        """Begin to read the logs of pods that come later, and notice which containers have ended."""
        # Of pods that come later, all lines are wanted.
        options = LogOptions(container=self._options.container, follow=True)
        was_complete = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            is_complete = all(await asyncio.gather(*(of_pods.are_complete() for of_pods in self._sources)))
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
        present = {source.key: (of_pods, source) for of_pods in self._sources for source in of_pods.present()}
        self._forget(present.keys())
        for key, (of_pods, source) in present.items():
            # The headers of a log read alone have said that lines have nothing in front.
            if key in self._buffers or (self._alone and self._buffers):
                continue
            if len(self._readers) >= MOST:
                self._skip(source)
                continue
            self._skipped.discard(key)
            buffer = self._buffers[key] = LineBuffer(self._activity, is_slow=True)
            self._readers[key] = PodLogReader(of_pods, source, options, buffer, alone=self._alone)
            self._spawn(self._run(key))

    def _forget(self, present: Collection[LogKey]) -> None:
        """Drop the buffers of logs that have ended and whose pods are gone."""
        if not all(of_pods.knows_pods for of_pods in self._sources):
            return
        self._skipped.intersection_update(present)
        for key, buffer in [*self._buffers.items()]:
            if buffer.ended and not buffer.lines and key not in present:
                del self._buffers[key]

    def _skip(self, source: LogSource) -> None:
        """Say once that a log is not read for now."""
        if source.key not in self._skipped:
            self._skipped.add(source.key)
            buffer = self._buffers["skipped", *source.key[1:]] = LineBuffer(self._activity)
            text = f"(no log yet: {MOST} are read already; container= or cluster= choose fewer)"
            buffer.lines.append((0, b"%s%s\n" % (source.prefix, text.encode())))
            buffer.end()

    async def _run(self, key: LogKey) -> None:
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
