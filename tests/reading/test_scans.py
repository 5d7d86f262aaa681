"""How many answers that look into every object one caller may have under way."""

import asyncio
import socket
from contextlib import ExitStack

import pytest

from tests.builders import stored_pod
from tests.reading.conftest import Client, Held, StartServer

SCANS = (
    "/pods?fieldSelector=metadata.name~p",
    "/pods?sort=-metadata.name",
    "/pods?fields=spec",
    "/pods?format=table",
    "/pods?format=yaml",
)


def ask(client: Client, path: str) -> socket.socket:
    """A connection whose answer nobody reads."""
    assert client.port is not None
    connection = socket.create_connection(("127.0.0.1", client.port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


async def status(client: Client, path: str) -> int:
    async with client.get(path) as answer:
        await answer.read()
        return answer.status


async def until_refused(client: Client) -> str:
    """What is said of one scan too many."""
    async with asyncio.timeout(20):
        while True:
            async with client.get("/pods?fieldSelector=metadata.name=none") as answer:
                if answer.status == 429:
                    assert answer.headers["Retry-After"] == "5"
                    detail: str = (await answer.json())["detail"]
                    return detail
            await asyncio.sleep(0.01)


async def until_not_refused(client: Client) -> None:
    for _ in range(2000):
        if await status(client, "/pods?fieldSelector=metadata.name=none") == 200:
            return
        await asyncio.sleep(0.01)
    pytest.fail("what has ended is not given back")


async def test_what_is_more_is_refused_until_one_ends(start: StartServer, clusters: dict[str, Held]) -> None:
    clusters["prod"].fill(
        "pods", [stored_pod(f"p{n}", version=n + 1, filler="x" * 60) for n in range(40000)], 50000
    )
    client = await start(scans_per_caller=2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(ask(client, "/pods?fieldSelector=metadata.name~p"))
        detail = await until_refused(client)
        assert detail == (
            "2 scans are under way for 127.0.0.1, and one caller may have no more: "
            "end one, or raise scans_per_caller"
        )
        assert [await status(client, path) for path in SCANS] == [429] * len(SCANS)
        # What is found by an index is no scan.
        for path in ("/pods?labelSelector=app=web", "/pods?namespace=data", "/pods/web-2", "/clusters"):
            assert await status(client, path) == 200
    await until_not_refused(client)
    assert [await status(client, path) for path in SCANS] == [200] * len(SCANS)


@pytest.mark.parametrize("path", SCANS)
async def test_every_scan_is_given_back(start: StartServer, path: str) -> None:
    client = await start(scans_per_caller=1)
    assert [await status(client, path) for _ in range(5)] == [200] * 5
