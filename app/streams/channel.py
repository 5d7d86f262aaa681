"""The connection to one client: bytes go straight into its transport, past aiohttp's writer.

What aiohttp does for each write costs as much as the write; a view has the bytes ready for
a thousand clients.
"""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

# What may wait in the process for a client that does not read.
HELD_BYTES = 32 * 1024
# Who has not been heard of for so long, though something was sent, is not there any more.
DEAD_SECONDS = 60.0
# Who has said nothing for so long is asked for a sign of life.
SILENT_SECONDS = 20.0
# Who takes nothing at all for so long has forgotten us.
STALLED_SECONDS = 600.0

# Of Linux' struct tcp_info: tcpi_unacked and tcpi_last_ack_recv (milliseconds).
_TCP_INFO = struct.Struct("=24xI28xI")


class Connected(Protocol):
    """The server's end of a connection."""

    @property
    def writing_paused(self) -> bool:
        """Whether the transport holds more than it should."""


class Channel:
    """``drain`` waits until ``connected`` may write again to its ``transport``.

    ``keepalive`` are bytes that may be sent between frames; where they ``ask`` for an
    answer, as a ping does, `heard` is called when anything comes.
    """

    __slots__ = (
        "_asks",
        "_connected",
        "_drain",
        "_heard",
        "_keepalive",
        "_moved",
        "transport",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        connected: Connected,
        drain: Callable[[], Awaitable[None]],
        keepalive: bytes,
        *,
        asks: bool = False,
    ) -> None:
        transport.set_write_buffer_limits(high=HELD_BYTES)
        self.transport = transport
        self._connected = connected
        self._drain = drain
        self._keepalive = keepalive
        self._asks = asks
        self._heard = self._moved = time.monotonic()

    @property
    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send bytes; those for a client that has gone are lost, which is no fault."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def offer(self, data: bytes) -> bool:
        """Write, unless the client has not taken yet what was written before."""
        if self._connected.writing_paused or self.transport.is_closing():
            return False
        self.transport.write(data)
        return True

    async def drained(self) -> None:
        """Wait until more may be written. Raises ConnectionError."""
        await self._drain()
        self._moved = time.monotonic()

    def abort(self) -> None:
        """Close the connection at once, whatever waits to be sent."""
        self.transport.abort()

    def heard(self) -> None:
        """Note that the client has shown a sign of life."""
        self._heard = time.monotonic()

    def pulse(self) -> None:
        """Send a sign of life, and give up a client that shows none."""
        now = time.monotonic()
        if self.transport.is_closing():
            return
        if self._connected.writing_paused:
            dead = now - self._moved > STALLED_SECONDS
        else:
            silent = now - self._heard
            dead = self._asks and silent > DEAD_SECONDS
            self._moved = now
            if not self._asks or silent > SILENT_SECONDS:
                self.write(self._keepalive)
        if dead or _unheard_seconds(self.transport) > DEAD_SECONDS:
            self.abort()


def _unheard_seconds(transport: asyncio.Transport) -> float:
    """For how long the other end's kernel has not acknowledged what was sent; 0 where it cannot be told."""
    connection = transport.get_extra_info("socket")
    if sys.platform != "linux" or connection is None:
        return 0.0
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    unacknowledged, milliseconds = _TCP_INFO.unpack(info)
    return milliseconds / 1000 if unacknowledged else 0.0
