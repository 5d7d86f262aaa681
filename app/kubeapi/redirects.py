"""Where an API server sends its caller: passed back, never followed, and never to another cluster.

Clients follow redirects by themselves, with 307 and 308 writes too, and to the same origin they
send their token along. All clusters are one origin here.
"""

import re
from urllib.parse import urljoin, urlsplit

from aiohttp import web

from app.api.door.door import is_loopback
from app.api.http.problem import Problem
from app.kubeapi.request_line import Target

_URL = re.compile(r"https?://[^/?#@\\\s]+(?:[/?#][!-\[\]-~]*)?", re.IGNORECASE)
_PATH = re.compile(r"/(?!/)[!-\[\]-~]*|\?[!-\[\]-~]*|[\w.-]+(?:[/?#][!-\[\]-~]*)?", re.ASCII)
# Browsers take the encoded one for the other.
_ENCODED = re.compile(r"%(?:2[ef]|5c)", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def redirected(request: web.Request, server: str, target: Target, location: str) -> str:
    """The ``Location`` for the caller: a path of the API server is one below its cluster here.

    ``server`` is the API server's URL. Raises Problem (502) for what leads to this server
    itself, and for what readers of URLs do not agree about.
    """
    if _URL.fullmatch(location) and not _is_here(request, location):
        return location
    if _PATH.fullmatch(location):
        url, prefix = urlsplit(urljoin(server + target.path, location)), urlsplit(server).path
        if url.path.startswith(f"{prefix}/") and not _ENCODED.search(url.path):
            query = f"?{url.query}" if url.query else ""
            return f"/clusters/{target.cluster}{url.path.removeprefix(prefix)}{query}"
    raise Problem(502, f"cluster {target.cluster!r} redirects to {location[:200]!r}, which is not passed on")


def _is_here(request: web.Request, location: str) -> bool:
    try:
        url, ours = urlsplit(location), urlsplit(f"{request.scheme}://{request.host}")
        name, port = url.hostname or "", url.port or _PORTS[url.scheme.lower()]
        if name == ours.hostname and port == (ours.port or _PORTS[request.scheme]):
            return True
    except ValueError:
        return True
    listening = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return is_loopback(name.removesuffix(".")) and listening is not None and port == listening[1]
