"""One API server's HTTP session: answers, watch lines, and requests passed on as they are."""

import re
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import ClientTimeout, hdrs
from multidict import CIMultiDict
from yarl import URL

from app.kube.access import Access
from app.kube.errors import ApiError, ConnectionFailed
from app.kube.lines import LineSplitter
from app.version import version

READ_BYTES = 256 * 1024
KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


class Connection:
    """Everything that is asked of one API server.

    ``connect_timeout`` and ``idle_timeout`` are in seconds; the latter is how long an
    open watch may say nothing before it is given up as half-open: HTTP/1.1 has no ping.
    """

    def __init__(self, access: Access, *, connect_timeout: float = 10.0, idle_timeout: float = 70.0) -> None:
        self.server = access.server
        self._access = access
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._session: aiohttp.ClientSession | None = None

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> bytes:
        """The body of an answer. Raises ApiError, ConnectionFailed and AccessError."""
        # Unpacking costs this one process more than the wire costs a cluster near by.
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        limits = ClientTimeout(total=timeout, sock_connect=self._connect_timeout)
        answer = await self.request("GET", path, params=params, headers=headers, timeout=limits)
        with _in_words(limits):
            async with answer:
                body = await answer.read()
        if answer.status != 200:
            raise _api_error(answer, body)
        return body

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """The lines of a watch once it is answered, those of a received chunk at a time.

        Raises ApiError where the answer is an error, ConnectionFailed where it breaks
        and AccessError; WireError where a line never ends.
        """
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        limits = ClientTimeout(total=None, sock_connect=self._connect_timeout, sock_read=self._idle_timeout)
        answer = await self.request("GET", path, params=params, headers=headers, timeout=limits)
        try:
            if answer.status != 200:
                with _in_words(limits):
                    body = await answer.read()
                raise _api_error(answer, body)
            yield self._lines(answer, limits)
        finally:
            answer.close()

    async def _lines(
        self, answer: aiohttp.ClientResponse, limits: ClientTimeout
    ) -> AsyncIterator[list[bytes]]:
        splitter = LineSplitter()
        with _in_words(limits):
            async for chunk in answer.content.iter_any():
                if lines := splitter.feed(chunk):
                    yield lines
        if splitter.rest():
            raise ConnectionFailed("the connection was lost in the middle of an event")

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        timeout: ClientTimeout,  # noqa: ASYNC109
    ) -> aiohttp.ClientResponse:
        """The answer as it comes, its status unchecked and redirects not followed.

        The credentials are renewed once where they are refused and the request can be
        sent again. Raises ConnectionFailed and AccessError.
        """
        answer = await self._send(method, path, params, headers, data, timeout)
        repeatable = data is None or isinstance(data, bytes | str)
        if answer.status == 401 and repeatable and await self._access.renew():
            answer.close()
            answer = await self._send(method, path, params, headers, data, timeout)
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        data: Any,
        timeout: ClientTimeout,  # noqa: ASYNC109
    ) -> aiohttp.ClientResponse:
        access = self._access
        sent = CIMultiDict(headers or {})
        sent.extend(await access.headers())
        with _in_words(timeout):
            return await self._open().request(
                method,
                URL(self.server + path, encoded=True),
                params=params,
                headers=sent,
                data=data,
                timeout=timeout,
                ssl=access.ssl if access.ssl is not None else True,
                server_hostname=access.server_hostname,
                proxy=access.proxy,
                allow_redirects=False,
            )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Watches hold their connections, so a limit would one day hang all else.
                connector=aiohttp.TCPConnector(limit=0, socket_factory=_socket),
                headers={hdrs.USER_AGENT: f"k8s-mcp-server/{version()}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,
                read_bufsize=READ_BYTES,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None
    retryAfterSeconds: float | None = None


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    details: _Details | None = None


def _api_error(answer: aiohttp.ClientResponse, body: bytes) -> ApiError:
    """The error of an answer, whether it is a Status of Kubernetes or some proxy's page."""
    try:
        status = msgspec.json.decode(body, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = _Status()
    details = status.details or _Details()
    given = answer.headers.get(hdrs.RETRY_AFTER, "")
    return ApiError(
        answer.status,
        status.message or answer.reason or "error",
        reason=status.reason,
        causes=tuple(cause.reason for cause in details.causes or ()),
        retry_after=float(given) if given.isdecimal() else details.retryAfterSeconds,
    )


@contextmanager
def _in_words(limits: ClientTimeout) -> Iterator[None]:
    """Says in one line for humans why there is no answer."""
    try:
        yield
    except TimeoutError as error:
        raise ConnectionFailed(_timed_out(error, limits)) from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise ConnectionFailed(f"the certificate is refused: {_tidy(error.certificate_error)}") from None
    except aiohttp.ClientConnectorDNSError as error:
        raise ConnectionFailed(f"no address for {error.host}: {_tidy(error.os_error)}") from None
    except aiohttp.ClientConnectorError as error:
        raise ConnectionFailed(
            f"cannot connect to {error.host}:{error.port}: {_tidy(error.os_error)}"
        ) from None
    except aiohttp.ServerDisconnectedError:
        raise ConnectionFailed("the server closed the connection without an answer") from None
    except (aiohttp.ClientError, OSError) as error:
        raise ConnectionFailed(f"the connection was lost: {_tidy(error)}") from None


def _timed_out(error: TimeoutError, limits: ClientTimeout) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"cannot connect within {limits.sock_connect:.0f} s"
    seconds = limits.total or limits.sock_read or 0
    return f"no word from the server for {seconds:.0f} s"


def _tidy(error: BaseException) -> str:
    """What the system said, without numbers and places in C files."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = re.sub(r"\[[^\]]*\] ?|\(_ssl\.c:\d+\)", "", text or type(error).__name__)
    return " ".join(text.split()).rstrip(".")
