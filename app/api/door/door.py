"""Who may call: every request passes here before anything looks at it.

Without a token the server trusts the machine that it runs on, and must then not trust
what reaches it through a browser (another origin's page, a name rebound to 127.0.0.1)
or through a proxy, which makes strangers look local. With a token nothing else counts.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Collection, Iterator, Sequence
from urllib.parse import unquote_plus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from app.api.door.callers import BEARER, CALLER, LOCAL, Caller
from app.api.door.open_paths import is_page, is_probe
from app.api.door.request_smuggling import check_unambiguous, plain
from app.api.http.problem import Problem

# Where a browser can set no header. No query has it once it has passed the door.
TOKEN_PARAMETER = "token"
SUBPROTOCOL = "k8s-mcp.token."
# The values of the parameter ``token``, for the door alone.
TAKEN = web.RequestKey("taken", tuple)
# Of "token", however it is encoded.
_LONGEST_NAME = 15
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
EXPOSED = "ETag, Warning, X-Cache, X-Clusters, X-Continue, X-Cursor"
PREFLIGHT_SECONDS = "600"
# What nobody but a proxy says. Not every proxy does.
_OF_PROXIES = frozenset(
    {
        "cf-connecting-ip",
        "fastly-client-ip",
        "forwarded",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-real-ip",
    }
)
_OF_PROXIES_BEGIN = ("x-envoy-", "x-forwarded-", "x-original-")


class Door:
    """``token`` is what callers must present, None on loopback where nobody needs one;
    ``host`` is the name or address listened on, which callers may use besides the
    loopback ones; ``origins`` are those whose pages may call."""

    def __init__(self, token: str | None, host: str, origins: Collection[str]) -> None:
        self._token = _digest(token) if token is not None else None
        self._host = host.lower()
        self._origins = frozenset(origins)

    def attach(self, app: web.Application) -> None:
        """Have an application let nobody in but through this door."""
        app.middlewares.insert(0, take_token)
        app.middlewares.append(self.middleware)
        app.on_response_prepare.append(self._answer_origin)

    @property
    def middleware(self) -> Middleware:
        """The middleware that settles who calls, before any handler."""

        # No coroutine, nor is take_token: idle streams would hold one for as long as they are open.
        @web.middleware
        def door(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
            if self._token is None:
                self._refuse_strangers(request)
            elif request.method not in READING or hdrs.UPGRADE in request.headers:
                self._refuse_other_pages(request)
            if _is_preflight(request) and self._is_allowed_origin(request):
                return _preflight(request)
            caller = self._settle(request)
            if TAKEN in request:
                del request[TAKEN]
            if caller is not None:
                request[CALLER] = caller
            check_unambiguous(request)
            return handler(request)

        return door

    # Without a token

    def _refuse_strangers(self, request: web.Request) -> None:
        for host in request.headers.getall(hdrs.HOST, [""]):
            if not self._is_our_host(host):
                raise Problem(403, f"Host {host!r} is not a name of this server; accepted is localhost")
        for name in request.headers:
            if plain(name) in _OF_PROXIES or plain(name).startswith(_OF_PROXIES_BEGIN):
                raise Problem(403, f"{name} says that a proxy is in between; that needs a token: --token")
        if self._is_allowed_origin(request):
            return
        for origin in request.headers.getall(hdrs.ORIGIN, []):
            if origin.lower() != f"{request.scheme}://{request.host}".lower():
                raise Problem(
                    403, f"Origin {origin!r} is another web page; those named in allowed_origins may call"
                )
        site = request.headers.get("Sec-Fetch-Site", "")
        if site in ("cross-site", "same-site") and not _is_navigation_home(request):
            raise Problem(403, f"Sec-Fetch-Site {site!r}: another web page may lead to / and nowhere else")

    def _is_our_host(self, header: str) -> bool:
        name = _host_name(header)
        return is_loopback(name) or name == self._host

    # With one

    def _settle(self, request: web.Request) -> Caller | None:
        if self._token is None:
            return LOCAL
        presented = [*_presented(request)]
        if (is_probe(request) and not presented) or is_page(request):
            return None
        if not presented:
            raise Problem(
                401,
                "a token is needed: Authorization: Bearer, or ?token=",
                headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="k8s-mcp"'},
            )
        if not all(hmac.compare_digest(_digest(token), self._token) for token in presented):
            raise Problem(
                401,
                "the token is wrong",
                headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="k8s-mcp", error="invalid_token"'},
            )
        return BEARER

    def _refuse_other_pages(self, request: web.Request) -> None:
        """Whatever token a page got hold of: what changes anything comes from our own or an allowed one.

        A proxy may serve TLS in front, so https is as good as the scheme that arrives here.
        """
        if self._is_allowed_origin(request):
            return
        ours = {f"{scheme}://{request.host}".lower() for scheme in (request.scheme, "https")}
        for origin in request.headers.getall(hdrs.ORIGIN, []):
            if origin.lower() not in ours:
                raise Problem(
                    403, f"Origin {origin!r} is another web page; those named in allowed_origins may write"
                )

    # Other origins

    def _is_allowed_origin(self, request: web.Request) -> bool:
        origins = request.headers.getall(hdrs.ORIGIN, [])
        return len(origins) == 1 and origins[0].lower() in self._origins

    async def _answer_origin(self, request: web.Request, response: web.StreamResponse) -> None:
        if not self._origins:
            return
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if self._is_allowed_origin(request):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED


@web.middleware
def take_token(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
    """Takes ``?token=`` out of the query, so that nothing but the door ever sees it: no log, no
    error's text, no cluster."""
    pairs = request.rel_url.raw_query_string.split("&")
    kept = [pair for pair in pairs if _name(pair) != TOKEN_PARAMETER]
    if len(kept) == len(pairs):
        return handler(request)
    return _handle_without_token(request, handler, pairs, kept)


