"""Answers and watches of one API server, and what is said when there are none."""

import asyncio
import gzip
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientTimeout, web

from app.kube.api_errors import ApiError, ConnectionFailed
from app.kube.client import Connection
from app.kube.failure_text import raising_connection_failed
from app.kube.wire.wire_errors import WireError
from app.version import version
from tests.connecting.certificates import Authority
from tests.connecting.conftest import Connect, Listen, Serve, access_to, only

LIMITS = ClientTimeout(total=30)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


async def head_of(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


class Raw:
    """Answers each request with these bytes, and then closes unless it is to ``stay`` silent."""

    def __init__(self, *answer: bytes, stay: bool = False) -> None:
        self.answer = answer
        self.stay = stay
        self.heads: list[str] = []
        self.asked = asyncio.Event()
        self.closed = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append(await head_of(reader))
            self.asked.set()
            for part in self.answer:
                writer.write(part)
                await writer.drain()
            if self.stay:
                await reader.read()
        finally:
            self.closed.set()


Start = Callable[..., Awaitable[Connection]]


@pytest.fixture
def raw(listen: Listen, connect: Connect) -> Start:
    """``await raw(server)`` is a connection to a server that speaks so."""

    async def start(speak: Raw, **limits: float) -> Connection:
        return await connect(f"http://127.0.0.1:{await listen(speak)}", **limits)

    return start


async def follow(connection: Connection, found: list[bytes]) -> None:
    async with connection.watch("/api/v1/pods", {"watch": "1"}) as batches:
        async for lines in batches:
            found += lines


async def lines_of(connection: Connection) -> list[bytes]:
    found: list[bytes] = []
    await follow(connection, found)
    return found


# Answers


async def test_request_says_who_asks_and_what_for(serve: Serve, connect: Connect) -> None:
    paths = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        paths.append(request.raw_path)
        return web.Response(body=b"[1]", headers={"Set-Cookie": "a=b"})

    served = await serve(handler)
    connection = await connect(f"{served.url}/k8s/c-1/")
    assert await connection.get("/api/v1/pods", {"labelSelector": "a=b,c"}, accept="x/y") == b"[1]"
    assert await connection.get("/apis/a%2Fb") == b"[1]"
    assert paths == ["/k8s/c-1/api/v1/pods?labelSelector=a%3Db,c", "/k8s/c-1/apis/a%2Fb"]
    first, second = served.seen
    assert (first["Accept"], second["Accept"]) == ("x/y", "application/json")
    assert first["User-Agent"] == f"k8s-mcp-server/{version()}"
    assert first["Accept-Encoding"] == "identity"
    assert "Cookie" not in second
    assert connection.server == f"{served.url}/k8s/c-1"


async def test_connection_is_kept_for_the_next_request(serve: Serve, connect: Connect) -> None:
    ports = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.Response(body=b"{}")

    connection = await connect((await serve(handler)).url)
    for _ in range(3):
        await connection.get("/")
    assert len({*ports}) == 1


async def test_sockets_are_probed_while_they_are_silent(raw: Start) -> None:
    answer = await (await raw(Raw(CHUNKED, stay=True))).request("GET", "/", timeout=LIMITS)
    assert answer.connection is not None
    assert answer.connection.transport is not None
    opened = answer.connection.transport.get_extra_info("socket")
    assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    answer.close()


async def test_watches_do_not_use_up_the_connections(serve: Serve, connect: Connect) -> None:
    over = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/":
            return web.Response(body=b"{}")
        response = web.StreamResponse()
        await response.prepare(request)
        await over.wait()
        return response

    connection = await connect((await serve(handler)).url)
    watches = [connection.watch("/watch", {}) for _ in range(150)]
    try:
        await asyncio.gather(*(watch.__aenter__() for watch in watches))
        assert await connection.get("/", timeout=30) == b"{}"
    finally:
        over.set()
        await asyncio.gather(*(watch.__aexit__(None, None, None) for watch in watches))


STATUS = {
    "kind": "Status",
    "message": "no",
    "reason": "Timeout",
    "details": {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "x"}, {"message": "y"}],
        "retryAfterSeconds": 3,
    },
}


