"""A connection that stops being HTTP: exec, attach and port-forward, over WebSocket or SPDY.

The request is written by hand and its answer read by hand, because what follows a 101 is not
for any HTTP library: bytes that are passed on as they come, in both directions.
"""

import asyncio
import base64
import re
from ssl import SSLContext, create_default_context

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
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")


class Upgrade(msgspec.Struct):
    """What was answered. With 101 ``reader`` and ``writer`` are the connection, otherwise ``body`` is
    what the refusal says, as it came."""

    status: int
    reason: str
    headers: CIMultiDict[str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    body: bytes = b""


async def ask(
    access: Access,
    tls: SSLContext | None,
    method: str,
    target: URL,
    headers: CIMultiDict[str],
    connect_timeout: float,
) -> Upgrade:
    """Ask for the upgrade that the headers name. Raises ConnectionFailed."""
    reader, writer = await _connect(access, tls, target, connect_timeout)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(_head(f"{method} {target.raw_path_qs} HTTP/1.1", target, headers))
            await writer.drain()
            answer = Upgrade(*await _answer_head(reader), reader, writer)
            if answer.status != 101:
                answer.body = await _body(reader, answer.headers)
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
            case asyncio.LimitOverrunError() | ValueError():
                raise ConnectionFailed("the server does not speak HTTP, or not as it should") from None
        raise
    return answer


async def _connect(
    access: Access, tls: SSLContext | None, target: URL, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the server, through the proxy if there is one. Raises CannotConnect."""
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
                    await _pass(proxy, target, reader, writer)
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
    except (EOFError, ValueError, asyncio.LimitOverrunError):
        raise CannotConnect("the proxy does not speak HTTP, or not as it should") from None
    return reader, writer


async def _connect_through(
    proxy: str, access: Access, tls: SSLContext | None, target: URL, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The same through a SOCKS proxy. Raises CannotConnect."""
    assert target.host is not None
    assert target.port is not None
    secure = (tls or create_default_context()) if target.scheme == "https" else None
    name = (access.server_hostname or target.host) if secure else None
    made = await connect_through(proxy, target.host, target.port, seconds)
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.open_connection(
                sock=made, limit=LONGEST_HEAD, ssl=secure, server_hostname=name
            )
    except TimeoutError:
        made.close()
        raise CannotConnect(f"cannot connect: timed out after {seconds:g} s") from None
    except OSError as error:
        made.close()
        raise CannotConnect(f"cannot connect to {target.host}:{target.port}: {tidy(error)}") from None


async def _pass(proxy: URL, target: URL, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Have the proxy lead to the server. Raises CannotConnect where it will not."""
    headers = CIMultiDict[str]()
    if proxy.user is not None:
        pair = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
        headers[hdrs.PROXY_AUTHORIZATION] = f"Basic {pair}"
    place = f"{target.host_subcomponent}:{target.port}"
    writer.write(_head(f"CONNECT {place} HTTP/1.1", target, headers))
    await writer.drain()
    status, reason, _ = await _answer_head(reader)
    if status != 200:
        raise CannotConnect(f"the proxy refuses to connect: {status} {reason}")


def _head(first: str, target: URL, headers: CIMultiDict[str]) -> bytes:
    lines = [first, f"{hdrs.HOST}: {target.host_port_subcomponent}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


async def _answer_head(reader: asyncio.StreamReader) -> tuple[int, str, CIMultiDict[str]]:
    """Raises ValueError for what is no answer, and what reading raises."""
    while True:
        lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        found = _STATUS_LINE.fullmatch(lines[0])
        if found is None:
            raise ValueError("no status line")
        headers = CIMultiDict[str]()
        for line in lines[1:]:
            header = _HEADER.fullmatch(line)
            if header is None:
                raise ValueError("no header")
            headers.add(header[1].decode(), header[2].decode("utf-8", "surrogateescape"))
        status = int(found[1])
        if status == 101 or status >= 200:
            return status, (found[2] or b"").decode(errors="replace"), headers


async def _body(reader: asyncio.StreamReader, headers: CIMultiDict[str]) -> bytes:
    """Raises ValueError where it is too long or not as it should be, and what reading raises."""
    if headers.get(hdrs.TRANSFER_ENCODING, "").lower() == "chunked":
        return await _chunks(reader)
    if hdrs.CONTENT_LENGTH in headers:
        return await reader.readexactly(_size(headers[hdrs.CONTENT_LENGTH], 10))
    body = b""
    while piece := await reader.read(LONGEST_HEAD):
        body += piece
        _size(str(len(body)), 10)
    return body


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := _size((await reader.readline()).partition(b";")[0].decode("ascii").strip(), 16):
        body += await reader.readexactly(size)
        _size(str(len(body)), 10)
        await reader.readline()
    return body


def _size(text: str, base: int) -> int:
    size = int(text, base) if text.isalnum() else -1
    if not 0 <= size <= LONGEST_REFUSAL:
        raise ValueError("a length that cannot be")
    return size
