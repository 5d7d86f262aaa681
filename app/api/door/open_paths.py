"""What is answered without a token: probes, and the dashboard's files, which hold no data."""

from aiohttp import hdrs, web

# Probes of a container have no token, and learn no more than that the process lives.
PROBES = frozenset({"/healthz", "/readyz"})
PAGE = "/"
FOLDER = "/web/"


def is_probe(request: web.Request) -> bool:
    """Whether a probe asks: no query may make the answer say more."""
    return request.path in PROBES and not request.query_string


def is_page(request: web.Request) -> bool:
    """Whether a file of the dashboard is asked for, whatever the query: the page keeps its view there."""
    is_file = request.path.startswith(FOLDER) and "/" not in request.path.removeprefix(FOLDER)
    return request.method in (hdrs.METH_GET, hdrs.METH_HEAD) and (request.path == PAGE or is_file)