@pytest.mark.parametrize(
    ("answer", "text", "reason", "causes", "retry_after"),
    [
        (
            lambda: web.json_response(STATUS, status=504),
            "504 no",
            "Timeout",
            ("ResourceVersionTooLarge", ""),
            3,
        ),
        (
            lambda: web.json_response(STATUS, status=429, headers={"Retry-After": "7"}),
            "429 no",
            "Timeout",
            ("ResourceVersionTooLarge", ""),
            7,
        ),
        (
            lambda: web.Response(status=503, headers={"Retry-After": "x"}),
            "503 Service Unavailable",
            "",
            (),
            None,
        ),
        (
            lambda: web.Response(status=404, text="404 page not found\nx"),
            "404 404 page not found",
            "",
            (),
            None,
        ),
        (
            lambda: web.Response(status=502, text="<html>", content_type="text/html"),
            "502 Bad Gateway",
            "",
            (),
            None,
        ),
        (lambda: web.json_response({"details": None}, status=500), "500 Internal Server Error", "", (), None),
        (lambda: web.json_response([], status=500), "500 Internal Server Error", "", (), None),
        (lambda: web.Response(status=302, headers={"Location": "/login"}), "302 Found", "", (), None),
        (lambda: web.Response(status=204), "204 No Content", "", (), None),
    ],
)
async def test_answer_of_an_error_is_an_api_error(
    serve: Serve,
    connect: Connect,
    answer: Callable[[], web.Response],
    text: str,
    reason: str,
    causes: tuple[str, ...],
    retry_after: float | None,
) -> None:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        return answer()

    served = await serve(handler)
    connection = await connect(served.url)
    with pytest.raises(ApiError) as got:
        await connection.get("/")
    with pytest.raises(ApiError) as watched:
        async with connection.watch("/", {}):
            pytest.fail("there is no watch")
    for caught in (got.value, watched.value):
        assert str(caught) == text
        assert (caught.reason, caught.causes, caught.retry_after) == (reason, causes, retry_after)
    assert len(served.seen) == 2


async def test_requests_pass_on_what_they_are_given(serve: Serve, connect: Connect) -> None:
    packed = gzip.compress(b"body")
    asked = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        asked.append((request.method, await request.read(), request.headers.get("Accept-Encoding")))
        return web.Response(status=409, body=packed, headers={"Content-Encoding": "gzip"})

    served = await serve(handler)
    connection = await connect(served.url, {"token": "t"})
    for headers in ({}, {"Accept-Encoding": "zstd", "Content-Type": "application/yaml"}):
        answer = await connection.request("PATCH", "/x", headers=headers, data=b"a: b", timeout=LIMITS)
        assert (answer.status, await answer.read()) == (409, packed)
    assert asked == [("PATCH", b"a: b", None), ("PATCH", b"a: b", "zstd")]
    assert [seen.get("Content-Type") for seen in served.seen] == [None, "application/yaml"]


