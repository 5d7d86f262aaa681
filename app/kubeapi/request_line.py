"""What is asked of a cluster's own API, as it stands in the request line.

Decided is on exactly what is forwarded: the raw path. What an API server, or a proxy in front
of it, might take for another path than we do is refused.
"""

import re
from urllib.parse import unquote, unquote_plus

import msgspec
from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from app.api.http.problem import Problem
from app.kube.discovery.request_info import RequestInfo, parse

_TARGET = re.compile(r"/clusters/([A-Za-z0-9._-]+)(/[^?#]*)(?:\?([^#]*))?")
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
_QUERY = re.compile(r"[!-~]*")
# API servers leave out a parameter with one of these in it.
_LEFT_OUT = re.compile(r";|%(?![0-9A-Fa-f]{2})")
# No query that is longer is answered from the cache.
LONGEST_UNDERSTOOD = 128 * 1024
# Encoded, these mean one thing to whoever decodes them and another to whoever does not.
_AMBIGUOUS = re.compile(r"%(?:2[eEfF]|5[cC]|25|[01][0-9A-Fa-f]|7[fF])")
_ACCEPTED = "a path without empty parts, '.', '..' and encoded '/', '.', '\\', '%' and control characters"


class Target(msgspec.Struct, frozen=True):
    """``path`` and ``query`` as they came, and are forwarded; ``parameters`` are the query decoded."""

    cluster: str
    path: str
    query: str
    info: RequestInfo
    parameters: MultiDictProxy[str]

    @property
    def is_watch(self) -> bool:
        """As the API server reads a query's truth: everything but ``0`` and ``false``."""
        asked = self.parameters.get("watch", "0").lower()
        return self.info.prefix == "watch" or asked not in ("0", "false")

    @property
    def is_plain_watch(self) -> bool:
        """Whether it watches objects, which over WebSocket is all that an upgrade of it can mean."""
        return self.is_watch and bool(self.info.resource) and not self.info.subresource and not self.is_proxy

    @property
    def is_read_alike(self) -> bool:
        """Whether an API server has the same ``parameters``."""
        return len(self.query) <= LONGEST_UNDERSTOOD and _LEFT_OUT.search(self.query) is None

    @property
    def is_proxy(self) -> bool:
        """Whether it leads on to what a pod, a service or a node serves."""
        return "proxy" in (self.info.prefix, self.info.subresource)

    @property
    def url(self) -> str:
        """Path and query, as they are sent to the API server."""
        return f"{self.path}?{self.query}" if self.query else self.path


def target_of(request: web.Request) -> Target:
    """Raises Problem (400)."""
    found = _TARGET.fullmatch(request.raw_path)
    if found is None:
        raise _refused(request.raw_path)
    cluster, path, query = found[1], found[2], found[3] or ""
    # A slash at the end is one that API servers ignore.
    parts = path[1:].removesuffix("/").split("/")
    if path != "/" and not all(_SEGMENT.fullmatch(part) and part not in (".", "..") for part in parts):
        raise _refused(path)
    if _AMBIGUOUS.search(path):
        raise _refused(path)
    if not _QUERY.fullmatch(query):
        raise Problem(400, "the query holds characters that must be percent-encoded")
    parameters = MultiDict(
        (_decoded(key), _decoded(value))
        for key, _, value in (pair.partition("=") for pair in query.split("&"))
        if key
    )
    return Target(cluster, path, query, parse(unquote(path)), MultiDictProxy(parameters))


def _decoded(text: str) -> str:
    """What is longer than anything that is decided on stays as it is, which takes no time."""
    return unquote_plus(text) if len(text) <= LONGEST_UNDERSTOOD else text


def _refused(path: str) -> Problem:
    return Problem(400, f"the path {path[:200]!r} is not accepted; accepted is {_ACCEPTED}")
