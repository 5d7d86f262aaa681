"""The way through proxies: those of a kubeconfig, and those of the environment."""

import asyncio
from collections.abc import Mapping

import pytest
from yarl import URL

from app.kube.api_errors import AccessError, ConnectionFailed
from app.kube.auth.proxies import proxy_for
from tests.connecting.certificates import Authority, b64
from tests.connecting.conftest import Connect, Listen, Serve, access_to


class Proxy:
    """A proxy that tunnels, or answers ``refusal``; ``heads`` are what it was asked."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.refusal = refusal
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.split(" ", 2)
        if self.refusal or method != "CONNECT":
            writer.write(self.refusal or b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
            return
        host, _, port = target.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def test_proxy_of_the_kubeconfig_tunnels_tls(
    serve: Serve, listen: Listen, connect: Connect, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(tls=authority.server("kubernetes.default", "127.0.0.1", clients=True))
    proxy = Proxy()
    port = await listen(proxy)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    cluster = authority.cluster(served.url) | {
        "proxy-url": f"http://user:pass@127.0.0.1:{port}",
        "tls-server-name": "kubernetes.default",
    }
    await (await connect(cluster, authority.issue("jane").user() | {"token": "t"})).get("/")
    assert served.shown == ["jane"]
    assert served.authorizations == ["Bearer t"]
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{served.port} ")
    assert f"Proxy-Authorization: Basic {b64(b'user:pass')}" in head
    assert "Bearer" not in head


async def test_plain_http_is_asked_of_the_proxy(listen: Listen, connect: Connect) -> None:
    proxy = Proxy()
    port = await listen(proxy)
    cluster = {"server": "http://kubernetes.example:8080", "proxy-url": f"http://127.0.0.1:{port}"}
    assert await (await connect(cluster)).get("/version") == b"{}"
    assert proxy.heads[0].startswith("GET http://kubernetes.example:8080/version ")


async def test_proxy_that_fails_is_told_from_the_server(
    listen: Listen, connect: Connect, authority: Authority
) -> None:
    port = await listen(Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"))
    silent = await listen(lambda reader, _: reader.read(-1))
    for number, seconds, said in (
        (port, 30, "the proxy refuses to connect: 407 Proxy Authentication Required"),
        (1, 30, "cannot connect to the proxy 127.0.0.1:1: connection refused"),
        (silent, 0.5, "cannot connect: timed out after 0.5 s"),
    ):
        cluster = authority.cluster("https://127.0.0.1:2") | {"proxy-url": f"http://127.0.0.1:{number}"}
        with pytest.raises(ConnectionFailed) as caught:
            await (await connect(cluster, connect_timeout=seconds)).get("/")
        assert str(caught.value) == said


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (
            "socks4://u:s3cret@h:1080",
            "proxy-url: 'socks4://h:1080' is not accepted; accepted is an http, https or socks5 URL",
        ),
        ("u:s3cret@h:1080", "proxy-url: 'h:1080' is not accepted; accepted is an http, https or socks5 URL"),
        ("ftp://h", "proxy-url: 'ftp://h' is not accepted; accepted"),
        ("http://[::1", "proxy-url is no URL"),
    ],
)
async def test_proxy_that_is_not_supported_is_refused(proxy: str, said: str) -> None:
    with pytest.raises(AccessError) as caught:
        await access_to({"server": "https://h", "proxy-url": proxy})
    assert str(caught.value).startswith(said)
    assert "s3cret" not in str(caught.value)


async def test_environment_names_the_proxy_where_the_kubeconfig_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert (await access_to("https://10.1.2.3")).proxy == "http://proxy:3128"
    assert (await access_to("http://10.1.2.3")).proxy is None
    assert (await access_to({"server": "https://h", "proxy-url": "http://own:1"})).proxy == "http://own:1"
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert (await access_to("https://10.1.2.3")).proxy is None
    monkeypatch.setenv("HTTPS_PROXY", "socks5://h:1080")
    assert (await access_to("https://h")).proxy == "socks5://h:1080"


@pytest.mark.parametrize(
    ("server", "environ", "proxied"),
    [
        ("https://h", {"https_proxy": "proxy:1"}, True),
        ("https://h", {"HTTPS_PROXY": "http://proxy:1", "https_proxy": "http://other:1"}, True),
        ("https://h", {"HTTP_PROXY": "proxy:1"}, False),
        ("https://h", {"ALL_PROXY": "proxy:1"}, False),
        ("http://h", {"HTTP_PROXY": "proxy:1"}, True),
        ("https://localhost", {"HTTPS_PROXY": "proxy:1"}, False),
        ("https://127.3.2.1:6443", {"HTTPS_PROXY": "proxy:1"}, False),
        ("https://[::1]:6443", {"HTTPS_PROXY": "proxy:1"}, False),
    ],
)
def test_proxy_is_found_as_go_finds_it(server: str, environ: Mapping[str, str], proxied: bool) -> None:
    assert proxy_for(URL(server), environ) == ("http://proxy:1" if proxied else None)


@pytest.mark.parametrize(
    ("host", "excepted", "direct"),
    [
        ("api.example.com", "*", True),
        ("api.example.com", "example.com", True),
        ("example.com", "example.com", True),
        ("example.com", ".example.com", False),
        ("api.example.com", ".example.com", True),
        ("api.example.com", "*.example.com", True),
        ("badexample.com", "example.com", False),
        ("API.Example.com", "x, api.EXAMPLE.com ,y", True),
        ("h", "h:6443", True),
        ("h", "h:443", False),
        ("h", ",,", False),
        ("h", "", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:6443", True),
        ("10.1.2.3", "10.1.2.3:443", False),
        ("10.1.2.3", "fd00::/8", False),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("[fd00::1]", "fd00::/8", True),
        ("[fd00::1]", "[fd00::1]:6443", True),
        ("h", "10.0.0.0/8", False),
    ],
)
def test_exceptions_are_those_of_go(host: str, excepted: str, direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        environ = {"HTTPS_PROXY": "http://proxy:1", name: excepted}
        assert (proxy_for(URL(f"https://{host}:6443"), environ) is None) == direct
