"""What ``read_only`` refuses: everything that may change a cluster, or act in it.

Nothing is taken for a read because it looks like one. A request is permitted only where
the API server is sure to change nothing by it, whatever else it says.
"""

from collections.abc import Mapping

import orjson
from aiohttp import web
from multidict import MultiMapping

from app.api.http.app_keys import SERVING
from app.api.http.problem import Problem
from app.kube.discovery.request_info import RequestInfo
from app.writes.cluster_writes import DRY_RUN

_READING = frozenset({"GET", "HEAD"})
# Subresources that reach into what runs; the API server knows no dry run of these.
_CONNECTING = frozenset({"exec", "attach", "portforward", "proxy"})
# Subresources whose GET only reads. Any other may be one that connects, such as KubeVirt's console and vnc:
# discovery does not tell, and an API server of somebody's own may do by GET what it likes.
_READABLE = frozenset({"", "approval", "ephemeralcontainers", "log", "resize", "scale", "status"})
# Here the names of metrics stand where those of subresources do.
_METRICS = "custom.metrics.k8s.io"
# Where API servers know a dry run. KubeVirt's restart, to name one, looks for it in the body alone.
_DRY = frozenset(
    {"", "approval", "binding", "ephemeralcontainers", "eviction", "finalize", "resize", "scale", "status"}
)
# Of the options of a DELETE. Nobody has longer ones, and reading them holds up all others.
_LONGEST_OPTIONS = 64 * 1024
_REVIEWS: Mapping[str, frozenset[str]] = {
    "authorization.k8s.io": frozenset(
        {
            "localsubjectaccessreviews",
            "selfsubjectaccessreviews",
            "selfsubjectrulesreviews",
            "subjectaccessreviews",
        }
    ),
    "authentication.k8s.io": frozenset({"selfsubjectreviews", "tokenreviews"}),
}


def is_read_only(request: web.Request, cluster: str) -> bool:
    """Whether ``read_only`` covers the cluster."""
    read_only = request.app[SERVING].read_only
    return read_only if isinstance(read_only, bool) else cluster in read_only


def check_writable(request: web.Request, cluster: str) -> None:
    """Raises Problem (403) where ``read_only`` covers the cluster."""
    if is_read_only(request, cluster):
        raise Problem(
            403,
            f"cluster {cluster!r} is read-only here, by the setting read_only; accepted are reads (below an "
            f"object: {', '.join(sorted(filter(None, _READABLE)))}), watches, access and token reviews, "
            "and dryRun=All",
            cluster=cluster,
        )


def is_review(method: str, info: RequestInfo) -> bool:
    """Whether it asks about access or a token, which is a POST that changes nothing."""
    return method == "POST" and not info.subresource and info.resource in _REVIEWS.get(info.group, ())


def is_connecting(info: RequestInfo, *, upgrades: bool = False) -> bool:
    """Whether it reaches into what runs: exec, attach, port-forward, proxy, and what ``upgrades`` the
    connection to something else than a watch."""
    return upgrades or info.prefix == "proxy" or info.subresource in _CONNECTING


def is_change(
    method: str,
    info: RequestInfo,
    query: MultiMapping[str],
    body: bytes = b"",
    *,
    upgrades: bool = False,
) -> bool:
    """Whether a request to a cluster's own API may change anything, or act in what runs.

    ``body`` is needed of DELETE alone: where it has one, the API server takes the options
    from it and none from the query. ``upgrades`` as for `is_connecting`.
    """
    if is_connecting(info, upgrades=upgrades):
        return True
    if method in _READING:
        reads = info.subresource in _READABLE and not info.deeper
        return not reads and info.group != _METRICS
    return not is_review(method, info) and not asks_dry_run(method, info, query, body)


def asks_dry_run(method: str, info: RequestInfo, query: MultiMapping[str], body: bytes = b"") -> bool:
    """Whether the API server will only say what would come of it; ``body`` as for `is_change`."""
    if not info.resource or info.subresource not in _DRY or info.deeper:
        return False
    if method == "DELETE" and body:
        return len(body) <= _LONGEST_OPTIONS and _options(body).get("dryRun") == [DRY_RUN]
    return query.getall("dryRun", []) == [DRY_RUN]


def _options(body: bytes) -> Mapping[str, object]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
