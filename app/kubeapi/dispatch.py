"""A request to a cluster's own API: what is refused, what the cache answers, and what is passed on."""

from collections.abc import Callable

from aiohttp import ClientResponse, hdrs, web

from app.api.door import audit
from app.api.door.permissions import asks_dry_run, check_writable, is_change, is_connecting, is_review
from app.api.http.app_keys import SERVING
from app.api.http.lasting_work import CallerGone
from app.api.http.metrics import METRICS
from app.api.http.problem import CLIENT_GONE, Problem
from app.api.http.request_selection import chosen_clusters
from app.fleet.cluster import Cluster
from app.kube.api_errors import AccessError, CannotConnect, ConnectionFailed
from app.kubeapi.cached import cached_reads
from app.kubeapi.cached.kube_request import cached_read, resource_of
from app.kubeapi.forward import Heard, forward
from app.kubeapi.forwarded_headers import asked_upgrade, impersonated, impersonates
from app.kubeapi.interest import INTEREST
from app.kubeapi.redacted_writes import body_with_stored_values, may_hold_secret
from app.kubeapi.request_line import Target, target_of
from app.kubeapi.tunnel import upgrade
from app.kubeapi.write_versions import listener

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


async def serve(request: web.Request) -> web.StreamResponse:
    """Answer a request below ``/clusters/{cluster}/``. Raises Problem."""
    target = target_of(request)
    (cluster,) = chosen_clusters(request, [target.cluster]).clusters
    if request.method not in METHODS:
        raise Problem(405, f"{request.method} is not possible here; accepted is {', '.join(METHODS)}")

    # Where a DELETE has a body, that alone says whether it is a dry run.
    body = await request.read() if request.method == hdrs.METH_DELETE and request.body_exists else None
    dry_run = asks_dry_run(request.method, target.info, target.parameters, body or b"")

    def record(status: int) -> None:
        _record(request, cluster, target, status, dry_run=dry_run)

    try:
        return await _answer(request, cluster, target, body, record, dry_run=dry_run)
    except CallerGone:
        record(CLIENT_GONE)
        raise
    except Problem as problem:
        record(problem.status)
        raise
    except Exception:
        # It may have reached the cluster all the same.
        record(500)
        raise


async def _answer(
    request: web.Request,
    cluster: Cluster,
    target: Target,
    body: bytes | None,
    record: Callable[[int], None],
    *,
    dry_run: bool,
) -> web.StreamResponse:
    """``body`` is the request's where it has been read, ``record`` is called as soon as the API server's
    status is known, which for a shell is long before it ends. Raises Problem and CallerGone."""
    if target.is_proxy and not request.app[SERVING].allow_proxy:
        raise Problem(
            403,
            "proxy is refused: it would serve a cluster's pages under this origin; "
            "the setting allow_proxy: true permits it",
        )
    upgrades = _connects(request, target)
    if is_change(request.method, target.info, target.parameters, body or b"", upgrades=upgrades):
        check_writable(request, cluster.name)
    connection = cluster.connection
    if connection is None:
        error = cluster.condition.error
        raise Problem(
            503, f"cluster {cluster.name!r} has not been reached yet{f': {error}' if error else ''}"
        )
    if connection.impersonates and impersonates(request):
        raise Problem(403, "Impersonate-* is refused: the context of this cluster acts as somebody itself")
    resource = resource_of(cluster, target) if _is_read(request, target) else None
    read = cached_read(request, cluster, target, resource) if resource is not None else None
    hit = read is not None and await cached_reads.is_current(request, cluster, read)
    if resource is not None:
        request.app[INTEREST].note(cluster, resource.name)
        request.app[METRICS].count_read(cluster.name, resource.name, _verb(target), hit=hit)
    if read is not None and hit:
        return await cached_reads.answer(request, cluster, read)
    try:
        if (protocol := asked_upgrade(request)) is not None:
            return await upgrade(request, connection, target, protocol, record)
        heard = None if dry_run else listener(cluster, target, request.method)

        def answered(answer: ClientResponse) -> Heard | None:
            record(answer.status)
            return heard(answer) if heard is not None else None

        if may_hold_secret(request, target) and request.body_exists:
            body = await body_with_stored_values(request, cluster, target)
        return await forward(request, connection, target, answered, body=body)
    except (CannotConnect, AccessError) as error:
        if read is not None and cached_reads.can_stand_in(cluster, read):
            return await cached_reads.answer(request, cluster, read, stale=True)
        raise Problem(503, f"cluster {cluster.name!r}: {error}") from None
    except ConnectionFailed as error:
        raise Problem(502, f"cluster {cluster.name!r}: {error}") from None


def _is_read(request: web.Request, target: Target) -> bool:
    """Whether it is one that a cache could answer, for somebody who is content with the context's account."""
    reads = request.method == hdrs.METH_GET and not target.info.subresource
    return reads and asked_upgrade(request) is None and not impersonates(request)


def _connects(request: web.Request, target: Target) -> bool:
    """Whether it asks for an upgrade, and not for that of a watch."""
    watches = request.method == hdrs.METH_GET and target.is_plain_watch
    return asked_upgrade(request) is not None and not watches


def _verb(target: Target) -> str:
    return "watch" if target.is_watch else "get" if target.info.name else "list"


def _record(request: web.Request, cluster: Cluster, target: Target, status: int, *, dry_run: bool) -> None:
    """A line for the audit log, if it was a write."""
    info = target.info
    connecting = is_connecting(info, upgrades=_connects(request, target))
    if (request.method in _READING or is_review(request.method, info)) and not connecting:
        return
    verb = _VERBS.get(request.method) or ("delete" if info.name else "deletecollection")
    audit.write(
        request,
        "connect" if connecting else verb,
        cluster=cluster.name,
        resource=info.qualified or target.path,
        subresource=info.subresource,
        namespace=info.namespace,
        name=info.name,
        status=status,
        dry_run=dry_run,
        impersonated=impersonated(request),
    )
