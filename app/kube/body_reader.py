"""Bodies of answers, up to a bound and without holding up the event loop."""

import asyncio

import aiohttp
from aiohttp import ClientTimeout

from app.kube.answer_limits import ERROR_BYTES, ERROR_SECONDS
from app.kube.api_errors import AnswerTooLarge
from app.kube.failure_text import raising_connection_failed
from app.turns import IntakePace


async def whole(response: aiohttp.ClientResponse, most: int) -> bytes:
    """All of an answer, unpacked where it came packed unasked.

    Raises AnswerTooLarge where it is longer than ``most`` bytes, and what reading raises.
    """
    pace, pieces, size = IntakePace(), list[bytes](), 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > most:
            response.close()
            raise AnswerTooLarge(most)
        await pace.share(len(piece))
    return b"".join(pieces)


async def beginning(response: aiohttp.ClientResponse, limits: ClientTimeout) -> bytes:
    """So much of an answer as an error may have; more is neither kept nor waited for.

    That is for ``ERROR_SECONDS``, or for ``limits.total`` where it is less. Raises ConnectionFailed where
    the connection is lost in the middle of it.
    """
    body = bytearray()
    seconds = min(ERROR_SECONDS, limits.total if limits.total is not None else ERROR_SECONDS)
    with raising_connection_failed(limits):
        try:
            async with asyncio.timeout(seconds):
                async for piece in response.content.iter_any():
                    body += piece
                    if len(body) > ERROR_BYTES:
                        response.close()
                        break
        except TimeoutError:
            response.close()
    return bytes(body[:ERROR_BYTES])
