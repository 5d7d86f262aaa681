"""Sends an answer of any size piece by piece, as fast as its reader takes it."""

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Self

import zstandard
from aiohttp import hdrs, web

from app.api.http.negotiation import choose_coding
from app.turns import Kind, Pace

log = logging.getLogger(__name__)

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
                await _write(request, response, sent)
        await response.write_eof()
    except ConnectionError:
        _abort(request)
    except Exception:
        # The status has been sent; all that is left is not to look complete.
        log.exception("answer broken off", extra={"path": request.path})
        _abort(request)
    return response


async def _write(
    request: web.Request, response: web.StreamResponse, pieces: AsyncGenerator[bytes, None]
) -> None:
    pace = Pace(Kind.SNAPSHOT)
    with _Patience(request) as patience:
        async for piece in pieces:
            patience.begin()
            # Of a view, what the socket does not take at once is copied once and not twice.
            await response.write(memoryview(piece))
            patience.end()
            # The next one may lie where this one did, which is in the processor's cache.
            del piece
            # Draining does not wait as long as the socket takes all.
            await pace.give()


class _Patience:
    """Breaks an answer off whose reader takes too long for a piece, with one timer for all of them."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(STALLED_SECONDS, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def begin(self) -> None:
        self._since = self._loop.time()

    def end(self) -> None:
        self._since = None

    def _look(self) -> None:
        now = self._loop.time()
        end = STALLED_SECONDS + (now if self._since is None else self._since)
        if end <= now:
            _abort(self._request)
        else:
            self._timer = self._loop.call_at(end, self._look)


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
