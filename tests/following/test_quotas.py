"""How many streams one caller may have open, over whatever they come."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.served_fleet import Server

REFUSAL = (
    "3 streams are under way for 127.0.0.1, and one caller may have no more: "
    "end one, or raise streams_per_caller"
)
PATHS = (
    "/pods?watch=1",
    "/stream?resource=pods,configmaps",
    "/ws?resource=pods",
    "/clusters/prod/api/v1/pods?watch=1",
)


@pytest.fixture
async def bounded(config: Path) -> AsyncIterator[Server]:
    server = Server(config, streams_per_caller=3)
    await server.start()
    yield server
    await server.stop()


async def synced(session: aiohttp.ClientSession, server: Server) -> None:
    """A list waits for the first one."""
    async with session.get(f"{server.url}/pods") as answer:
        assert {cluster["state"] for cluster in (await answer.json())["clusters"]} == {"synced"}


async def refused(session: aiohttp.ClientSession, server: Server, path: str) -> Any:
    """The answer to one stream too many, None where it is none too many."""
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    headers = upgrade if path.startswith("/ws") else {}
    async with session.get(server.url + path, headers=headers) as answer:
        if answer.status in (101, 200):
            return None
        assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
        return await answer.json()


async def until_none_is_refused(session: aiohttp.ClientSession, server: Server, path: str) -> None:
    for _ in range(2000):
        if await refused(session, server, path) is None:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{path} is refused for ever")


async def test_streams_are_bounded_together_over_http_sockets_and_a_clusters_own_api(
    prod: SimulatedCluster, bounded: Server, session: aiohttp.ClientSession
) -> None:
    await synced(session, bounded)
    async with (
        session.get(f"{bounded.url}/pods?watch=1") as one,
        session.ws_connect(f"{bounded.url}/ws?resource=pods") as two,
        session.get(f"{bounded.url}/clusters/prod/api/v1/pods?watch=1&resourceVersion=0") as three,
    ):
        assert (one.status, two.closed, three.status) == (200, False, 200)
        for path in PATHS:
            problem = await refused(session, bounded, path)
            assert problem.get("detail", problem.get("message")) == REFUSAL
        # Lists are none.
        async with session.get(f"{bounded.url}/pods") as answer:
            assert answer.status == 200
    for path in PATHS:
        await until_none_is_refused(session, bounded, path)


async def test_subscriptions_of_a_socket_count_and_are_given_back(
    bounded: Server, session: aiohttp.ClientSession
) -> None:
    async with session.ws_connect(f"{bounded.url}/ws") as socket:
        for number in range(4):
            await socket.send_json({"op": "subscribe", "id": str(number), "resource": "pods"})
        while (frame := await socket.receive_json(timeout=20))["type"] != "ERROR":
            assert frame["id"] != "3"
        assert frame == {"id": "3", "type": "ERROR", "status": 429, "detail": REFUSAL}
        # Ended before it began, as one that ran.
        await socket.send_json({"op": "unsubscribe", "id": "0"})
        for number in range(10):
            await socket.send_json({"op": "subscribe", "id": f"again-{number}", "resource": "pods"})
            await socket.send_json({"op": "unsubscribe", "id": f"again-{number}"})
        await socket.send_json({"op": "subscribe", "id": "last", "resource": "pods"})
        while (frame := await socket.receive_json(timeout=20)).get("id") != "last":
            assert frame["type"] != "ERROR"
        assert frame["type"] == "RESET"
