"""Which headers pass, from the caller to an API server and back."""

from aiohttp import ClientResponse, hdrs, web
from multidict import CIMultiDict, MultiMapping

from app.api.door import SUBPROTOCOL
from app.api.problem import Problem

IMPERSONATE = "impersonate-"
# What holds for one connection and not for the next (RFC 9110, section 7.6.1).
_OF_CONNECTION = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Who the caller is to us is not who it is to the cluster; Referer may hold our token, and what others
# in between say of the caller an API server might believe.
_OURS = frozenset(
    {
        "authorization",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "origin",
        "referer",
        "via",
        "x-real-ip",
    }
)
_OURS_BEGIN = ("x-remote-", "x-forwarded-", "x-http-method")
# A Kubernetes token that a browser passes as a subprotocol is a credential like any other.
_BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io"
# What a cluster may say only of an origin of its own, and ours is shared by all of them.
_OF_ORIGIN = frozenset(
    {
        "alt-svc",
        "clear-site-data",
        "content-security-policy",
        "nel",
        "public-key-pins",
        "refresh",
        "report-to",
        "reporting-endpoints",
        "server",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "strict-transport-security",
        "www-authenticate",
        "x-cache",
        "x-clusters",
        "x-cursor",
    }
)
_OF_ORIGIN_BEGIN = ("access-control-",)


def impersonated(request: web.Request) -> str | None:
    """Whom the caller wants to be, as one text; None where it is content with the context's account."""
    named = [value for name, value in request.headers.items() if _is_impersonation(name)]
    return ", ".join(named) if named or any(map(_is_impersonation, request.headers)) else None


def _is_impersonation(name: str) -> bool:
    return _plain(name).startswith(IMPERSONATE)


def _plain(name: str) -> str:
    """Some proxies take ``_`` for ``-``."""
    return name.lower().replace("_", "-")


def to_server(request: web.Request) -> CIMultiDict[str]:
    """The caller's headers without those that are none of the cluster's. Raises Problem."""
    passed = CIMultiDict[str]()
    named = _named(request.headers)
    for name, value in request.headers.items():
        plain = _plain(name)
        if plain in _OURS or plain in _OF_CONNECTION or plain in named or plain.startswith(_OURS_BEGIN):
            continue
        if plain == "sec-websocket-protocol":
            value = _without_tokens(value)
            if not value:
                continue
        if not (name + value).isascii():
            raise Problem(400, f"header {name!r} holds bytes that are not ASCII")
        passed.add(name, value)
    return passed


def _without_tokens(protocols: str) -> str:
    each = map(str.strip, protocols.split(","))
    return ", ".join(name for name in each if name and not name.startswith((SUBPROTOCOL, _BEARER_PROTOCOL)))


def to_caller(answered: MultiMapping[str]) -> CIMultiDict[str]:
    """The API server's headers without those of its connection, and what it may not say of our origin."""
    named = _named(answered)
    return CIMultiDict(
        (name, value)
        for name, value in answered.items()
        if (plain := name.lower()) not in _OF_CONNECTION | _OF_ORIGIN
        and plain not in named
        and not plain.startswith(_OF_ORIGIN_BEGIN)
    )


def of_answer(answer: ClientResponse) -> CIMultiDict[str]:
    return to_caller(answer.headers)


def _named(headers: MultiMapping[str]) -> set[str]:
    """The headers that Connection says are of this connection only."""
    values = headers.getall(hdrs.CONNECTION, [])
    return {_plain(name.strip()) for value in values for name in value.split(",")}


def asked_upgrade(request: web.Request) -> str | None:
    """The protocol that the caller wants to go on with, where it is one of Kubernetes'.

    Others, such as the h2c that Java's client offers with every request, may be ignored
    (RFC 9110, section 7.8).
    """
    if "upgrade" not in _named(request.headers):
        return None
    protocol = request.headers.get(hdrs.UPGRADE, "").strip()
    known = protocol.lower() == "websocket" or protocol.lower().startswith("spdy/")
    return protocol if known else None