async def test_only_what_can_be_sent_again_is(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "token"
    served = await serve(only("new"))

    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    for data, statuses in ((b"x", [401, 200]), (None, [401, 200]), (body(), [401])):
        file.write_text("old")
        connection = await connect(served.url, {"tokenFile": str(file)})
        await (await connection.request("GET", "/", timeout=LIMITS)).read()
        file.write_text("new")
        served.seen.clear()
        answer = await connection.request("POST", "/", data=data, timeout=LIMITS)
        await answer.read()
        assert (len(served.seen), answer.status) == (len(statuses), statuses[-1])


# Watches


async def test_long_line_comes_whole_however_it_was_cut(raw: Start) -> None:
    long = b"a" * 3_000_000
    text = b'{"n":1}\n' + long + b'\n{"n":2}\n\n{"n":3}\n'
    sent = [CHUNKED, *(chunk(piece) for piece in pieces(text, 50_000)), b"0\r\n\r\n"]
    connection = await raw(Raw(*sent))
    assert await lines_of(connection) == [b'{"n":1}', long, b'{"n":2}', b'{"n":3}']


async def test_lines_come_as_soon_as_they_are_complete(listen: Listen, connect: Connect) -> None:
    seen = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(CHUNKED + chunk(b"1\n2\n3"))
        await seen.wait()
        writer.write(chunk(b"4\n") + b"0\r\n\r\n")

    connection = await connect(f"http://127.0.0.1:{await listen(speak)}")
    batches = []
    async with connection.watch("/", {}) as lines:
        async for batch in lines:
            batches.append(batch)
            seen.set()
    assert batches == [[b"1", b"2"], [b"34"]]


async def test_packed_watch_is_unpacked_member_by_member(raw: Start) -> None:
    """API servers pack although asked not to where something between insists, one member a flush."""
    head = HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    members = [chunk(gzip.compress(b"%d\n" % number)) for number in range(3)]
    server = Raw(head, *members, b"0\r\n\r\n")
    connection = await raw(server)
    assert await lines_of(connection) == [b"0", b"1", b"2"]
    assert "Accept-Encoding: identity\r\n" in server.heads[0]


LOST = "the connection was lost in the middle of an answer"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([CHUNKED, chunk(b'1\n{"t'), b"0\r\n\r\n"], "the connection was lost in the middle of an event"),
        ([CHUNKED, chunk(b"1\n")], LOST),
        ([CHUNKED, b"40\r\n1\n"], LOST),
        ([CHUNKED, chunk(b"1\n"), b"rubbish\r\n"], "the server does not speak HTTP, or not as it should"),
        ([HEAD + b"Content-Length: 9\r\n\r\n1\n"], LOST),
    ],
)
async def test_watch_that_breaks_says_so(raw: Start, sent: list[bytes], said: str) -> None:
    connection = await raw(Raw(*sent))
    found: list[bytes] = []
    with pytest.raises(ConnectionFailed) as caught:
        await follow(connection, found)
    # What comes together with the end may be lost with it; a watch is resumed from what was seen.
    assert found in ([], [b"1"])
    assert str(caught.value) == said


async def test_watch_that_is_answered_with_a_page_says_so(raw: Start) -> None:
    connection = await raw(Raw(CHUNKED, chunk(b"<html>log in"), b"0\r\n\r\n"))
    with pytest.raises(WireError, match="an answer that is no event"):
        await follow(connection, [])


async def test_half_open_watch_is_given_up(raw: Start) -> None:
    server = Raw(CHUNKED, chunk(b"1\n"), stay=True)
    connection = await raw(server, idle_timeout=1.5)
    found: list[bytes] = []
    with pytest.raises(ConnectionFailed) as caught:
        await follow(connection, found)
    assert found == [b"1"]
    assert str(caught.value) == "the server said nothing for 1.5 s"
    await asyncio.wait_for(server.closed.wait(), 30)


async def test_watch_lasts_as_long_as_something_comes(listen: Listen, connect: Connect) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(CHUNKED)
        for number in range(8):
            await asyncio.sleep(0.4)
            writer.write(chunk(b"%d\n" % number))
        writer.write(b"0\r\n\r\n")

    connection = await connect(f"http://127.0.0.1:{await listen(speak)}", idle_timeout=2.5)
    assert len(await lines_of(connection)) == 8


async def test_watch_that_is_left_closes_its_connection(raw: Start) -> None:
    server = Raw(CHUNKED, chunk(b"1\n"), chunk(b"2\n"), stay=True)
    connection = await raw(server)
    async with connection.watch("/", {}) as lines:
        async for _ in lines:
            break
    await asyncio.wait_for(server.closed.wait(), 30)


async def test_error_in_the_midst_of_a_watch_is_not_taken_for_the_connections(raw: Start) -> None:
    connection = await raw(Raw(CHUNKED, chunk(b"1\n"), stay=True))

    async def fail() -> None:
        async with connection.watch("/", {}) as lines:
            async for _ in lines:
                raise OSError("ours")

    with pytest.raises(OSError, match="ours"):
        await fail()


# No answer


async def failure(connection: Connection, timeout: float = 30) -> str:  # noqa: ASYNC109
    with pytest.raises(ConnectionFailed) as caught:
        await connection.get("/", timeout=timeout)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


async def test_server_that_is_not_there(connect: Connect) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for scheme in ("http", "https"):
            connection = await connect(f"{scheme}://127.0.0.1:{port}")
            assert await failure(connection) == f"cannot connect to 127.0.0.1:{port}: connection refused"
    connection = await connect("http://nowhere.invalid:1")
    assert (await failure(connection)).startswith("name not known: nowhere.invalid: ")


