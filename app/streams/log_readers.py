"""Who reads the log of a view: where it is, which states its client has, and how it is called."""

import asyncio
import time

from app.streams.channel import Channel
from app.streams.dialects import Encoding
from app.streams.frame_log import LogPosition, PartKey, Patch, UnseenChanges

# How long after a server a slower one learns the same, at most: API servers send bookmarks each minute.
AHEAD_SECONDS = 120.0


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
