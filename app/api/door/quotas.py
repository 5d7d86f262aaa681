"""How much one caller may have going on at once: streams, and answers that look into every object.

A caller is who has presented the same token, from the same address. Turns are shared fairly in any case; this
bounds what else many of them take: memory, views, and the patience of others.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import hdrs, web

from app.api.door.callers import CALLER
from app.api.http.problem import Problem

RETRY_SECONDS = "5"


class Quota:
    """So many of ``what`` at once, 0 for any number; ``setting`` says how many."""

    def __init__(self, most: int, what: str, setting: str) -> None:
        self._most = most
        self._what = what
        self._setting = setting
        self._taken: Counter[tuple[str, str | None]] = Counter()

    def take(self, request: web.Request) -> None:
        """Until it is given back. Raises Problem."""
        caller = _caller(request)
        if self._most and self._taken[caller] >= self._most:
            raise Problem(
                429,
                f"{self._most} {self._what} are under way for {caller[1]}, and one caller may have no more: "
                f"end one, or raise {self._setting}",
                headers={hdrs.RETRY_AFTER: RETRY_SECONDS},
            )
        self._taken[caller] += 1

    def give_back(self, request: web.Request) -> None:
        """Undo one `take`."""
        caller = _caller(request)
        self._taken[caller] -= 1
        if not self._taken[caller]:
            del self._taken[caller]

    @contextmanager
    def held(self, request: web.Request) -> Iterator[None]:
        """Raises Problem."""
        self.take(request)
        try:
            yield
        finally:
            self.give_back(request)


def _caller(request: web.Request) -> tuple[str, str | None]:
    return request[CALLER].name, request.remote


STREAMS = web.AppKey("streams", Quota)
SCANS = web.AppKey("scans", Quota)