async def test_server_that_does_not_accept(connect: Connect) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        with socket.create_connection(deaf.getsockname()):
            connection = await connect(f"http://127.0.0.1:{deaf.getsockname()[1]}", connect_timeout=0.3)
            assert await failure(connection) == "cannot connect: timed out after 0.3 s"
            assert await failure(connection, timeout=0.2) == "timed out after 0.2 s"


async def test_server_that_resets_its_connections(listen: Listen, connect: Connect) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    connection = await connect(f"http://127.0.0.1:{await listen(speak)}")
    assert await failure(connection) == "the connection was lost: connection reset by peer"


def test_server_whose_addresses_all_fail_is_told_once() -> None:
    """So asyncio says it where the addresses fail for several reasons."""
    tried = "[Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 101] Connect call failed ('::2', 1)"
    with pytest.raises(ConnectionFailed) as caught, raising_connection_failed(LIMITS):
        raise OSError(f"Multiple exceptions: {tried}")
    assert str(caught.value) == "the connection was lost: connection refused"


async def test_server_that_does_not_shake_hands(listen: Listen, connect: Connect) -> None:
    port = await listen(lambda reader, _: reader.read(-1))
    connection = await connect(f"https://127.0.0.1:{port}", connect_timeout=0.3)
    assert await failure(connection) == "cannot connect: timed out after 0.3 s"


async def test_server_that_does_not_answer(raw: Start) -> None:
    began = time.monotonic()
    assert await failure(await raw(Raw(stay=True)), timeout=0.3) == "timed out after 0.3 s"
    assert await failure(await raw(Raw(CHUNKED, stay=True)), timeout=0.3) == "timed out after 0.3 s"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("answer", [(), (HEAD + b"Content-Length: 5\r\n\r\n{",)])
async def test_cancelling_as_the_time_ends_is_not_lost(raw: Start, answer: tuple[bytes, ...]) -> None:
    connection = await raw(server := Raw(*answer, stay=True))
    asking = asyncio.create_task(connection.get("/api/v1/pods", timeout=0.3))
    async with asyncio.timeout(10):
        await server.asked.wait()
    await asyncio.sleep(0.05)
    # Both are due when the loop goes on.
    asyncio.get_running_loop().call_later(0.3, asking.cancel)
    time.sleep(0.4)  # noqa: ASYNC251
    await asyncio.wait({asking}, timeout=5)
    assert asking.cancelled()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "the server closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the server does not speak HTTP, or not as it should"),
        (HEAD + b"Content-Length: 9\r\n\r\n{}", "the connection was lost in the middle of an answer"),
        (
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\noops",
            "the connection was lost in the middle of an answer",
        ),
    ],
)
async def test_server_that_speaks_something_else(raw: Start, answer: bytes, said: str) -> None:
    assert await failure(await raw(Raw(answer))) == said


async def test_server_that_speaks_no_tls_and_one_that_does(
    serve: Serve, connect: Connect, authority: Authority
) -> None:
    plain = await serve()
    said = await failure(await connect(f"https://127.0.0.1:{plain.port}"))
    assert said.startswith(f"cannot connect to 127.0.0.1:{plain.port}: ")
    assert "_ssl.c" not in said
    assert "[" not in said
    secure = await serve(tls=authority.server())
    assert await failure(await connect(f"http://127.0.0.1:{secure.port}"))


async def test_closing_twice_or_unused_is_fine(serve: Serve) -> None:
    unused = Connection(await access_to("http://127.0.0.1:1"))
    await unused.close()
    connection = Connection(await access_to((await serve()).url))
    await connection.get("/")
    await connection.close()
    await connection.close()


@pytest.mark.parametrize("reading", [True, False])
async def test_closing_ends_open_watches(raw: Start, reading: bool) -> None:
    server = Raw(CHUNKED, chunk(b"1\n"), stay=True)
    connection = await raw(server)

    async def watch() -> None:
        async with connection.watch("/", {}) as lines:
            async for _ in lines:
                closing = asyncio.create_task(connection.close())
                if not reading:
                    await closing
            await closing

    with pytest.raises(ConnectionFailed, match=r"closed on this side|connection was lost"):
        await watch()
    await asyncio.wait_for(server.closed.wait(), 30)
    assert await failure(connection) == "the connection was closed on this side"
