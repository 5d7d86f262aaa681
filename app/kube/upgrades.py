"""A connection that stops being HTTP: exec, attach and port-forward, over WebSocket or SPDY.

h11 writes the request and reads the answer, and has no part in the connection itself: what follows
a 101 are bytes that are passed on as they come, in both directions.
"""

import asyncio
import base64
import re
from collections.abc import Callable
from ssl import SSLContext, create_default_context

import h11
import msgspec
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from app.kube.api_errors import CannotConnect, ConnectionFailed
from app.kube.auth.cluster_access import Access
from app.kube.auth.socks import connect_through, is_socks
from app.kube.failure_text import tidy
from app.kube.tcp_sockets import keep_alive

# What dials a kubelet before it answers gives up after 30 s itself.
ANSWER_SECONDS = 60.0
# Of the head of an answer, and of an answer that refuses.
LONGEST_HEAD = 64 * 1024
LONGEST_REFUSAL = 1024 * 1024
_VERSIONS = (b"1.0", b"1.1")
# What a request line cannot hold as it is.
_TO_QUOTE = re.compile(rb"[^\x21-\x7e]")


class Upgrade(msgspec.Struct):
    """An API server's answer to the request for an upgrade.

    With ``status`` 101 ``reader`` and ``writer`` are the connection, for the caller to close; with any
    other it is closed, and ``body`` is the refusal's, still encoded as ``Content-Encoding`` says.
    """

    status: int
    reason: str
    headers: CIMultiDict[str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    body: bytes = b""


async def request_upgrade(
    access: Access,
    tls: SSLContext | None,
    method: str,
    target: URL,
    headers: CIMultiDict[str],
    connect_timeout: float,
    opened: Callable[[asyncio.StreamWriter], None],
) -> Upgrade:
    """Open a connection to ``target`` and send the request for the upgrade that the headers name.

    ``connect_timeout`` is in seconds, for the connection alone. ``opened`` is called with the connection
    before anything is sent; where it raises, nothing is. Raises ConnectionFailed, and CannotConnect where
    nothing has been sent.
    """
    reader, writer = await _connect(access, tls, target, connect_timeout)
    try:
        opened(writer)
        async with asyncio.timeout(ANSWER_SECONDS):
            http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
            writer.write(_request(http, method, target.raw_path_qs, target, headers))
            await writer.drain()
            answer = Upgrade(*await _answer_head(http, reader), reader, writer)
            if answer.status != 101:
                answer.body = await _body(http, reader)
                writer.close()
    except BaseException as error:
        writer.transport.abort()
        match error:
            case TimeoutError():
                raise ConnectionFailed(f"timed out after {ANSWER_SECONDS:g} s") from None
            case EOFError():
                raise ConnectionFailed("the server closed the connection without an answer") from None
            case OSError():
                raise ConnectionFailed(f"the connection was lost: {tidy(error)}") from None
            case asyncio.LimitOverrunError() | h11.RemoteProtocolError():
                raise ConnectionFailed("the server does not speak HTTP, or not as it should") from None
        raise
    return answer


async def _connect(
    access: Access, tls: SSLContext | None, target: URL, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to the server, through the proxy if there is one. Raises CannotConnect."""
    if access.proxy is not None and is_socks(access.proxy):
        return await _connect_through(access.proxy, access, tls, target, seconds)
    proxy = URL(access.proxy) if access.proxy else None
    first = proxy or target
    name = access.server_hostname or target.host
    secure = (tls or create_default_context()) if "https" in (target.scheme, first.scheme) else None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                first.host,
                first.port,
                limit=LONGEST_HEAD,
                ssl=secure if first.scheme == "https" else None,
                server_hostname=(first.host if proxy else name) if first.scheme == "https" else None,
            )
            try:
                keep_alive(writer.get_extra_info("socket"))
                if proxy is not None:
                    await _tunnel(proxy, target, reader, writer)
                    if target.scheme == "https":
                        assert secure is not None
                        await writer.start_tls(secure, server_hostname=name)
            except BaseException:
                writer.transport.abort()
                raise
    except TimeoutError:
        raise CannotConnect(f"cannot connect: timed out after {seconds:g} s") from None
    except OSError as error:
        raise CannotConnect(f"cannot connect to {first.host}:{first.port}: {tidy(error)}") from None
    except (EOFError, asyncio.LimitOverrunError, h11.RemoteProtocolError):
        raise CannotConnect("the proxy does not speak HTTP, or not as it should") from None
    return reader, writer


async def _connect_through(
    proxy: str, access: Access, tls: SSLContext | None, target: URL, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to the server through a SOCKS proxy. Raises CannotConnect."""
    assert target.host is not None
    assert target.port is not None
    secure = (tls or create_default_context()) if target.scheme == "https" else None
    name = (access.server_hostname or target.host) if secure else None
    tcp_socket = await connect_through(proxy, target.host, target.port, seconds)
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.open_connection(
                sock=tcp_socket, limit=LONGEST_HEAD, ssl=secure, server_hostname=name
            )
    except TimeoutError:
        tcp_socket.close()
        raise CannotConnect(f"cannot connect: timed out after {seconds:g} s") from None
    except OSError as error:
        tcp_socket.close()
        raise CannotConnect(f"cannot connect to {target.host}:{target.port}: {tidy(error)}") from None


async def _tunnel(
    proxy: URL, target: URL, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Have the proxy connect to the server (RFC 9110, section 9.3.6). Raises CannotConnect."""
    headers = CIMultiDict[str]()
    if proxy.user is not None:
        pair = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
        headers[hdrs.PROXY_AUTHORIZATION] = f"Basic {pair}"
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
    authority = f"{target.host_subcomponent}:{target.port}"
    writer.write(_request(http, hdrs.METH_CONNECT, authority, target, headers))
    await writer.drain()
    status, reason, _ = await _answer_head(http, reader)
    if status != 200:
        raise CannotConnect(f"the proxy refuses to connect: {status} {reason}")


def _request(
    http: h11.Connection, method: str, request_target: str, target: URL, headers: CIMultiDict[str]
) -> bytes:
    """Return a request without a body. Raises ConnectionFailed where HTTP cannot carry it."""
    lines = [(hdrs.HOST, target.host_port_subcomponent or ""), *headers.items()]
    try:
        request = h11.Request(
            method=method,
            target=_TO_QUOTE.sub(lambda match: b"%%%02X" % match[0][0], _encoded(request_target)),
            headers=[(name.encode(), _encoded(value)) for name, value in lines],
        )
        return http.send(request) + http.send(h11.EndOfMessage())
    except h11.LocalProtocolError as error:
        raise ConnectionFailed(f"the request cannot be sent: {error}") from None


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


async def _answer_head(
    http: h11.Connection, reader: asyncio.StreamReader
) -> tuple[int, str, CIMultiDict[str]]:
    """Read the status, the reason and the headers of an answer, and nothing of what follows them.

    Raises h11.RemoteProtocolError for what is no answer, and what reading raises.
    """
    while True:
        http.receive_data(await reader.readuntil(b"\r\n\r\n"))
        event = http.next_event()
        if not isinstance(event, h11.InformationalResponse | h11.Response) or (
            event.http_version not in _VERSIONS
        ):
            raise h11.RemoteProtocolError("no answer of HTTP/1.1")
        if http.their_state is h11.SWITCHED_PROTOCOL and http.trailing_data[0]:
            raise h11.RemoteProtocolError("a head that ends in another way")
        if event.status_code == 101 or event.status_code >= 200:
            headers = CIMultiDict[str]()
            for name, value in event.headers.raw_items():
                headers.add(name.decode(), value.decode("utf-8", "surrogateescape"))
            return event.status_code, event.reason.decode(errors="replace"), headers


async def _body(http: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    """Read the body of an answer.

    Raises h11.RemoteProtocolError where it is too long or not as it should be, EOFError where it is cut
    short, and what reading raises.
    """
    body, ended = b"", False
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError:
            if ended:
                raise EOFError from None
            raise
        if event is h11.NEED_DATA:
            piece = await reader.read(LONGEST_HEAD)
            ended = not piece
            http.receive_data(piece)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LONGEST_REFUSAL:
                raise h11.RemoteProtocolError("a refusal that is too long")
        else:
            return body
