"""Which headers pass, from the caller to an API server and back."""

from collections.abc import Callable, Mapping

from aiohttp import hdrs, web
from multidict import CIMultiDict, MultiMapping

from app.api.door.door import SUBPROTOCOL
from app.api.door.request_smuggling import IMPERSONATE, IMPERSONATE_EXTRA, is_meant, named_by_connection
from app.api.http.problem import Problem

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


def impersonates(request: web.Request) -> bool:
    """Whether the caller wants to be somebody; otherwise it is content with the context's account."""
    return any(name.lower().startswith(IMPERSONATE) for name in request.headers)


def impersonated(request: web.Request) -> Mapping[str, str | list[str]]:
    """Whom the caller wants to be, as fields of a log: a header for itself, whatever the others hold."""
    headers, extra = request.headers, list[str]()
    for name, value in headers.items():
        if name.lower().startswith(IMPERSONATE_EXTRA):
            extra.append(f"{name[len(IMPERSONATE_EXTRA) :].lower()}={value}")
    fields = {
        "impersonated": headers.get("Impersonate-User"),
        "impersonated_uid": headers.get("Impersonate-Uid"),
        "impersonated_groups": headers.getall("Impersonate-Group", []),
        "impersonated_extra": extra,
    }
    return {name: value for name, value in fields.items() if value}


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
