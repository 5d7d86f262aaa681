"""How frames travel: as lines, as server-sent events, as WebSocket messages.

A dialect is a class of encodings. Encodings are values: streams of one view with equal encodings get the very
same bytes, made once. A further dialect over HTTP is one more class here, and its entry in ``HTTP_DIALECTS``.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

# A frame, and the cursor of who has received it, where somebody wants to know.
Framed = tuple[bytes, bytes]

_TEXT, _DEFLATED = 0x81, 0xC1
_FLUSHED = b"\x00\x00\xff\xff"
_WORTH_DEFLATING = 256
_LEVEL = 1


class Encoding(Protocol):
    """Makes bytes of frames, each of which is a JSON object as docs/streams.md describes it."""

    @property
    def transport(self) -> str:
        """The name of the dialect in the metrics."""

    @property
    def with_ids(self) -> bool:
        """Whether each frame carries the cursor of who has received it."""

    def encode(self, frames: Iterable[Framed]) -> bytes:
        """The bytes of these frames, as they go into the socket."""

    def __hash__(self) -> int: ...


class HttpEncoding(Encoding, Protocol):
    """An encoding of the body of a response."""

    @property
    def keepalive(self) -> bytes:
        """What is sent now and then between frames, so that a connection that is gone is found out."""


class JsonLines(msgspec.Struct, frozen=True):
    """A frame a line; ``chunked`` for HTTP/1.1."""

    chunked: bool

    @property
    def transport(self) -> str:
        """The name of the dialect in the metrics."""
        return "lines"

    @property
    def with_ids(self) -> bool:
        """Whether each frame carries the cursor of who has received it."""
        return False

    def encode(self, frames: Iterable[Framed]) -> bytes:
        """Each frame with a line feed behind it."""
        return _chunk(b"\n".join([*(frame for frame, _ in frames), b""]), self.chunked)

    @property
    def keepalive(self) -> bytes:
        """Empty: every frame is a line, and bookmarks come all the time."""
        return b""


class ServerSentEvents(msgspec.Struct, frozen=True):
    """Server-sent events, as the HTML standard describes them; without names, so that onmessage sees all."""

    chunked: bool

    @property
    def transport(self) -> str:
        """The name of the dialect in the metrics."""
        return "events"

    @property
    def with_ids(self) -> bool:
        """Whether each frame carries the cursor of who has received it."""
        return True

    def encode(self, frames: Iterable[Framed]) -> bytes:
        """Each frame as an event, with the cursor of who has received it as its id."""
        return _chunk(
            b"".join([b"id: %s\ndata: %s\n\n" % (cursor, frame) for frame, cursor in frames]), self.chunked
        )

    @property
    def keepalive(self) -> bytes:
        """A comment, which is no event."""
        return _chunk(b":\n\n", self.chunked)


class WebSocketMessages(msgspec.Struct, frozen=True):
    """A frame a WebSocket message (RFC 6455), which names its subscription by ``id`` where it has one.

    Where ``window_bits`` are not 0, each is compressed for itself (RFC 7692 without
    context takeover), so that it is compressed once for all.
    """

    id: str | None = None
    window_bits: int = 0

    @property
    def transport(self) -> str:
        """The name of the dialect in the metrics."""
        return "websocket"

    @property
    def with_ids(self) -> bool:
        """Whether each frame carries the cursor of who has received it."""
        return False

    def encode(self, frames: Iterable[Framed]) -> bytes:
        """Each frame as a message."""
        if self.id is None:
            return b"".join([self._message(frame) for frame, _ in frames])
        opening = b'{"id":%s,' % msgspec.json.encode(self.id)
        return b"".join([self._message(opening + frame[1:]) for frame, _ in frames])

    def _message(self, text: bytes) -> bytes:
        if not self.window_bits or len(text) < _WORTH_DEFLATING:
            return _header(_TEXT, len(text)) + text
        deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -self.window_bits)
        packed = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
        packed = packed.removesuffix(_FLUSHED)
        return _header(_DEFLATED, len(packed)) + packed


# The dialects of streams over HTTP by media type, each made with whether the body is chunked (HTTP/1.1). The
# first is that of clients that accept none of the others.
HTTP_DIALECTS: Mapping[str, Callable[[bool], HttpEncoding]] = {
    "application/x-ndjson": JsonLines,
    "text/event-stream": ServerSentEvents,
}


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def _chunk(data: bytes, chunked: bool) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if chunked and data else data
