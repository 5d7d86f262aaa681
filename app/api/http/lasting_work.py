"""Work that lasts: for a caller that may go away, on a server that may end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")
LOOK_SECONDS = 5.0


class CallerGone(Exception):
    """Nobody waits for the answer any more, or nobody will be there to give it."""


class Lasting:
    """What is going on, and how to end it."""

    def __init__(self) -> None:
        self.ends: set[Callable[[], object]] = set()

    async def end(self, app: web.Application) -> None:
        """End all of it: the server stops."""
        for end in tuple(self.ends):
            end()


LASTING = web.AppKey("lasting", Lasting)


async def while_present(
    request: web.Request, work: Coroutine[Any, Any, T], *, end: Callable[[], object] | None = None
) -> T:
    """The result of ``work``, which is given up soon after the caller has hung up.

    A log that is followed may say nothing for hours: the next write to who has gone
    would come too late to notice. When the server stops, ``end`` has the work come to
    its end; without it the work is given up as well. Raises CallerGone.
    """
    ends = request.app[LASTING].ends
    task = asyncio.ensure_future(work)
    call = end or task.cancel
    ends.add(call)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
            if is_gone(request):
                raise CallerGone
        if task.cancelled():
            raise CallerGone
        return task.result()
    finally:
        ends.discard(call)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def is_gone(request: web.Request) -> bool:
    """Return whether the caller has closed the connection."""
    return request.transport is None or request.transport.is_closing()


def hang_up(request: web.Request) -> None:
    """End the connection in a way that no answer can be mistaken for a complete one."""
    if request.transport is not None:
        request.transport.abort()
