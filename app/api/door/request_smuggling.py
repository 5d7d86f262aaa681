"""Requests that two readers may take for two different ones, which are 400 before anything looks at them.

What is decided on, what is forwarded and what the audit log says must be one request. A proxy on the
way drops the headers that Connection names, another takes ``_`` for ``-``, a third reads the first of
two values where the API server reads the last.
"""

import re
from collections.abc import Iterable

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from multidict import MultiMapping

from app.api.http.problem import Problem, is_kubernetes

# Headers that say what is asked, and how. They and no others are forwarded to a cluster: among all
# that callers and proxies make up, somebody's API server or the proxy in front of it may find
# something to believe (X-Original-URL, X-HTTP-Method-Override, X-Auth-Request-User).
MEANT = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "audit-id",
        "baggage",
        "cache-control",
        "content-encoding",
        "content-language",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "kubectl-command",
        "kubectl-session",
        "pragma",
        "prefer",
        "range",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-request-id",
        "x-stream-protocol-version",
    }
)
# Each costs a microsecond or two to read, while others wait.
MOST_PARAMETERS = 10_000
IMPERSONATE = "impersonate-"
IMPERSONATE_EXTRA = "impersonate-extra-"
# Of these an API server reads the first alone, and takes an empty one for none.
_SINGLE = frozenset({"impersonate-user", "impersonate-uid"})
_IMPERSONATIONS = _SINGLE | {"impersonate-group"}
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?\])(?::[0-9]{0,5})?")
_ACCEPTED = "accepted are Impersonate-User, Impersonate-Group, Impersonate-Uid and Impersonate-Extra-…"


def plain(name: str) -> str:
    """A header's name as those read it who take ``_`` for ``-``."""
    return name.lower().replace("_", "-")


def is_meant(name: str) -> bool:
    """Whether it is one of the headers that are forwarded, written as it should be."""
    return name.lower() in MEANT or name.lower().startswith(IMPERSONATE)


def named_by_connection(headers: MultiMapping[str]) -> set[str]:
    """The headers that Connection says are of this connection only."""
    values = headers.getall(hdrs.CONNECTION, [])
    return {plain(name.strip()) for value in values for name in value.split(",")}


def check_unambiguous(request: web.Request) -> None:
    """Raises Problem (400)."""
    if not request.raw_path.startswith("/"):
        raise Problem(
            400, "the request names a whole URL; accepted is a path, with the server's name in Host"
        )
    _check_framing(request)
    if request.rel_url.raw_query_string.count("&") >= MOST_PARAMETERS:
        raise Problem(400, f"the query is too long; accepted are {MOST_PARAMETERS} parameters")
    for name in sorted(named_by_connection(request.headers)):
        if is_meant(name):
            raise Problem(
                400,
                f"Connection names {name!r}, which would then be taken away on the way; accepted there are "
                "close, keep-alive, upgrade and what is of this connection alone",
            )
    _check_impersonation(request)


def _check_framing(request: web.Request) -> None:
    """What aiohttp's parser takes, and a proxy in front of this server may take for something else."""
    if request.version not in (HttpVersion10, HttpVersion11):
        raise Problem(400, "the version of HTTP is not accepted; accepted are HTTP/1.1 and HTTP/1.0")
    codings = [value.lower() for value in request.headers.getall(hdrs.TRANSFER_ENCODING, [])]
    if codings and (codings != ["chunked"] or request.version == HttpVersion10):
        raise Problem(
            400, f"Transfer-Encoding {', '.join(codings)!r} is not accepted; accepted is chunked, in HTTP/1.1"
        )
    for host in request.headers.getall(hdrs.HOST, []):
        if host and not _HOST.fullmatch(host):
            raise Problem(
                400, f"Host {host[:200]!r} is not accepted; accepted is a name or an address, and :port"
            )


def _check_impersonation(request: web.Request) -> None:
    names = [name for name, _ in request.headers.items() if plain(name).startswith(IMPERSONATE)]
    if not names:
        return
    if not is_kubernetes(request):
        raise Problem(
            400,
            f"{names[0]} is not possible here, where each cluster is asked as the account of its context; "
            "accepted is it in a cluster's own API, /clusters/{cluster}/…",
        )
    for name in names:
        if not _is_known(name.lower()):
            raise Problem(400, f"header {name!r} is none that Kubernetes reads; {_ACCEPTED}")
    for name in _repeated(names):
        raise Problem(400, f"{name} is given more than once; accepted is one value")
    for name, value in request.headers.items():
        if name.lower() in _SINGLE and not value:
            raise Problem(400, f"{name} is empty, which Kubernetes takes for nobody; accepted is a name")


def _is_known(name: str) -> bool:
    extra = name.startswith(IMPERSONATE_EXTRA) and name != IMPERSONATE_EXTRA
    return name in _IMPERSONATIONS or extra


def _repeated(names: Iterable[str]) -> list[str]:
    lower = [name.lower() for name in names]
    return [name for name in sorted(_SINGLE) if lower.count(name) > 1]
