"""Work for a caller that may go away while it is done."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")
LOOK_SECONDS = 5.0


class CallerGone(Exception):
    """Nobody waits for the answer any more."""


async def while_present(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, which is given up soon after the caller has hung up.

    A log that is followed may say nothing for hours: the next write to who has gone
    would come too late to notice. Raises CallerGone.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
            if is_gone(request):
                raise CallerGone
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def hang_up(request: web.Request) -> None:
    """End the connection in a way that no answer can be mistaken for a complete one."""
    if request.transport is not None:
        request.transport.abort()
