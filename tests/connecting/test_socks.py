"""SOCKS5 proxies: everything that is asked of an API server goes through them, names included."""

import asyncio
import struct

import pytest
from aiohttp import web

from app.kube.api_errors import CannotConnect
from tests.connecting.certificates import Authority
from tests.connecting.conftest import Connect, Listen, Serve
from tests.connecting.test_proxies import pump


class Socks:
    """A SOCKS5 server (RFC 1928, 1929) that leads wherever it is asked to, at ``port`` of this machine.

    ``login`` is what it wants; ``targets`` are the hosts that it was asked for, and ``types`` how:
    1 an IPv4 address, 3 a name, 4 an IPv6 address. With ``refusal`` that is its answer.
    """

    def __init__(self, port: int, login: tuple[str, str] | None = None, refusal: int = 0) -> None:
        self.port = port
        self.login = login
        self.refusal = refusal
        self.targets: list[str] = []
        self.types: list[int] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, number = await reader.readexactly(2)
        offered = await reader.readexactly(number)
        method = 2 if self.login else 0
        writer.write(bytes((5, method if method in offered else 255)))
        if self.login:
            _, size = await reader.readexactly(2)
            user = (await reader.readexactly(size)).decode()
            (size,) = await reader.readexactly(1)
            password = (await reader.readexactly(size)).decode()
            writer.write(bytes((1, int((user, password) != self.login))))
        _, _, _, kind = await reader.readexactly(4)
        size = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        host = await reader.readexactly(size)
        await reader.readexactly(2)
        self.types.append(kind)
        self.targets.append(host.decode() if kind == 3 else ".".join(map(str, host)))
        writer.write(struct.pack("!BBBBIH", 5, self.refusal, 0, 1, 0, 0))
        if self.refusal:
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_names_are_looked_up_by_the_proxy_and_tls_is_end_to_end(
    scheme: str, serve: Serve, listen: Listen, connect: Connect, authority: Authority
) -> None:
    served = await serve(tls=authority.server("api.of-the-far.example", clients=True))
    socks = Socks(served.port, ("user", "p:ss/"))
    proxy = f"{scheme}://user:p%3Ass%2F@127.0.0.1:{await listen(socks)}"
    cluster = authority.cluster("https://api.of-the-far.example:6443") | {"proxy-url": proxy}
    connection = await connect(cluster, authority.issue("jane").user() | {"token": "t"})
    assert await connection.get("/version") == b"{}"
    assert (socks.targets, socks.types) == (["api.of-the-far.example"], [3])
    assert served.shown == ["jane"]
    assert served.authorizations == ["Bearer t"]


async def test_the_name_to_verify_may_be_another(
    serve: Serve, listen: Listen, connect: Connect, authority: Authority
) -> None:
    served = await serve(tls=authority.server("kubernetes.default"))
    socks = Socks(served.port)
    cluster = authority.cluster("https://10.1.2.3:6443") | {
        "proxy-url": f"socks5://127.0.0.1:{await listen(socks)}",
        "tls-server-name": "kubernetes.default",
    }
    assert await (await connect(cluster)).get("/version") == b"{}"
    assert (socks.targets, socks.types) == (["10.1.2.3"], [1])


async def test_watches_and_what_is_forwarded_go_through_it(
    serve: Serve, listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def watch(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"a":1}\n')
        await asyncio.sleep(0.05)
        await response.write(b'{"b":2}\n')
        return response

    served = await serve(watch)
    socks = Socks(served.port)
    # Of the environment, as Go programs take it, too.
    monkeypatch.setenv("HTTP_PROXY", f"socks5://127.0.0.1:{await listen(socks)}")
    connection = await connect("http://api.example:8080")
    async with connection.watch("/api/v1/pods", {"watch": "1"}) as batches:
        assert [line async for lines in batches for line in lines] == [b'{"a":1}', b'{"b":2}']
    async with connection.stream("/logs", {}) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == b'{"a":1}\n{"b":2}\n'
    answer = await connection.send("POST", "/api/v1/pods", body=b"{}")
    assert (answer.status, answer.body) == (200, b'{"a":1}\n{"b":2}\n')
    assert set(socks.targets) == {"api.example"}


@pytest.mark.parametrize("secure", [True, False])
async def test_upgrades_go_through_it(
    secure: bool, listen: Listen, serve: Serve, connect: Connect, authority: Authority
) -> None:
    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(f"for {request.headers['Host']}")
        await socket.close()
        return socket

    served = await serve(echo, tls=authority.server("api.example") if secure else None)
    socks = Socks(served.port)
    cluster = (
        authority.cluster("https://api.example:6443") if secure else {"server": "http://api.example:6443"}
    )
    connection = await connect(cluster | {"proxy-url": f"socks5://127.0.0.1:{await listen(socks)}"})
    answer = await connection.upgrade(
        "GET",
        "/exec",
        {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    )
    assert answer.status == 101
    assert b"for api.example:6443" in await answer.reader.read(100)
    answer.writer.close()
    assert socks.targets == ["api.example"]


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (0, "the proxy refuses to connect: Username and password"),
        (5, "the proxy refuses to connect: Connection refused"),
    ],
)
async def test_a_proxy_that_refuses_says_why(
    refusal: int, said: str, listen: Listen, connect: Connect
) -> None:
    socks = Socks(1, None if refusal else ("user", "right"), refusal)
    proxy = f"socks5://user:wr0ng@127.0.0.1:{await listen(socks)}"
    connection = await connect({"server": "http://api.example", "proxy-url": proxy})
    with pytest.raises(CannotConnect) as caught:
        await connection.get("/version")
    assert str(caught.value).startswith(said)
    assert "wr0ng" not in str(caught.value)
    with pytest.raises(CannotConnect, match="the proxy refuses to connect"):
        await connection.upgrade("GET", "/exec", {})


async def test_a_proxy_that_is_down_or_silent_is_told(listen: Listen, connect: Connect) -> None:
    silent = await listen(lambda reader, _: reader.read(-1))
    for port, said in (
        (1, "cannot connect to the proxy 127.0.0.1:1: "),
        (silent, "cannot connect: timed out after 0.5 s"),
    ):
        cluster = {"server": "http://api.example", "proxy-url": f"socks5://127.0.0.1:{port}"}
        with pytest.raises(CannotConnect) as caught:
            await (await connect(cluster, connect_timeout=0.5)).get("/version")
        assert str(caught.value).startswith(said)