async def _handle_without_token(
    request: web.Request, handler: Handler, pairs: Sequence[str], kept: Sequence[str]
) -> web.StreamResponse:
    url = URL.build(path=request.rel_url.raw_path, query_string="&".join(kept), encoded=True)
    bare = request.clone(rel_url=url)
    bare[TAKEN] = tuple(
        unquote_plus(pair.partition("=")[2]) for pair in pairs if _name(pair) == TOKEN_PARAMETER
    )
    try:
        return await handler(bare)
    finally:
        if CALLER in bare:
            request[CALLER] = bare[CALLER]


def _name(pair: str) -> str:
    name = pair.partition("=")[0]
    return unquote_plus(name) if len(name) <= _LONGEST_NAME else name


def is_loopback_address(address: str) -> bool:
    """Return whether an IP address is this machine's own; False for what is none."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _host_name(header: str) -> str:
    """The name in a Host header, without its port and the brackets of IPv6."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().removesuffix(".")


def is_loopback(name: str) -> bool:
    """Whether a host's name, or its address, is this machine's own."""
    return name == "localhost" or name.endswith(".localhost") or is_loopback_address(name)


def _is_navigation_home(request: web.Request) -> bool:
    headers = request.headers
    inside = headers.get("Sec-Fetch-Dest", "document") != "document"
    return request.path == "/" and headers.get("Sec-Fetch-Mode") == "navigate" and not inside


def _presented(request: web.Request) -> Iterator[str]:
    for value in request.headers.getall(hdrs.AUTHORIZATION, []):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            yield token.strip()
    yield from request.get(TAKEN, ())
    for value in request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []):
        for protocol in map(str.strip, value.split(",")):
            if protocol.startswith(SUBPROTOCOL):
                yield protocol.removeprefix(SUBPROTOCOL)


def _is_preflight(request: web.Request) -> bool:
    return request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(
        status=204,
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, ""),
            hdrs.ACCESS_CONTROL_MAX_AGE: PREFLIGHT_SECONDS,
        },
    )
