"""The HTTP session of a client: the server's URL and token, requests, and errors from answers."""

import asyncio
import logging
import os
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import ClientTimeout, hdrs

from app import jsontext
from app.client.errors import FleetError, ServerUnreachable, fleet_error_of

DEFAULT_URL = "http://127.0.0.1:8000"
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 90.0
# A list's page, or a log's line, may be long; the cursor of a large fleet is in a header line.
LONGEST_HEADER = 16 * 1024

# As Kubernetes writes it: RFC 7234, section 5.5.
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")

# Called with the name of a cluster ("" where it is the only one) and what its API server warns of.
WarningHandler = Callable[[str, str], None]

# One name, or several.
Names = str | Iterable[str]


log = logging.getLogger(__name__)


def _log(cluster: str, text: str) -> None:
    log.warning("%s", f"{cluster}: {text}" if cluster else text)


def query_parameters(**values: Any) -> dict[str, str]:
    """Return the parameters of a request: None is left out, several values are joined by commas."""
    parameters = {}
    for name, value in values.items():
        if value is None or value == "":
            continue
        if isinstance(value, bool):
            parameters[name] = "true" if value else "false"
        elif isinstance(value, str | int):
            parameters[name] = str(value)
        else:
            parameters[name] = ",".join(value)
    return parameters


def path_segment(word: str) -> str:
    """Return a word quoted as a segment of a path. Raises ValueError for "", "." and ".."."""
    if word in ("", ".", ".."):
        raise ValueError(f"{word!r} is no resource and no name; accepted is what is not empty, '.' or '..'")
    return quote(word, safe="")


class ApiSession:
    """A connection pool to one server, bound to the event loop that uses it first.

    Used in another loop, or after `close`, it raises RuntimeError.
    """

    def __init__(
        self, url: str | None, token: str | None, verify: ssl.SSLContext | bool, warned: WarningHandler | None
    ) -> None:
        self.url = (url or os.environ.get("K8S_MCP_URL") or DEFAULT_URL).rstrip("/")
        self._token = token or os.environ.get("K8S_MCP_TOKEN")
        self._verify = verify
        self._warned = warned or _log
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def close(self) -> None:
        """Close the connections. Raises RuntimeError in an event loop other than the one that opened them."""
        if self._session is not None and not self._closed:
            self._check_loop()
            await self._session.close()
        self._closed = True

    async def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> tuple[Any, str]:
        """Send a request; return the decoded JSON of the answer and its X-Cursor header. Raises
        FleetError."""
        try:
            async with self.open(method, path, params, body, content_type) as answer:
                body_bytes, cursor = await answer.read(), answer.headers.get("X-Cursor", "")
                for text in _WARNING.findall(", ".join(answer.headers.getall(hdrs.WARNING, ()))):
                    self.warn(params.get("cluster", ""), _ESCAPED.sub(r"\1", text))
        except FleetError as error:
            # Several clusters that all refused tell their results as well.
            if "results" in error.members:
                return error.members, ""
            raise
        try:
            return jsontext.decode(body_bytes) if body_bytes else None, cursor
        except jsontext.Undecodable:
            raise FleetError(answer.status, f"{self.url} answered what is no JSON: is it k8s-mcp?") from None

    def warn(self, cluster: str, text: str) -> None:
        """Pass a warning of a cluster's API server to the handler."""
        self._warned(cluster, text)

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: bytes | None = None,
        content_type: str = "application/json",
        *,
        silence: float = ANSWER_SECONDS,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open an answer with a status below 400; ``silence`` is the read time-out in seconds. Raises
        FleetError."""
        limits = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        headers = {hdrs.CONTENT_TYPE: content_type} if body is not None else {}
        try:
            async with self._pool().request(
                method, self.url + path, params=params, data=body, headers=headers, timeout=limits
            ) as answer:
                if answer.status >= 400:
                    error = fleet_error_of(answer.status, answer.reason or "", await answer.read())
                    error.members.setdefault("retryAfter", answer.headers.get(hdrs.RETRY_AFTER, ""))
                    raise error
                yield answer
        except TimeoutError:
            raise FleetError(0, f"{self.url} did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(
                error, aiohttp.ClientSSLError
            ):
                raise ServerUnreachable(self.url, str(error)) from error
            raise FleetError(0, self._why(error)) from error

    def _why(self, error: aiohttp.ClientError | OSError) -> str:
        """Return why no answer came, for an error message."""
        match error:
            case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
                return f"the server {self.url!r} is not accepted; accepted is a URL such as {DEFAULT_URL}"
            case aiohttp.ClientConnectorCertificateError():
                why = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
                return f"the certificate of {self.url} is not trusted: {why}"
            case aiohttp.ClientConnectorSSLError() if "WRONG_VERSION_NUMBER" in str(error):
                return f"{self.url} does not speak TLS; is it http://{self.url.partition('://')[2]}?"
        return f"{self.url} cannot be reached: {error or type(error).__name__}"

    def _check_loop(self) -> None:
        if self._loop not in (None, asyncio.get_running_loop()):
            raise RuntimeError(
                "this client belongs to another event loop, that of its first request; make one in each loop"
            )

    def _pool(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("this client is closed; make another one")
        self._check_loop()
        if self._session is None:
            self._loop = asyncio.get_running_loop()
            headers = {hdrs.AUTHORIZATION: f"Bearer {self._token}"} if self._token else {}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._verify),
                headers=headers,
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
                read_bufsize=1024 * 1024,
            )
        return self._session
