"""The log of a pod or workload, as a whole or line by line."""

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any

from app.client.api_session import ApiSession

# A log that is followed may say nothing for days.
_FOR_EVER = 0.0
# A log without line ends must not be held as a whole.
LONGEST_LINE = 1024 * 1024


class Logs:
    """``async for line in logs`` gives lines without their ends, ``await logs`` all of the text.

    A line longer than ``LONGEST_LINE`` bytes comes in pieces of that. Raises FleetError.
    """

    def __init__(self, session: ApiSession, path: str, params: Mapping[str, str]) -> None:
        self._session = session
        self._path = path
        self._params = params

    def __aiter__(self) -> AsyncGenerator[str, None]:
        return self._lines()

    def __await__(self) -> Generator[Any, None, str]:
        return self._text().__await__()

    async def _lines(self) -> AsyncGenerator[str, None]:
        rest = b""
        async with self._session.open("GET", self._path, self._params, silence=_FOR_EVER) as answer:
            async for piece in answer.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    for part in _parts(line):
                        yield part.decode(errors="replace")
                *parts, rest = _parts(rest)
                for part in parts:
                    yield part.decode(errors="replace")
        if rest:
            yield rest.decode(errors="replace")

    async def _text(self) -> str:
        async with self._session.open("GET", self._path, self._params, silence=_FOR_EVER) as answer:
            return (await answer.read()).decode(errors="replace")


def _parts(line: bytes) -> list[bytes]:
    """Split a line into parts of at most LONGEST_LINE bytes, between characters."""
    parts = []
    while len(line) > LONGEST_LINE:
        end = LONGEST_LINE
        while end > LONGEST_LINE - 3 and line[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(line[:end])
        line = line[end:]
    return [*parts, line]
