"""API servers that answer too much, too slowly or for ever: an error in words, and nobody else waits."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from app.kube import answer_limits, body_reader
from app.kube import client as kube_client
from app.kube.api_errors import AnswerTooLarge, ApiError, ConnectionFailed
from app.kube.client import Connection
from app.kube.wire.wire_errors import WireError
from tests.connecting.conftest import Connect, Serve

MIB = b" " * 1024 * 1024
# A busy machine stops everybody for a while; these answers stopped all for seconds.
LONGEST_WAIT = 0.25


@asynccontextmanager
async def bystander() -> AsyncIterator[list[float]]:
    """Somebody who wants a turn of the event loop every millisecond, and how long that took."""
    waits = [0.0]

    async def look() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            waits.append(time.perf_counter() - began)

    task = asyncio.create_task(look())
    try:
        yield waits
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def watched(client: Connection) -> None:
    async with client.watch("/", {}) as batches:
        async for _ in batches:
            pass


async def endless(request: web.BaseRequest, status: int = 200) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(MIB)
        await asyncio.sleep(0)


async def trickling(request: web.BaseRequest, status: int = 200) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b"{")
        await asyncio.sleep(0.02)


async def bomb(request: web.BaseRequest) -> web.StreamResponse:
    """A gigabyte in a megabyte, though nobody asked for anything packed."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return web.Response(body=gzip.compress(MIB) * 1024, headers=headers)


@pytest.mark.parametrize("speak", [endless, bomb])
async def test_an_answer_that_is_too_long_is_not_read_to_its_end(
    speak: object, serve: Serve, connect: Connect
) -> None:
    client = await connect((await serve(speak)).url)
    async with bystander() as waits:
        with pytest.raises(AnswerTooLarge, match=r"^the answer is longer than 8,192 KiB$"):
            await client.get("/version", timeout=30)
        with pytest.raises(AnswerTooLarge):
            await client.send("POST", "/api/v1/namespaces/x/pods", body=b"{}")
    assert max(waits) < LONGEST_WAIT


async def test_a_packed_answer_is_unpacked_though_it_was_not_asked_for(
    serve: Serve, connect: Connect
) -> None:
    async def packed(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})

    assert await (await connect((await serve(packed)).url)).get("/") == b"{}"


@pytest.mark.parametrize("speak", [endless, trickling])
async def test_an_error_without_end_is_the_error(
    speak: object, serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_reader, "ERROR_SECONDS", 0.3)

    async def failing(request: web.BaseRequest) -> web.StreamResponse:
        return await speak(request, 500)  # type: ignore[operator, no-any-return]

    client = await connect((await serve(failing)).url)
    async with asyncio.timeout(5):
        with pytest.raises(ApiError) as caught:
            await client.get("/")
        assert caught.value.status == 500
        with pytest.raises(ApiError):
            async with client.stream("/log", {}):
                pass
        with pytest.raises(ApiError):
            await client.send("DELETE", "/x")


async def test_an_answer_that_trickles_ends_in_time(serve: Serve, connect: Connect) -> None:
    client = await connect((await serve(trickling)).url)
    with pytest.raises(ConnectionFailed, match=r"^timed out after 0\.3 s$"):
        await client.get("/", timeout=0.3)


async def test_an_event_that_trickles_is_not_waited_for(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_client, "EVENT_SECONDS", 0.3)
    client = await connect((await serve(trickling)).url)
    with pytest.raises(ConnectionFailed, match=r"^an event is not whole within 0\.3 s$"):
        await watched(client)


async def test_a_line_that_is_too_long_is_refused(serve: Serve, connect: Connect) -> None:
    client = await connect((await serve(endless)).url)
    async with bystander() as waits:
        with pytest.raises(WireError, match=rf"^a line of more than {answer_limits.OBJECT_BYTES} bytes$"):
            await watched(client)
    assert max(waits) < LONGEST_WAIT


@pytest.mark.parametrize(
    "headers", [{"X-Long": "x" * 100_000}, {f"X-{number}": "x" for number in range(1_000)}]
)
async def test_headers_that_are_too_long_or_too_many_are_refused(
    headers: dict[str, str], serve: Serve, connect: Connect
) -> None:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(headers=headers)

    client = await connect((await serve(handler)).url)
    with pytest.raises(ConnectionFailed, match="does not speak HTTP, or not as it should"):
        await client.get("/")
