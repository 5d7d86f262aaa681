"""exec, attach and port-forward: after 101, bytes in both directions."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from app.kubeapi import tunnel
from tests.kubeapi.conftest import Client, Front

EXEC = "/clusters/prod/api/v1/namespaces/x/pods/a/exec?command=sh&stdin=true"
Speak = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"
    b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\nSet-Cookie: a=b\r\n\r\n"
)


@pytest.fixture
async def speaking(front: Front) -> AsyncIterator[Callable[[Speak], Awaitable[Client]]]:
    """``await speaking(speak)`` is a client in front of a server that speaks once it has a request's head."""
    async with AsyncExitStack() as stack:

        async def start(speak: Speak) -> Client:
            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    await speak(await reader.readuntil(b"\r\n\r\n"), reader, writer)
                except (ConnectionError, asyncio.IncompleteReadError):
                    pass
                finally:
                    writer.close()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            stack.callback(server.close)
            client, _ = await front.client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            return client

        yield start


async def ask(
    client: Client, *headers: str, method: str = "POST"
) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """The head of the answer, and the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    lines = [f"{method} {EXEC} HTTP/1.1", "Host: localhost", "Connection: Upgrade", *headers]
    if not any(header.startswith("Upgrade") for header in headers):
        lines.append("Upgrade: SPDY/3.1")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(20):
        return await reader.readuntil(b"\r\n\r\n"), reader, writer


Speaking = Callable[[Speak], Awaitable[Client]]


@pytest.mark.parametrize(
    ("method", "protocol"), [("POST", "SPDY/3.1"), ("GET", "websocket"), ("GET", "WebSocket")]
)
async def test_bytes_pass_in_both_directions(speaking: Speaking, method: str, protocol: str) -> None:
    heads: list[bytes] = []

    async def shout(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        # The first bytes may come with the answer.
        writer.write(SWITCH + b"hello ")
        while piece := await reader.read(100):
            writer.write(piece.upper())
            await writer.drain()

    client = await speaking(shout)
    head, reader, writer = await ask(client, f"Upgrade: {protocol}", "Sec-WebSocket-Key: abc", method=method)
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"X-Stream-Protocol-Version: v4.channel.k8s.io" in head
    assert b"Upgrade: SPDY/3.1" in head
    assert b"Connection: Upgrade" in head
    assert b"Set-Cookie" not in head
    assert b"Transfer-Encoding" not in head
    writer.write(b"\x00\xff a frame\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    expected = b"hello \x00\xff A FRAME\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    async with asyncio.timeout(20):
        assert await reader.readexactly(len(expected)) == expected
    # Who has said all it has to say still hears the rest.
    writer.write(b"bye")
    writer.write_eof()
    async with asyncio.timeout(20):
        assert await reader.read() == b"BYE"
    writer.close()
    assert heads[0].startswith(
        f"{method} /api/v1/namespaces/x/pods/a/exec?command=sh&stdin=true HTTP/1.1\r\n".encode()
    )
    assert b"\r\nAuthorization: Bearer token-of-ours\r\n" in heads[0]
    assert f"\r\nUpgrade: {protocol}\r\n".encode() in heads[0]
    assert heads[0].lower().count(b"\r\nconnection:") == 1


async def test_a_shell_is_recorded_when_it_begins(
    speaking: Speaking, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.api.door.audit")

    async def listen(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SWITCH)
        await reader.read()

    client = await speaking(listen)
    _, _, writer = await ask(client)
    told = [vars(record) for record in caplog.records if record.name == "app.api.door.audit"]
    assert [(line["verb"], line["resource"], line["status"]) for line in told] == [
        ("connect", "pods/exec", 101)
    ]
    writer.close()


async def test_much_passes_and_who_is_slow_slows_the_other(speaking: Speaking) -> None:
    sent = 0

    async def flood(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(SWITCH)
        for _number in range(800):
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    client = await speaking(flood)
    _, reader, writer = await ask(client)
    await asyncio.sleep(0.3)
    assert sent < 20 * 2**20
    read = 0
    async with asyncio.timeout(30):
        while piece := await reader.read(2**18):
            read += len(piece)
    assert read == sent == 800 * 65536
    writer.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
        b'{"status":"no"}',
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'8\r\n{"status\r\n7;x=y\r\n":"no"}\r\n0\r\n\r\n',
        b'HTTP/1.0 403 Forbidden\r\nContent-Type: application/json\r\n\r\n{"status":"no"}',
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"
        b'Content-Length: 15\r\n\r\n{"status":"no"}',
    ],
)
async def test_a_refusal_is_passed_back(speaking: Speaking, answer: bytes) -> None:
    async def refuse(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    client = await speaking(refuse)
    head, reader, writer = await ask(client)
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"Content-Length: 15\r\n" in head
    assert await reader.readexactly(15) == b'{"status":"no"}'
    writer.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 101 Fine\r\nno header\r\n\r\n",
        b"HTTP/1.1 403 No\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 403 No\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/2.0 403 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\ncut",
        b"HTTP/1.1 403 No\r\n\r\n" + b"x" * (1024 * 1024 + 1),
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n" + b"80000\r\n%b\r\n" % (b"x" * 0x80000) * 3,
        # What follows the head must reach the caller, so it has to be certain where that ends.
        b"HTTP/1.1 101 Fine\nUpgrade: SPDY/3.1\n\nfirst bytes\r\n\r\n",
    ],
)
async def test_nonsense_is_502(speaking: Speaking, answer: bytes) -> None:
    async def say(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    client = await speaking(say)
    head, _, writer = await ask(client)
    assert head.startswith(b"HTTP/1.1 502 ")
    writer.close()


async def test_when_the_server_breaks_off_the_caller_hears_it(speaking: Speaking) -> None:
    async def leave(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SWITCH + b"so long")
        await writer.drain()

    client = await speaking(leave)
    _, reader, writer = await ask(client)
    async with asyncio.timeout(20):
        assert await reader.read() == b"so long"
    writer.close()


async def test_when_the_caller_breaks_off_the_server_hears_it(speaking: Speaking) -> None:
    left = asyncio.Event()

    async def listen(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SWITCH)
        try:
            await reader.read()
        finally:
            left.set()

    client = await speaking(listen)
    _, _, writer = await ask(client)
    writer.transport.abort()
    async with asyncio.timeout(20):
        await left.wait()


async def test_a_side_that_ended_is_not_waited_for_for_ever(
    speaking: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "HALF_CLOSED_SECONDS", 0.2)

    async def deaf(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SWITCH)
        await reader.read()
        await asyncio.sleep(60)

    client = await speaking(deaf)
    _, reader, writer = await ask(client)
    writer.write_eof()
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()


async def test_the_end_of_this_server_ends_it(speaking: Speaking) -> None:
    async def listen(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SWITCH)
        await reader.read()

    client = await speaking(listen)
    _, reader, writer = await ask(client)
    async with asyncio.timeout(30):
        ended = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        runner = client.server.runner
        assert runner is not None
        await runner.cleanup()
        assert await ended == b""
    writer.close()


async def test_a_body_before_the_upgrade_is_refused(speaking: Speaking) -> None:
    async def never(_: bytes, __: asyncio.StreamReader, ___: asyncio.StreamWriter) -> None:
        raise AssertionError

    client = await speaking(never)
    head, _, writer = await ask(client, "Content-Length: 5")
    assert head.startswith(b"HTTP/1.1 400 ")
    writer.close()
