"""What is asked of one API server: answers, watch lines, and requests passed on as they are."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any
from weakref import WeakSet

import aiohttp
import msgspec
from aiohttp import ClientTimeout, hdrs
from yarl import URL

from app.kube.answer_limits import ANSWER_BYTES, EVENT_SECONDS, OBJECT_BYTES
from app.kube.api_client import CLOSED, ClusterApiClient, Sent
from app.kube.api_errors import ApiError, ConnectionFailed
from app.kube.auth.cluster_access import Access
from app.kube.body_reader import beginning, whole
from app.kube.failure_text import raising_connection_failed, within
from app.kube.tcp_sockets import FOR_CALLERS
from app.kube.upgrades import Upgrade, request_upgrade
from app.kube.warning_headers import warnings_of
from app.kube.wire.api_status import ApiStatus, decode_status
from app.kube.wire.line_splitter import LineSplitter
from app.kube.wire.wire_errors import WireError

SHOWN = 200


class ApiResponse(msgspec.Struct, frozen=True):
    """An answer that is no error; ``warnings`` are the texts of its Warning headers."""

    status: int
    body: bytes
    warnings: tuple[str, ...] = ()


class Connection:
    """Everything that is asked of one API server.

    ``connect_timeout`` and ``idle_timeout`` are in seconds; the latter is how long an
    open watch may say nothing before it is given up as half-open: HTTP/1.1 has no ping.
    All of it goes through the session and the credentials of one ``api_client``, which extensions may use.
    """

    def __init__(self, access: Access, *, connect_timeout: float = 10.0, idle_timeout: float = 70.0) -> None:
        self.server = access.server
        self._access = access
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self.api_client = ClusterApiClient(access, connect_timeout)
        self._rest_client = self.api_client.rest_client
        self._upgraded: WeakSet[asyncio.StreamWriter] = WeakSet()

    @property
    def impersonates(self) -> bool:
        """Whether the context itself acts as somebody."""
        return self._access.impersonates

    @property
    def is_lost(self) -> bool:
        """Whether the latest attempt to connect failed, and nothing has come since."""
        return self._rest_client.is_lost

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        timeout: float = 60.0,  # noqa: ASYNC109
        most: int = ANSWER_BYTES,
    ) -> bytes:
        """The body of an answer, of at most so many bytes.

        ``timeout`` is in seconds, for its head and for its body each.
        Raises ApiError, ConnectionFailed, also AnswerTooLarge, and AccessError.
        """
        limits = ClientTimeout(total=timeout, connect=self._connect_timeout)
        response = await self._get(path, params, accept, limits)
        async with response:
            if response.status != 200:
                raise await _api_error(response, limits, self._access.credential)
            async with within(limits):
                return await whole(response, most)

    async def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> ApiResponse:
        """What is answered, where that is no error, however long it takes.

        Raises ApiError, ConnectionFailed and AccessError.
        """
        FOR_CALLERS.set(True)
        limits = ClientTimeout(total=None, connect=self._connect_timeout)
        headers: dict[str, str] = {hdrs.ACCEPT: "application/json", hdrs.ACCEPT_ENCODING: "identity"}
        if body is not None:
            headers[hdrs.CONTENT_TYPE] = content_type
        url = self.server + path
        response = await self._rest_client.open(method, url, params, headers, limits, data=body)
        async with response:
            if not 200 <= response.status < 300:
                raise await _api_error(response, limits, self._access.credential)
            with raising_connection_failed(limits):
                body = await whole(response, OBJECT_BYTES)
            return ApiResponse(response.status, body, warnings_of(response.headers))

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """The lines of a watch once it is answered, those of a received chunk at a time.

        Raises ApiError where the answer is an error, ConnectionFailed where it breaks
        and AccessError; WireError where a line never ends.
        """
        limits = ClientTimeout(total=None, connect=self._connect_timeout, sock_read=self._idle_timeout)
        async with (
            self._answered(path, params, "application/json", limits) as response,
            aclosing(self._lines(response, limits)) as lines,
        ):
            yield lines

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an answer as they come, such as a log's, which may be silent for days.

        Raises ApiError where the answer is an error, ConnectionFailed where it breaks, and AccessError.
        """
        FOR_CALLERS.set(True)
        limits = ClientTimeout(total=None, connect=self._connect_timeout)
        async with (
            self._answered(path, params, "*/*", limits) as response,
            aclosing(self._chunks(response, limits)) as chunks,
        ):
            yield chunks

    @asynccontextmanager
    async def _answered(
        self, path: str, params: Mapping[str, str], accept: str, limits: ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that is no error, open."""
        response = await self._get(path, params, accept, limits)
        try:
            if response.status != 200:
                raise await _api_error(response, limits, self._access.credential)
            yield response
        finally:
            response.close()

    async def _lines(
        self, response: aiohttp.ClientResponse, limits: ClientTimeout
    ) -> AsyncGenerator[list[bytes], None]:
        splitter, now = LineSplitter(), asyncio.get_running_loop().time
        due = now() + EVENT_SECONDS
        async with aclosing(self._chunks(response, limits)) as chunks:
            async for chunk in chunks:
                if lines := splitter.feed(chunk):
                    yield lines
                if lines or not splitter.size:
                    due = now() + EVENT_SECONDS
                elif now() > due:
                    raise ConnectionFailed(f"an event is not whole within {EVENT_SECONDS:g} s")
        rest = splitter.rest()
        if rest and not rest.startswith(b"{"):  # The page of a proxy, say.
            raise WireError("an answer that is no event")
        if rest:
            raise ConnectionFailed("the connection was lost in the middle of an event")

    async def _chunks(
        self, response: aiohttp.ClientResponse, limits: ClientTimeout
    ) -> AsyncGenerator[bytes, None]:
        try:
            with raising_connection_failed(limits):
                async for chunk in response.content.iter_any():
                    self._rest_client.is_lost = False
                    yield chunk
        except RuntimeError:
            if not self._rest_client.is_closed:
                raise
            raise ConnectionFailed(CLOSED) from None

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
        """The answer as it comes: not unpacked, its status unchecked, redirects not followed.

        The credentials are ours, whatever ``headers`` say. They are renewed once where
        they are refused and the request can be sent again. Raises ConnectionFailed and
        AccessError.
        """
        FOR_CALLERS.set(True)
        plain = {"skip_auto_headers": ("Accept-Encoding", "Content-Type"), "auto_decompress": False}
        url = self.server + path
        return await self._rest_client.open(method, url, params, headers, timeout, data=data, **plain)

    async def upgrade(self, method: str, path: str, headers: Mapping[str, str]) -> Upgrade:
        """What the server answers to the upgrade that ``headers`` ask for; with 101, a raw connection.

        The credentials are ours, and renewed once where they are refused, as for ``request``.
        Who asked closes the connection. Raises ConnectionFailed and AccessError.
        """
        upgrade, sent = await self._upgrade(method, path, headers)
        if upgrade.status == 401 and await self._rest_client.renew(sent):
            upgrade, _ = await self._upgrade(method, path, headers)
        return upgrade

    async def _upgrade(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[Upgrade, Sent]:
        signed, sent = await self._rest_client.sign(headers)
        target = URL(self.server + path, encoded=True)
        try:
            upgrade = await request_upgrade(
                self._access, sent[1], method, target, signed, self._connect_timeout, self._hold
            )
        except ConnectionFailed:
            if not self._rest_client.is_closed:
                raise
            raise ConnectionFailed(CLOSED) from None
        if self._rest_client.is_closed:
            # Its answer came in the same step of the event loop.
            upgrade.writer.transport.abort()
            raise ConnectionFailed(CLOSED)
        return upgrade, sent

    def _hold(self, writer: asyncio.StreamWriter) -> None:
        """Note a raw connection, to be ended with this one. Raises ConnectionFailed once this is closed."""
        if self._rest_client.is_closed:
            raise ConnectionFailed(CLOSED)
        self._upgraded.add(writer)

    async def _get(
        self, path: str, params: Mapping[str, str] | None, accept: str, limits: ClientTimeout
    ) -> aiohttp.ClientResponse:
        # Unpacking a page would cost this one process more than reading it, and packing it costs
        # the API server more still, for an answer that nobody waits for in front of a screen.
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        return await self._rest_client.open("GET", self.server + path, params, headers, limits)

    async def close(self) -> None:
        """End what is still going on: requests with ConnectionFailed, raw connections by aborting them."""
        for writer in tuple(self._upgraded):
            writer.transport.abort()
        await self._rest_client.close()


async def _api_error(response: aiohttp.ClientResponse, limits: ClientTimeout, credential: str) -> ApiError:
    """The error of an answer, whether it is a Status of Kubernetes or some proxy's page.

    Raises ConnectionFailed where the answer is cut off.
    """
    body = await beginning(response, limits)
    try:
        status = decode_status(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = ApiStatus()
    given = response.headers.get(hdrs.RETRY_AFTER, "")
    return ApiError(
        response.status,
        status.message or _shown(response, body) or response.reason or "error",
        reason=status.reason,
        causes=status.causes,
        retry_after=float(given) if given.isdecimal() else status.retry_after,
        credential=credential,
    )


def _shown(response: aiohttp.ClientResponse, body: bytes) -> str:
    """The first line of a text, such as what an API server says before it knows who asks."""
    if response.content_type != "text/plain":
        return ""
    line = body.decode(errors="replace").strip().partition("\n")[0]
    return "".join(filter(str.isprintable, line))[:SHOWN]
