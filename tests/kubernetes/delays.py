"""A proxy in front of a real API server whose watches are late."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from bench.testbed.processes import free_port

_DROPPED = frozenset({"transfer-encoding", "content-length", "connection", "keep-alive"})


class LateWatches:
    """Passes everything on to ``server``, and each piece of a watch up to ``seconds`` late, in order."""

    def __init__(self, server: str, tls: ssl.SSLContext, *, seconds: float) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._server = server
        self._tls = tls
        self._seconds = seconds
        self._random = random.Random(0)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls), auto_decompress=False
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", int(self.url.rpartition(":")[2])).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        body = await request.read()
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method,
            self._server + request.raw_path,
            headers=headers,
            data=body or None,
            timeout=timeout,
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _DROPPED}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            if request.query.get("watch") in ("1", "true"):
                async with self._late(answer.content.iter_any()) as pieces:
                    async for piece in pieces:
                        await response.write(piece)
            else:
                await response.write(await answer.read())
            return response

    @asynccontextmanager
    async def _late(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
        """Each waits for itself, so that many in a row are not later than one."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()

        async def read() -> None:
            async for piece in pieces:
                queue.put_nowait((loop.time() + self._random.uniform(0, self._seconds), piece))
            queue.put_nowait(None)

        async def written() -> AsyncIterator[bytes]:
            while (entry := await queue.get()) is not None:
                await asyncio.sleep(entry[0] - loop.time())
                yield entry[1]

        task = asyncio.create_task(read())
        try:
            yield written()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
