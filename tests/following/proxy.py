"""A TCP proxy that cuts, stalls and delays, by a schedule made from a seed."""

import asyncio
import random
from contextlib import suppress
from types import TracebackType
from typing import Self

from app.simulator.apiserver.simulated_cluster import stop_accepting


class Proxy:
    """In front of ``port`` on loopback. Only while it is ``unruly`` does it do any harm."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self.target = port
        self.port = 0
        self.unruly = False
        self._rng = rng
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._server is not None
        await stop_accepting(self._server.sockets[0].fileno())
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection in mid-word."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.add(other)
        try:
            ways = [
                asyncio.ensure_future(self._pass(reader, other)),
                asyncio.ensure_future(self._pass(other_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._writers.discard(other)
            other.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(self._rng.choice((100, 4096, 65536)) if self.unruly else 65536):
                if self.unruly:
                    chance = self._rng.random()
                    if chance < 0.02:
                        return
                    if chance < 0.3:
                        await asyncio.sleep(self._rng.choice((0.001, 0.01, 0.1)))
                writer.write(data)
                await writer.drain()
