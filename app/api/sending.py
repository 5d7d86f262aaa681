"""Sends an answer of any size piece by piece, as fast as its reader takes it."""

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

import zstandard
from aiohttp import hdrs, web

from app.api.negotiation import choose_coding
from app.turns import Kind, Pace

log = logging.getLogger(__name__)

# Joins of 256 KB to 1 MB cost least: smaller ones wake up too often, larger ones need fresh pages.
PIECE_BYTES = 256 * 1024
# A reader that takes no piece for so long is gone.
STALLED_SECONDS = 60.0
WORTH_COMPRESSING_BYTES = 1024
# Less than this takes longer to hand to a thread than to compress.
WORTH_A_THREAD_BYTES = 32 * 1024
GZIP_LEVEL = 4
ZSTD_LEVEL = 3


async def send(
    request: web.Request,
    pieces: AsyncGenerator[bytes, None],
    headers: Mapping[str, str],
    *,
    length: int | None = None,
) -> web.StreamResponse:
    """Answer 200 with these pieces; ``length`` is their sum in bytes where that is known.

    Never raises for a client that went away.
    """
    response = web.StreamResponse(headers=headers)
    response.headers.add(hdrs.VARY, f"{hdrs.ACCEPT}, {hdrs.ACCEPT_ENCODING}")
    coding = choose_coding(request)
    if coding is not None and (length is None or length >= WORTH_COMPRESSING_BYTES):
        response.headers[hdrs.CONTENT_ENCODING] = coding
        pieces = _compressed(pieces, coding)
    elif length is not None:
        response.content_length = length
    try:
        await response.prepare(request)
        async with aclosing(pieces) as sent:
            if request.method != hdrs.METH_HEAD:
                pace = Pace(Kind.SNAPSHOT)
                async for piece in sent:
                    async with asyncio.timeout(STALLED_SECONDS):
                        await response.write(piece)
                    # Draining does not wait as long as the socket takes all.
                    await pace.give()
        await response.write_eof()
    except (ConnectionError, TimeoutError):
        _abort(request)
    except Exception:
        # The status has been sent; all that is left is not to look complete.
        log.exception("answer broken off", extra={"path": request.path})
        _abort(request)
    return response


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _compressed(pieces: AsyncGenerator[bytes, None], coding: str) -> AsyncGenerator[bytes, None]:
    compress, flush = _compressor(coding)
    async with aclosing(pieces) as plain:
        async for piece in plain:
            if len(piece) < WORTH_A_THREAD_BYTES:
                out = compress(piece)
            else:
                out = await asyncio.to_thread(compress, piece)
            if out:
                yield out
    yield flush()


def _compressor(coding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    if coding == "zstd":
        zstd = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
        return zstd.compress, zstd.flush
    gzip = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    return gzip.compress, gzip.flush
