"""Streams over WebSocket: one subscription by the query, many by messages, and how sockets end."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from websockets.asyncio.client import connect

from app.api.door.quotas import Quota
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.streams import channel, hub
from app.streams.delivery import Start, Stream
from app.streams.frame_log import LogPosition
from app.streams.views import View
from bench.testbed.served_fleet import Server, serving
from tests.builders import pod

Socket = aiohttp.ClientWebSocketResponse


async def until(socket: Socket, kind: str) -> list[dict[str, Any]]:
    """All frames up to the next one of this type."""
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1]["type"] != kind:
        frame = await socket.receive_json(timeout=30)
        if frame["type"] != "BOOKMARK":
            frames.append(frame)
    return frames


async def test_one_subscription_by_the_query(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one"))
    async with session.ws_connect(f"{server.url}/ws", params={"resource": "pods"}) as socket:
        frames = await until(socket, "SYNCED")
        assert [frame["type"] for frame in frames] == ["RESET", "ADDED", "SYNCED"]
        assert all("id" not in frame for frame in frames)
        await socket.send_str('{"op":"subscribe","id":"2","resource":"nodes"}')
        (error,) = await until(socket, "ERROR")
        assert error["status"] == 400
        prod.storage.create(pod("two"))
        assert (await until(socket, "ADDED"))[-1]["name"] == "two"


async def test_many_subscriptions_by_messages(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(pod("one", app="web"))
    async with session.ws_connect(f"{server.url}/ws", protocols=["k8s-mcp.v1"]) as socket:
        assert socket.protocol == "k8s-mcp.v1"
        await socket.send_json(
            {"op": "subscribe", "id": "web", "resource": ["pods"], "labelSelector": "app=web"}
        )
        frames = await until(socket, "SYNCED")
        assert {frame["id"] for frame in frames} == {"web"}
        assert [frame.get("name") for frame in frames] == [None, "one", None]
        await socket.send_json({"op": "subscribe", "id": "db", "resource": "pods", "labelSelector": "app=db"})
        assert {frame["id"] for frame in await until(socket, "SYNCED")} == {"db"}
        await socket.send_json({"op": "unsubscribe", "id": "web"})
        await socket.send_json({"op": "unsubscribe", "id": "web"})
        (refused,) = await until(socket, "ERROR")
        assert (refused["id"], refused["status"]) == ("web", 404)
        prod.storage.create(pod("two", app="web"))
        prod.storage.create(pod("three", app="db"))
        assert [(frame["id"], frame["name"]) for frame in await until(socket, "ADDED")] == [("db", "three")]
        # An id is free again once its subscription has ended.
        await socket.send_json(
            {"op": "subscribe", "id": "web", "resource": "pods", "cursor": frames[-1]["cursor"]}
        )
        assert (await until(socket, "RESET"))[-1]["id"] == "web"


@pytest.mark.parametrize(
    ("message", "id_", "status", "said"),
    [
        ("{", None, 400, "no JSON"),
        ("[]", None, 400, "no object"),
        ('{"op":"subscribe","resource":"pods"}', None, 400, "id None"),
        ('{"op":"subscribe","id":1,"resource":"pods"}', None, 400, "id 1"),
        ('{"op":"jump","id":"x"}', "x", 400, "op 'jump'"),
        ('{"op":"subscribe","id":"x"}', "x", 400, "resource is missing"),
        ('{"op":"subscribe","id":"x","resource":"pods","labelselector":"a"}', "x", 400, "'labelselector'"),
        ('{"op":"subscribe","id":"x","resource":7}', "x", 400, "resource 7"),
        ('{"op":"subscribe","id":"x","resource":"pods","labelSelector":"a in"}', "x", 400, "labelSelector"),
        ('{"op":"subscribe","id":"x","resource":"pods","cursor":"?"}', "x", 400, "cursor"),
        ('{"op":"subscribe","id":"x","resource":"pods","cluster":"nowhere"}', "x", 404, "'nowhere'"),
        ('{"op":"subscribe","id":"taken","resource":"pods"}', "taken", 409, "already"),
        (b"\x00", None, 400, "binary"),
    ],
)
async def test_a_bad_message_is_answered_and_the_socket_stays_open(
    message: str | bytes,
    id_: str | None,
    status: int,
    said: str,
    server: Server,
    session: aiohttp.ClientSession,
) -> None:
    async with session.ws_connect(f"{server.url}/ws") as socket:
        await socket.send_json({"op": "subscribe", "id": "taken", "resource": "pods"})
        await until(socket, "SYNCED")
        await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        (error,) = await until(socket, "ERROR")
        assert (error.get("id"), error["status"]) == (id_, status)
        assert said in error["detail"]
        await socket.send_json({"op": "subscribe", "id": "next", "resource": "pods"})
        assert (await until(socket, "SYNCED"))[-1]["id"] == "next"


async def test_a_message_that_is_too_large_closes_the_socket(
    server: Server, session: aiohttp.ClientSession
) -> None:
    async with session.ws_connect(f"{server.url}/ws") as socket:
        await socket.send_str("x" * 100_000)
        message = await socket.receive(timeout=30)
        assert (message.type, socket.close_code) == (WSMsgType.CLOSE, 1009)


async def test_a_socket_is_closed_with_a_reason_when_the_server_stops(
    config: Path, session: aiohttp.ClientSession
) -> None:
    server = Server(config)
    await server.start()
    async with session.ws_connect(f"{server.url}/ws", params={"resource": "pods"}) as socket:
        await until(socket, "SYNCED")
        stopping = asyncio.create_task(server.stop())
        message = await socket.receive(timeout=30)
        while message.type is WSMsgType.TEXT:
            message = await socket.receive(timeout=30)
        assert (message.type, message.data, message.extra) == (
            WSMsgType.CLOSE,
            1001,
            "the server is stopping",
        )
        await stopping


async def test_a_subscription_that_fails_says_so_and_its_id_is_free_again(
    prod: SimulatedCluster, config: Path, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod.storage.create(pod("one"))
    server = Server(config, streams_per_caller=1)
    await server.start()

    def fail(view: View) -> LogPosition:
        raise RuntimeError("a fault of ours")

    async with session.ws_connect(f"{server.url}/ws") as socket:
        with monkeypatch.context() as faults:
            faults.setattr(View, "here", fail)
            await socket.send_json({"op": "subscribe", "id": "web", "resource": "pods"})
            frame = (await until(socket, "ERROR"))[-1]
        detail = "internal error; the log of the server has more"
        assert frame == {"id": "web", "type": "ERROR", "status": 500, "detail": detail}
        # The one that the caller may have is to be had again, under the same id.
        await socket.send_json({"op": "subscribe", "id": "web", "resource": "pods"})
        frames = await until(socket, "SYNCED")
        assert [(frame["id"], frame["type"]) for frame in frames] == [
            ("web", "RESET"),
            ("web", "ADDED"),
            ("web", "SYNCED"),
        ]
    await server.stop()


async def test_a_socket_that_is_cancelled_while_it_ends_gives_back_what_it_had(
    config: Path, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(config, streams_per_caller=1)
    await server.start()
    ending, ended = asyncio.Event(), asyncio.Event()
    run, take = Stream.run, Quota.take
    handlers: list[asyncio.Task[None]] = []

    def take_and_note(quota: Quota, request: web.Request) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        handlers.append(handler)
        take(quota, request)

    async def slow_to_end(stream: Stream, start: Start) -> None:
        try:
            await run(stream, start)
        finally:
            ending.set()
            await ended.wait()

    monkeypatch.setattr(Stream, "run", slow_to_end)
    monkeypatch.setattr(Quota, "take", take_and_note)
    async with session.ws_connect(f"{server.url}/ws") as socket:
        await socket.send_json({"op": "subscribe", "id": "1", "resource": "pods"})
        await until(socket, "SYNCED")
        (handler,) = handlers
        handler.cancel()
        await asyncio.wait_for(ending.wait(), 10)
        handler.cancel()
        await asyncio.wait({handler}, timeout=10)
        ended.set()
    monkeypatch.undo()
    async with session.ws_connect(f"{server.url}/ws") as socket:
        await socket.send_json({"op": "subscribe", "id": "2", "resource": "pods"})
        assert {frame["type"] for frame in await until(socket, "SYNCED")} == {"RESET", "SYNCED"}
    await server.stop()


async def test_what_is_no_socket_is_told_where_to_go(server: Server, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{server.url}/ws", params={"resource": "pods"}) as answer:
        assert (answer.status, answer.content_type) == (426, "application/problem+json")
    async with session.get(
        f"{server.url}/ws", headers={"Upgrade": "websocket", "Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("offered", [None, "deflate"])
async def test_a_client_that_nobody_here_wrote(
    offered: str | None, prod: SimulatedCluster, server: Server
) -> None:
    prod.storage.create(pod("one", app="x" * 50))
    url = f"ws://127.0.0.1:{server.port}/ws?resource=pods"
    async with connect(url, compression=offered, subprotocols=None) as socket:
        extensions = socket.response.headers.get("Sec-WebSocket-Extensions", "") if socket.response else ""
        assert ("server_no_context_takeover" in extensions) == (offered is not None)
        types = []
        while "SYNCED" not in types:
            types.append(json.loads(await socket.recv())["type"])
        assert types == ["RESET", "ADDED", "SYNCED"]
        for number in range(3):
            prod.storage.create(pod(f"more-{number}", app="x" * 50))
            assert json.loads(await socket.recv())["name"] == f"more-{number}"
        await (await socket.ping())


async def test_a_client_that_never_answers_a_ping_is_closed(
    config: Path, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(channel, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(channel, "DEAD_SECONDS", 0.3)
    async with (
        serving(config) as server,
        connect(f"ws://127.0.0.1:{server.port}/ws") as answering,
        session.ws_connect(f"{server.url}/ws", autoping=False) as silent,
    ):
        async with asyncio.timeout(30):
            while (await silent.receive()).type is WSMsgType.PING:
                pass
        assert silent.closed
        await answering.send('{"op":"subscribe","id":"1","resource":"pods"}')
        assert json.loads(await answering.recv()) == {"id": "1", "type": "RESET"}
