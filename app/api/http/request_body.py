"""Bodies of requests to the fleet, unpacked where they are packed, and no larger than can be borne.

What is forwarded to a cluster is not unpacked: it arrives as it was sent.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator

import zstandard
from aiohttp import hdrs, web

from app.api.http.problem import Problem

# Packed and unpacked. Of a manifest of many documents; no single object may have more than 3 MiB.
LARGEST_BODY_BYTES = 16 * 1024 * 1024
# So much is unpacked in one go, by a thread.
_PIECE_BYTES = 1024 * 1024
# A frame may ask for a window of gigabytes.
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
# Four bytes may stand for a block of 128 KiB, and what is fed is unpacked at once.
_ZSTD_FED_BYTES = 512
_NONE = ("", "identity")


async def body_of_request(request: web.Request) -> bytes:
    """The body as it was before it was packed. Raises Problem (400, 413, 415)."""
    coding = ", ".join(request.headers.getall(hdrs.CONTENT_ENCODING, [])).strip().lower()
    if coding not in _NONE and coding not in _UNPACKERS:
        raise Problem(
            415,
            f"Content-Encoding {coding[:80]!r} is not accepted; accepted is one of {', '.join(_UNPACKERS)}",
            headers={hdrs.ACCEPT_ENCODING: ", ".join(_UNPACKERS)},
        )
    body = await request.read()
    if coding in _NONE:
        return body
    return await asyncio.to_thread(_unpacked, body, coding)


def _unpacked(body: bytes, coding: str) -> bytes:
    """Raises Problem."""
    pieces = []
    size = 0
    try:
        for piece in _UNPACKERS[coding](body):
            size += len(piece)
            if size > LARGEST_BODY_BYTES:
                raise Problem(
                    413, f"the body is too large when unpacked; accepted are {LARGEST_BODY_BYTES} bytes"
                )
            pieces.append(piece)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise Problem(400, f"the body is not what Content-Encoding {coding!r} says: {error}"[:300]) from None
    return b"".join(pieces)


def _gzip(body: bytes) -> Iterator[bytes]:
    """All members, one after the other."""
    while body:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        yield from _inflated(unpacker, body)
        body = unpacker.unused_data


def _deflate(body: bytes) -> Iterator[bytes]:
    """With the header of zlib, as it should be, or as some send it, without."""
    has_header = len(body) > 1 and body[0] & 15 == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    yield from _inflated(unpacker, body)
    if unpacker.unused_data:
        raise EOFError("there is more after its end")


def _inflated(unpacker: "zlib._Decompress", body: bytes) -> Iterator[bytes]:
    while not unpacker.eof:
        piece = unpacker.decompress(body, _PIECE_BYTES)
        if not piece and not unpacker.unconsumed_tail and not unpacker.eof:
            raise EOFError("it ends too early")
        yield piece
        body = unpacker.unconsumed_tail


def _zstd(body: bytes) -> Iterator[bytes]:
    """All frames, one after the other."""
    unpacker: zstandard.ZstdDecompressionObj | None = None
    for start in range(0, len(body), _ZSTD_FED_BYTES):
        fed = body[start : start + _ZSTD_FED_BYTES]
        while fed:
            if unpacker is None:
                unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
            yield unpacker.decompress(fed)
            fed = unpacker.unused_data if unpacker.eof else b""
            if unpacker.eof:
                unpacker = None
    if unpacker is not None:
        raise EOFError("it ends too early")


_UNPACKERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
