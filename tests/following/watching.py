"""One stream, read frame by frame."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bench.testbed.served_fleet import Server

Frame = dict[str, Any]
SECONDS = 30.0


class Watched:
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def raw(self) -> Frame:
        """The next frame, of whatever type."""
        async with asyncio.timeout(SECONDS):
            line = await self.answer.content.readline()
        assert line, "the stream has ended"
        return dict(json.loads(line))

    async def next(self) -> Frame:
        """The next frame but bookmarks."""
        while (frame := await self.raw())["type"] == "BOOKMARK":
            pass
        return frame

    async def until(self, kind: str) -> list[Frame]:
        """All up to the next frame of this type."""
        frames = [await self.next()]
        while frames[-1]["type"] != kind:
            frames.append(await self.next())
        return frames

    async def bookmark(self) -> Frame:
        while (frame := await self.raw())["type"] != "BOOKMARK":
            pass
        return frame

    async def before_reset(self) -> tuple[Frame, Frame]:
        """The next RESET, and what comes right before it."""
        before, frame = {}, await self.raw()
        while frame["type"] != "RESET":
            before, frame = frame, await self.raw()
        return before, frame


@asynccontextmanager
async def watched(
    session: aiohttp.ClientSession, server: Server, path: str = "/stream", **query: str
) -> AsyncIterator[Watched]:
    async with session.get(server.url + path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        yield Watched(answer)


async def listed(
    session: aiohttp.ClientSession, server: Server, path: str, **query: str
) -> Mapping[str, Any]:
    async with session.get(server.url + path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        found: Mapping[str, Any] = await answer.json()
        return found


def told(frames: list[Frame]) -> list[tuple[str, str | None]]:
    """What frames say, by type and name."""
    return [(frame["type"], frame.get("name")) for frame in frames]
