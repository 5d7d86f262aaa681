"""Logs, whole or line by line."""

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any

from app.client.calls import Calls

# A log that is followed may say nothing for days.
_FOR_EVER = 0.0


class Logs:
    """``async for line in logs`` gives lines without their ends, ``await logs`` all of the text.

    Raises FleetError.
    """

    def __init__(self, calls: Calls, path: str, params: Mapping[str, str]) -> None:
        self._calls = calls
        self._path = path
        self._params = params

    def __aiter__(self) -> AsyncGenerator[str, None]:
        return self._lines()

    def __await__(self) -> Generator[Any, None, str]:
        return self._text().__await__()

    async def _lines(self) -> AsyncGenerator[str, None]:
        rest = b""
        async with self._calls.open("GET", self._path, self._params, silence=_FOR_EVER) as answer:
            async for piece in answer.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace")
        if rest:
            yield rest.decode(errors="replace")

    async def _text(self) -> str:
        async with self._calls.open("GET", self._path, self._params, silence=_FOR_EVER) as answer:
            return (await answer.read()).decode(errors="replace")
