"""kubernetes_asyncio's ApiClient of one cluster: the session and the credentials under all its requests.

What the library does in a way that is wrong for a server is overridden here and nowhere else; each
override has a test that shows the difference to the library as it is (tests/connecting/test_api_client.py).
Its models are on the way of no object: this server's own requests begin at `ClusterRestClient.open`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from ssl import SSLContext
from typing import Any
from weakref import WeakSet

import aiohttp
import msgspec
from aiohttp import ClientResponse, ClientTimeout, hdrs
from kubernetes_asyncio.client.api_client import ApiClient
from kubernetes_asyncio.client.configuration import Configuration
from kubernetes_asyncio.client.exceptions import ApiException, ApiValueError
from kubernetes_asyncio.client.rest import RESTClientObject, RESTResponse
from multidict import CIMultiDict
from yarl import URL

from app.kube.answer_limits import PAGE_BYTES
from app.kube.api_errors import CannotConnect, ConnectionFailed
from app.kube.auth.cluster_access import Access
from app.kube.auth.socks import SocksConnector, is_socks
from app.kube.body_reader import beginning, whole
from app.kube.failure_text import within
from app.kube.tcp_sockets import FOR_CALLERS, new_socket
from app.version import version

# The credentials that a request was sent with: its headers, and the SSL context with its certificate.
Sent = tuple[CIMultiDict[str], SSLContext | None]

Params = Mapping[str, str] | Sequence[tuple[str, str]] | None
# A time limit as the library takes it, in seconds: for all, for connecting and for silence, or aiohttp's.
RequestTimeout = float | tuple[float, ...] | ClientTimeout | None

READ_BYTES = 256 * 1024
# The library's Watch reads lines, each of which must fit into twice so much.
LIBRARY_READ_BYTES = 2 * 1024 * 1024
# An API server ends by itself, after 60 s, whatever is not meant to last.
REQUEST_SECONDS = 60.0
CLOSED = "the connection was closed on this side"
USER_AGENT = f"k8s-mcp-server/{version()}"


class ClusterApiClient(ApiClient):
    """An ApiClient for every API class of kubernetes_asyncio, such as ``CoreV1Api(api_client)``.

    It belongs to the cluster's connection: closing it, and leaving ``async with``, does nothing. Requests
    raise the library's ApiException for an answer that is an error, ConnectionFailed where there is no
    answer, and AccessError. ``_request_timeout`` is what the library takes, 60 s where none is given: for
    the head of an answer and for its body each.
    """

    rest_client: "ClusterRestClient"

    def __init__(self, access: Access, connect_timeout: float) -> None:
        """``connect_timeout`` is in seconds."""
        # Not the library's own: it makes a RESTClientObject that reads the system's CAs for each cluster.
        self.configuration = configuration_of(access)
        self.pool_threads = 1
        self.rest_client = ClusterRestClient(self.configuration, access, connect_timeout)
        self.default_headers: dict[str, str] = {}
        self.cookie = ""
        self.user_agent = USER_AGENT
        self.client_side_validation = self.configuration.client_side_validation

    @property
    def last_response(self) -> None:
        """Always None: the library would keep the last answer, such as a list of 50 MB, for ever."""
        return

    @last_response.setter
    def last_response(self, response: object) -> None:
        pass

    async def close(self) -> None:
        """Do nothing: what one user of the client closes, all others still need."""


def configuration_of(access: Access) -> Configuration:
    """The library's configuration of a cluster, without credentials.

    Those are added to each request as they are by then, and are never written into files.
    """
    configuration = Configuration(host=access.server)
    configuration.tls_server_name = access.server_hostname
    configuration.proxy = access.proxy
    # Watches hold their connections, so a limit would one day hang all else.
    configuration.connection_pool_maxsize = 0
    return configuration


class ClusterRestClient(RESTClientObject):
    """Sends requests to one API server, each with the cluster's credentials and nobody else's.

    ``is_lost`` is whether the latest attempt to connect failed, and nothing has come since; once it
    ``is_closed``, every request raises ConnectionFailed.
    """

    def __init__(self, configuration: Configuration, access: Access, connect_timeout: float) -> None:
        self.server_hostname = configuration.tls_server_name or ""
        self.proxy = configuration.proxy or ""
        self.proxy_headers = configuration.proxy_headers or {}
        self.is_lost = False
        self._access = access
        self._connect_timeout = connect_timeout
        self.is_closed = False
        self._responses: WeakSet[ClientResponse] = WeakSet()

    @cached_property
    def pool_manager(self) -> aiohttp.ClientSession:  # type: ignore[override]
        """The session, opened by the first request."""
        return aiohttp.ClientSession(
            connector=self._connector(),
            headers={hdrs.USER_AGENT: USER_AGENT},
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=READ_BYTES,
        )

    def _connector(self) -> aiohttp.TCPConnector:
        if self.proxy and is_socks(self.proxy):
            return SocksConnector(self.proxy, limit=0)
        return aiohttp.TCPConnector(limit=0, socket_factory=new_socket)

    async def close(self) -> None:
        """End everything that is still going on with ConnectionFailed."""
        self.is_closed = True
        await self._access.close()
        # Closing the session alone would leave those who read waiting for ever.
        for response in tuple(self._responses):
            response.close()
        if "pool_manager" in vars(self):
            await self.pool_manager.close()

    async def open(
        self,
        method: str,
        url: str,
        params: Params,
        headers: Mapping[str, str] | None,
        limits: ClientTimeout,
        **options: Any,
    ) -> ClientResponse:
        """The response once its head has come: its status unchecked, redirects not followed.

        ``url`` is sent as it is spelt. ``limits.total`` is for the head alone, ``options`` are those of
        aiohttp's session. Credentials are renewed once where they are refused and the request can be sent
        again. Raises ConnectionFailed and AccessError.
        """
        response, sent = await self._send(method, url, params, headers, limits, options)
        repeatable = isinstance(options.get("data"), bytes | str | None)
        if response.status != 401 or not repeatable:
            return response
        try:
            renewed = await self.renew(sent)
        except BaseException:
            response.close()
            raise
        if renewed:
            response.close()
            response, _ = await self._send(method, url, params, headers, limits, options)
        return response

    async def _send(
        self,
        method: str,
        url: str,
        params: Params,
        headers: Mapping[str, str] | None,
        limits: ClientTimeout,
        options: Mapping[str, Any],
    ) -> tuple[ClientResponse, Sent]:
        """The response, and the credentials that the request was sent with."""
        signed, sent = await self.sign(headers)
        tls = sent[1]
        try:
            async with within(limits):
                response = await self.pool_manager.request(
                    method,
                    URL(url, encoded=True),
                    params=params,
                    headers=signed,
                    timeout=ClientTimeout(total=None, connect=limits.connect, sock_read=limits.sock_read),
                    ssl=tls if tls is not None else True,
                    server_hostname=self.server_hostname or None,
                    proxy=self.proxy if self.proxy and not is_socks(self.proxy) else None,
                    allow_redirects=False,
                    **options,
                )
        except CannotConnect:
            self.is_lost = True
            raise
        self.is_lost = False
        self._responses.add(response)
        return response, sent

    async def sign(self, headers: Mapping[str, str] | None) -> tuple[CIMultiDict[str], Sent]:
        """The headers with the cluster's credentials in place of any others, and those credentials.

        Raises ConnectionFailed once this is closed, and AccessError.
        """
        credentials = await self._access.headers()
        if self.is_closed:
            raise ConnectionFailed(CLOSED)
        signed = CIMultiDict(headers or {})
        for name in (hdrs.AUTHORIZATION, *credentials):
            signed.popall(name, None)
        signed.extend(credentials)
        return signed, (credentials, self._access.ssl)

    async def renew(self, refused: Sent) -> bool:
        """Whether there are other credentials to try than those that were refused. Raises AccessError."""
        access = self._access
        # Somebody else may have renewed them while this was under way.
        return (await access.headers(), access.ssl) != refused or await access.renew()

    async def request(
        self,
        method: str,
        url: str,
        query_params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: object = None,
        _preload_content: bool = True,
        _request_timeout: RequestTimeout = None,
    ) -> RESTResponse | ClientResponse:
        """Send what an API class of the library asks for; without ``_preload_content`` the raw response.

        A body that is text or bytes is sent as it is, any other as JSON.
        """
        if post_params:
            raise ApiValueError("post_params: forms and files are not accepted by any API server")
        FOR_CALLERS.set(True)
        own = CIMultiDict(headers or {})
        own.setdefault(hdrs.ACCEPT_ENCODING, "identity")
        if body is not None:
            own.setdefault(hdrs.CONTENT_TYPE, "application/json")
        limits = self._limits(_request_timeout)
        pairs = query_params.items() if isinstance(query_params, Mapping) else query_params or ()
        response = await self.open(
            method.upper(),
            url,
            [(name, str(value)) for name, value in pairs],
            own,
            limits,
            data=body if isinstance(body, bytes | str | None) else msgspec.json.encode(body),
            read_bufsize=LIBRARY_READ_BYTES,
        )
        if not _preload_content:
            return response
        async with response:
            if not 200 <= response.status < 300:
                text = (await beginning(response, limits)).decode(errors="replace")
                refused: Any = RESTResponse(response, text.encode())
                raise ApiException(http_resp=refused)
            async with within(limits):
                return RESTResponse(response, await whole(response, PAGE_BYTES))

    def _limits(self, timeout: RequestTimeout) -> ClientTimeout:
        """What a ``_request_timeout`` of the library means, in seconds."""
        match timeout:
            case ClientTimeout():
                return timeout
            case (connect, read):
                return ClientTimeout(total=None, connect=connect, sock_read=read)
            case int() | float():
                return ClientTimeout(total=timeout, connect=self._connect_timeout)
        return ClientTimeout(total=REQUEST_SECONDS, connect=self._connect_timeout)
