"""All streams of the process: their views, the turn in which what is new is sent, the heartbeat."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from app.fleet.fleet import Fleet
from app.fleet.selection import Selection
from app.streams.channel import Channel
from app.streams.delivery import Stream
from app.streams.dialects import Encoding
from app.streams.scope import FrameOptions
from app.streams.views import StreamCounters, View, ViewKey, view_key
from app.turns import TURN_SECONDS, Kind, Pace

log = logging.getLogger(__name__)

Stop = Callable[[], Awaitable[None]]

HEARTBEAT_SECONDS = 10.0


class Hub:
    """All streams and their views. ``start`` it in a running event loop, and ``close`` it there."""

    def __init__(self, fleet: Fleet) -> None:
        self.counters = StreamCounters()
        self.streams: set[Stream] = set()
        self._fleet = fleet
        self._channels: dict[Channel, Stop | None] = {}
        self._views: dict[ViewKey, View] = {}
        # Views in the order in which they have their turn; of those outdated, the clusters that changed.
        self._dirty: dict[ViewKey, None] = {}
        self._outdated: dict[View, dict[str, None]] = {}
        self._changed: dict[str, None] = {}
        self._turn: asyncio.Handle | None = None
        self._heart: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Follow the clusters of the fleet, and begin the heartbeat."""
        self._fleet.listeners.append(self._notice)
        self._heart = asyncio.create_task(self._beat(), name="heartbeat of streams")

    async def close(self) -> None:
        """End every stream; those who run them tell their clients."""
        self._closed = True
        self._fleet.listeners.remove(self._notice)
        for stream in self.streams:
            stream.end()
        await asyncio.gather(*(stop() for stop in self._channels.values() if stop is not None))
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)

    # Opened and closed by hand: a context manager would be a tenth of all that an idle stream takes.

    def open(
        self, selection: Selection, options: FrameOptions, encoding: Encoding, channel: Channel
    ) -> Stream:
        """A stream, to be run and then closed. Raises AmbiguousResource."""
        key = view_key(selection, options)
        view = self._views.get(key)
        if view is None:
            view = View(self._fleet, selection, options, self.counters, partial(self._wake, key))
            self._views[key] = view
        stream = Stream(view, encoding, channel)
        self.streams.add(stream)
        view.enter(stream)
        if self._closed:
            stream.end()
        return stream

    def close_stream(self, stream: Stream) -> None:
        """Forget a stream, and its view where that was the last one of it."""
        self.streams.discard(stream)
        view = stream.view
        view.leave(stream)
        if view.is_idle:
            del self._views[view.key]
            self._outdated.pop(view, None)
            self._dirty.pop(view.key, None)
            view.close()

    def attend(self, channel: Channel, stop: Stop | None = None) -> None:
        """Look after a channel from now on; ``stop`` is called when all is to end."""
        self._channels[channel] = stop

    def dismiss(self, channel: Channel) -> None:
        """Look after a channel no more."""
        del self._channels[channel]

    @property
    def slowest(self) -> float:
        """For how many seconds the stream that is furthest behind has been so."""
        now = time.monotonic()
        return max((now - stream.behind_since for stream in self.streams if stream.behind_since), default=0.0)

    # The turn

    def _wake(self, key: ViewKey) -> None:
        self._dirty[key] = None
        self._schedule()

    def _notice(self, cluster: str) -> None:
        self._changed[cluster] = None
        self._schedule()

    def _schedule(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Send what is new, and what is left of it in the next turn."""
        self._turn = None
        changed, self._changed = self._changed, {}
        if changed:
            for view in self._views.values():
                self._outdated.setdefault(view, {}).update(changed)
        until = time.perf_counter() + TURN_SECONDS
        while (self._outdated or self._dirty) and time.perf_counter() < until:
            if self._outdated:
                view = next(iter(self._outdated))
                for cluster in self._outdated.pop(view):
                    with _going_on():
                        view.scope.refresh(cluster)
            else:
                key = next(iter(self._dirty))
                del self._dirty[key]
                with _going_on():
                    self._views[key].flush()
        if self._outdated or self._dirty:
            self._schedule()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            pace = Pace(Kind.LIVE)
            # Others have their turns in between, in which views close and channels are dismissed.
            for view in [*self._views.values()]:
                if self._views.get(view.key) is view:
                    with _going_on():
                        view.scope.bookmark()
                await pace.give()
            for channel in [*self._channels]:
                if channel in self._channels:
                    with _going_on():
                        channel.pulse()
                await pace.give()
            for stream in [*self.streams]:
                if stream.channel.is_closing:
                    stream.end()


@contextmanager
def _going_on() -> Iterator[None]:
    """A fault of ours in one place must not end the streams of all others."""
    try:
        yield
    except Exception:
        log.exception("a view failed")
