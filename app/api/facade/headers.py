"""Which headers pass, from the caller to an API server and back."""

from collections.abc import Callable

from aiohttp import hdrs, web
from multidict import CIMultiDict, MultiMapping

from app.api.ambiguity import IMPERSONATE, is_meant, named_by_connection
from app.api.door import SUBPROTOCOL
from app.api.problem import Problem

# A Kubernetes token that a browser passes as a subprotocol is a credential like any other.
_BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io"
# What of an answer passes. What else browsers and proxies obey (Set-Cookie, Access-Control-Allow-Origin,
# Clear-Site-Data, Link, X-Accel-Redirect) a cluster may say of an origin of its own, and ours is shared.
_ANSWERED = frozenset(
    {
        "accept-patch",
        "accept-ranges",
        "age",
        "allow",
        "audit-id",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-modified",
        "pragma",
        "retry-after",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "vary",
        "warning",
        "x-request-id",
        "x-stream-protocol-version",
    }
)
_ANSWERED_BEGIN = "x-kubernetes-"


def impersonated(request: web.Request) -> str | None:
    """Whom the caller wants to be, as one text; None where it is content with the context's account."""
    named = [value for name, value in request.headers.items() if name.lower().startswith(IMPERSONATE)]
    return ", ".join(named) if named else None


def to_server(request: web.Request) -> CIMultiDict[str]:
    """The caller's headers that are forwarded. Raises Problem."""
    passed = CIMultiDict[str]()
    for name, value in request.headers.items():
        if not (name + value).isascii():
            raise Problem(400, f"header {name!r} holds bytes that are not ASCII")
        if not is_meant(name):
            continue
        if name.lower() == "sec-websocket-protocol":
            value = _without_tokens(value)
            if not value:
                continue
        # Of two spellings of a name aiohttp's client would send but the last.
        passed.add(name.title(), value)
    return passed


def _without_tokens(protocols: str) -> str:
    each = map(str.strip, protocols.split(","))
    return ", ".join(name for name in each if name and not name.startswith((SUBPROTOCOL, _BEARER_PROTOCOL)))


def to_caller(answered: MultiMapping[str], location: Callable[[str], str]) -> CIMultiDict[str]:
    """The headers of an API server's answer that pass; a redirect's as ``location`` makes it."""
    named = named_by_connection(answered)
    passed = CIMultiDict[str]()
    for name, value in answered.items():
        lower = name.lower()
        if lower == "location":
            passed[name] = location(value)
        elif (lower in _ANSWERED or lower.startswith(_ANSWERED_BEGIN)) and lower not in named:
            passed.add(name, value)
    return passed


def asked_upgrade(request: web.Request) -> str | None:
    """The protocol that the caller wants to go on with, where it is one of Kubernetes'.

    Others, such as the h2c that Java's client offers with every request, may be ignored
    (RFC 9110, section 7.8).
    """
    if "upgrade" not in named_by_connection(request.headers):
        return None
    protocol = request.headers.get(hdrs.UPGRADE, "").strip()
    known = protocol.lower() == "websocket" or protocol.lower().startswith("spdy/")
    return protocol if known else None
