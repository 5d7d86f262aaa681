"""Fleet writes: one object, in one cluster or in several."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from app.api.door import audit
from app.api.door.permissions import check_writable
from app.api.http.not_found import in_place_of
from app.api.http.problem import Problem
from app.api.http.query_parameters import wrong
from app.api.http.request_body import body_of_request
from app.api.http.request_selection import resource_named
from app.api.write.write_request import (
    JSON,
    Targets,
    body_of,
    media_refused,
    name_of,
    namespace_of,
    options,
    targets,
    understood,
)
from app.api.write.write_results import ClusterOutcome, answer, in_each, in_format, written_format
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import (
    APPLY,
    EDIT,
    JSON_PATCH,
    LIMIT_SECONDS,
    MERGE,
    STRATEGIC,
    ClusterRequest,
    Deadline,
    Failed,
    path_of,
)
from app.kube.discovery.api_resource import Resource
from app.manifest import read_one
from app.writes import cluster_writes, object_edits
from app.writes.cluster_writes import RESTARTABLE, WriteAnswer, write
from app.writes.edit_patch import read_edit
from app.yaml_reader import Unreadable, check_lossless

PATCHES = (MERGE, STRATEGIC, JSON_PATCH, APPLY, EDIT)
PROPAGATION = ("Background", "Foreground", "Orphan")

Work = Callable[[Cluster, Resource, Deadline], Awaitable[WriteAnswer]]


class _Head(msgspec.Struct):
    """What of an object says where it belongs."""

    apiVersion: Any = None
    metadata: Any = None


class _Replicas(msgspec.Struct, forbid_unknown_fields=True):
    replicas: int


class _Plan(msgspec.Struct, frozen=True):
    """One write: of what, where, and how the audit log calls it."""

    targets: Targets
    resource: Resource
    namespace: str
    name: str
    verb: str
    params: Mapping[str, str]
    subresource: str = ""


async def create(request: web.Request) -> web.StreamResponse:
    """Answer ``POST /{resource}``. Raises Problem."""
    where = targets(request)
    resource = await resource_named(request, where.clusters)
    body = await body_of(request, read_one)
    head = _head(body)
    namespace = namespace_of(request, resource, _text(head, "namespace"))
    plan = _Plan(where, resource, namespace, _text(head, "name"), "create", options(request))

    async def work(cluster: Cluster, found: Resource, deadline: Deadline) -> WriteAnswer:
        found = cluster_writes.as_written(found, head.apiVersion)
        asked = ClusterRequest("POST", path_of(found, plan.namespace), plan.params, body)
        return await write(cluster, found, plan.namespace, asked, deadline)

    return await _carry_out(request, plan, work)


async def replace(request: web.Request) -> web.StreamResponse:
    """Answer ``PUT /{resource}/{name}``. Raises Problem."""
    plan = await _of_one(request, "update", options(request))
    body = await body_of(request, read_one)
    head = _head(body)

    async def work(cluster: Cluster, found: Resource, deadline: Deadline) -> WriteAnswer:
        found = cluster_writes.as_written(found, head.apiVersion)
        asked = ClusterRequest("PUT", path_of(found, plan.namespace, plan.name), plan.params, body)
        return await write(cluster, found, plan.namespace, asked, deadline)

    return await _carry_out(request, plan, work)


async def patch(request: web.Request) -> web.StreamResponse:
    """Answer ``PATCH /{resource}/{name}``. Raises Problem."""
    media = request.content_type
    if media not in PATCHES:
        raise media_refused(media, *PATCHES)
    plan = await _of_one(request, "patch", options(request))
    body = await body_of_request(request)
    if media == EDIT:
        return await _edit(request, plan, body)
    if media != JSON_PATCH:
        body = await understood(read_one, body, is_json=media != APPLY)
    head = _head(body) if media == APPLY else _Head()

    async def work(cluster: Cluster, found: Resource, deadline: Deadline) -> WriteAnswer:
        found = cluster_writes.as_written(found, head.apiVersion)
        path = path_of(found, plan.namespace, plan.name)
        asked = ClusterRequest("PATCH", path, plan.params, body, media, repeatable=media == APPLY)
        return await write(cluster, found, plan.namespace, asked, deadline)

    return await _carry_out(request, plan, work)


async def _edit(request: web.Request, plan: _Plan, body: bytes) -> web.StreamResponse:
    edit = await understood(read_edit, body, is_json=True)
    try:
        object_edits.check_identity(edit)
    except Failed as failed:
        raise Problem(failed.status, failed.detail) from None

    async def work(cluster: Cluster, found: Resource, deadline: Deadline) -> WriteAnswer:
        return await object_edits.apply_edit(
            cluster, found, plan.namespace, plan.name, edit, plan.params, deadline
        )

    return await _carry_out(request, plan, work)


async def delete(request: web.Request) -> web.StreamResponse:
    """Answer ``DELETE /{resource}/{name}``. Raises Problem."""
    plan = await _of_one(request, "delete", _deletion_options(request))

    async def work(cluster: Cluster, found: Resource, deadline: Deadline) -> WriteAnswer:
        return await cluster_writes.delete(cluster, found, plan.namespace, plan.name, plan.params, deadline)

    return await _carry_out(request, plan, work)


async def scale(request: web.Request) -> web.StreamResponse:
    """Answer ``POST /{resource}/{name}/scale``. Raises Problem."""
    plan = await _of_one(request, "patch", options(request), subresource="scale")
    if request.content_type not in JSON:
        raise media_refused(request.content_type, *JSON)
    try:
        body = await body_of_request(request)
        check_lossless(body)
        replicas = msgspec.json.decode(body, type=_Replicas).replicas
    except (Unreadable, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f'the body is not accepted: {error}; accepted is {{"replicas":3}}') from None

    async def work(cluster: Cluster, found: Resource, deadline: Deadline) -> WriteAnswer:
        return await cluster_writes.scale(
            cluster, found, plan.namespace, plan.name, replicas, plan.params, deadline
        )

    return await _carry_out(request, plan, work)


async def restart(request: web.Request) -> web.StreamResponse:
    """Answer ``POST /{resource}/{name}/restart``. Raises Problem."""
    plan = await _of_one(request, "patch", options(request))
    if plan.resource.name not in RESTARTABLE:
        raise Problem(
            400, f"{plan.resource.name} cannot be restarted; accepted is one of {', '.join(RESTARTABLE)}"
        )
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def work(cluster: Cluster, found: Resource, deadline: Deadline) -> WriteAnswer:
        return await cluster_writes.restart(
            cluster, found, plan.namespace, plan.name, moment, plan.params, deadline
        )

    return await _carry_out(request, plan, work)


async def _of_one(request: web.Request, verb: str, params: Mapping[str, str], subresource: str = "") -> _Plan:
    """A write to the one object that the path names. Raises Problem."""
    where = targets(request)
    resource = await resource_named(request, where.clusters)
    return _Plan(
        where, resource, namespace_of(request, resource), name_of(request), verb, params, subresource
    )


async def _carry_out(request: web.Request, plan: _Plan, work: Work) -> web.StreamResponse:
    form = written_format(request)

    async def in_cluster(cluster: Cluster) -> WriteAnswer:
        if not cluster_writes.is_dry_run(plan.params):
            check_writable(request, cluster.name)
        found = cluster.catalog.get(plan.resource.name)
        if found is None:
            raise Failed(404, f"the cluster has no resource {plan.resource.name!r}", "NotFound")
        try:
            return await work(cluster, found, Deadline(LIMIT_SECONDS))
        except Failed as failed:
            told = await in_place_of(request, failed, cluster, found, plan.namespace, plan.name)
            raise told from None

    outcomes = await in_each(plan.targets.clusters, in_cluster)
    for outcome in outcomes:
        _record(request, plan, outcome)
    return await in_format(answer(outcomes, several=plan.targets.several), form)


def _record(request: web.Request, plan: _Plan, outcome: ClusterOutcome) -> None:
    result = outcome.result
    audit.write(
        request,
        plan.verb,
        cluster=outcome.cluster.name,
        resource=plan.resource.name,
        namespace=plan.namespace,
        name=plan.name,
        subresource=plan.subresource,
        status=result.status,
        reason=result.reason if isinstance(result, Failed) else "",
        dry_run=cluster_writes.is_dry_run(plan.params),
    )


def _head(body: bytes) -> _Head:
    return msgspec.json.decode(body, type=_Head)


def _text(head: _Head, name: str) -> str:
    """A member of the metadata; what is no text is none, and the cluster will say so."""
    found = head.metadata.get(name) if isinstance(head.metadata, dict) else None
    return found if isinstance(found, str) else ""


def _deletion_options(request: web.Request) -> dict[str, str]:
    found = options(request, managed=False)
    # Left out, some kinds (Jobs among them) would leave what they own behind; kubectl asks for this too.
    policy = request.query.get("propagationPolicy", PROPAGATION[0])
    if policy not in PROPAGATION:
        raise wrong("propagationPolicy", policy, ", ".join(PROPAGATION))
    found["propagationPolicy"] = policy
    seconds = request.query.get("gracePeriodSeconds")
    if seconds is not None:
        if not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 10):
            raise wrong("gracePeriodSeconds", seconds, "a number of seconds, 0 for at once")
        found["gracePeriodSeconds"] = seconds
    return found
