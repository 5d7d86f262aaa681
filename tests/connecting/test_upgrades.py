"""Connections that stop being HTTP: with the credentials, the TLS and the proxy of every other request."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from app.kube.api_errors import CannotConnect, ConnectionFailed
from app.kube.client import Connection
from app.kube.upgrades import Upgrade
from tests.connecting.certificates import Authority
from tests.connecting.conftest import Connect, Handler, Listen, Serve
from tests.connecting.test_proxies import Proxy

ASKED = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Authorization": "Bearer of-the-caller",
}
# The frame of a text of two bytes, as a server sends it.
FRAME = b"\x81\x02hi"


def greeting(*tokens: str) -> Handler:
    """Upgrades who brings one of these tokens, and says hi."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Authorization") not in [f"Bearer {token}" for token in tokens]:
            return web.Response(status=401, text="Unauthorized")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hi")
        return socket

    return handler


async def upgraded(connection: Connection) -> Upgrade:
    answer = await connection.upgrade("GET", "/exec?command=a%20b", ASKED)
    assert answer.status == 101
    assert await answer.reader.readexactly(len(FRAME)) == FRAME
    answer.writer.close()
    return answer


async def test_plain_with_our_token_and_not_the_callers(serve: Serve, connect: Connect) -> None:
    served = await serve(greeting("ours"))
    answer = await upgraded(await connect(served.url, {"token": "ours"}))
    assert answer.headers["Upgrade"] == "websocket"
    (seen,) = served.seen
    assert seen.getall("Authorization") == ["Bearer ours"]
    assert seen["Host"] == f"127.0.0.1:{served.port}"


async def test_a_path_with_bytes_that_no_request_line_holds(listen: Listen, connect: Connect) -> None:
    lines: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    connection = await connect(f"http://127.0.0.1:{await listen(refuse)}")
    answer = await connection.upgrade("GET", "/exec?command=a%20b&command=\xfc", ASKED)
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert lines == [b"GET /exec?command=a%20b&command=%C3%BC HTTP/1.1"]


async def test_over_tls_with_a_certificate_and_another_name(
    serve: Serve, connect: Connect, authority: Authority
) -> None:
    served = await serve(greeting("ours"), tls=authority.server("kubernetes.default", clients=True))
    cluster = authority.cluster(served.url) | {"tls-server-name": "kubernetes.default"}
    await upgraded(await connect(cluster, authority.issue("jane").user() | {"token": "ours"}))
    assert served.shown == ["jane"]


async def test_through_a_proxy(serve: Serve, listen: Listen, connect: Connect, authority: Authority) -> None:
    served = await serve(greeting("ours"), tls=authority.server("127.0.0.1"))
    proxy = Proxy()
    cluster = authority.cluster(served.url) | {"proxy-url": f"http://me:pass@127.0.0.1:{await listen(proxy)}"}
    await upgraded(await connect(cluster, {"token": "ours"}))
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{served.port} HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6cGFzcw==\r\n" in head
    assert "ours" not in head


async def test_a_proxy_that_refuses(serve: Serve, listen: Listen, connect: Connect) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    for answer, told in (
        (refusal, "407 Proxy Authentication Required"),
        (b"SSH-2.0\r\n\r\n", "does not speak"),
    ):
        port = await listen(Proxy(answer))
        connection = await connect({"server": "http://127.0.0.1:9", "proxy-url": f"http://127.0.0.1:{port}"})
        with pytest.raises(CannotConnect, match=told):
            await connection.upgrade("GET", "/exec", ASKED)


async def test_a_token_that_was_renewed_is_tried(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    served = await serve(greeting("new"))
    token = tmp_path / "token"
    token.write_text("old")
    connection = await connect(served.url, {"tokenFile": str(token)})
    refused = await connection.upgrade("GET", "/exec", ASKED)
    assert (refused.status, refused.body) == (401, b"Unauthorized")
    token.write_text("new")
    await upgraded(connection)
    assert served.authorizations == ["Bearer old", "Bearer old", "Bearer new"]


async def test_who_cannot_be_reached_or_trusted(serve: Serve, connect: Connect, authority: Authority) -> None:
    nobody = await connect("http://127.0.0.1:1")
    with pytest.raises(CannotConnect, match=r"cannot connect to 127.0.0.1:1: connection refused"):
        await nobody.upgrade("GET", "/exec", ASKED)
    served = await serve(tls=Authority().server("127.0.0.1"))
    stranger = await connect(authority.cluster(served.url))
    with pytest.raises(CannotConnect, match="certificate verify failed"):
        await stranger.upgrade("GET", "/exec", ASKED)
    assert not served.seen


async def test_closing_ends_what_is_open(serve: Serve, connect: Connect) -> None:
    served = await serve(greeting("ours"))
    connection = await connect(served.url, {"token": "ours"})
    answer = await connection.upgrade("GET", "/exec", ASKED)
    await answer.reader.readexactly(len(FRAME))
    await connection.close()
    assert answer.writer.transport.is_closing()
    with pytest.raises(ConnectionFailed):
        await connection.upgrade("GET", "/exec", ASKED)


async def test_closing_ends_an_upgrade_that_is_not_answered_yet(listen: Listen, connect: Connect) -> None:
    requested, ended = asyncio.Event(), asyncio.Event()

    async def speak(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        requested.set()
        try:
            await reader.read()
        finally:
            ended.set()

    connection = await connect(f"http://127.0.0.1:{await listen(speak)}")
    upgrading = asyncio.create_task(connection.upgrade("GET", "/exec", ASKED))
    async with asyncio.timeout(10):
        await requested.wait()
        await connection.close()
        with pytest.raises(ConnectionFailed, match=r"^the connection was closed on this side$"):
            await upgrading
        await ended.wait()


async def test_an_answer_that_comes_as_it_is_closed_is_no_tunnel(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(greeting("ours"))
    connection = await connect(served.url, {"token": "ours"})
    feed_data, closing = asyncio.StreamReader.feed_data, list[asyncio.Task[None]]()

    def feed(reader: asyncio.StreamReader, data: bytes) -> None:
        # The connection is closed after the answer has come, and before who waits for it goes on.
        closing.append(asyncio.create_task(connection.close()))
        feed_data(reader, data)

    monkeypatch.setattr(asyncio.StreamReader, "feed_data", feed)
    with pytest.raises(ConnectionFailed, match=r"^the connection was closed on this side$"):
        await connection.upgrade("GET", "/exec", ASKED)
    assert closing
    await asyncio.gather(*closing)


async def test_nothing_is_sent_once_it_is_closed(connect: Connect, listen: Listen) -> None:
    received = bytearray()
    accepted, over = asyncio.Event(), asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A proxy that takes its time."""
        await reader.readuntil(b"\r\n\r\n")
        accepted.set()
        await over.wait()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        received.extend(await reader.read())

    proxy = f"http://127.0.0.1:{await listen(speak)}"
    connection = await connect({"server": "http://127.0.0.1:9", "proxy-url": proxy})
    upgrading = asyncio.create_task(connection.upgrade("GET", "/exec", ASKED))
    async with asyncio.timeout(10):
        await accepted.wait()
        await connection.close()
        over.set()
        with pytest.raises(ConnectionFailed, match=r"^the connection was closed on this side$"):
            await upgrading
    assert not received
