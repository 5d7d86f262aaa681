"""Writes to one cluster, each answered with the version from which on reads show it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from app.cache.store import Change
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import (
    MERGE,
    STRATEGIC,
    ClusterRequest,
    Deadline,
    Failed,
    path_of,
    send_request,
)
from app.fleet.own_writes import AnswerMetadata, ObjectAnswer, WrittenVersion
from app.fleet.store_listener import listening
from app.kube.discovery.api_resource import Resource
from app.kube.wire.resource_version import version_number
from app.kube.wire.secret_redaction import SECRETS
from app.kube.wire.wire_errors import WireError
from app.kube.wire.write_answer import decode_answer
from app.writes.added_cluster_member import without_added_cluster
from app.writes.secret_restore import send_with_stored_values
from app.writes.write_refusals import refuse_projection

# What `kubectl rollout restart` restarts.
RESTARTABLE = ("daemonsets.apps", "deployments.apps", "statefulsets.apps")
# The one value that the parameter dryRun has.
DRY_RUN = "All"
_VERSION = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


class WriteAnswer(msgspec.Struct, frozen=True):
    """The answer of a cluster that has carried out a write; one that refuses raises Failed instead.

    ``status`` is HTTP's, ``tail`` the JSON of the object without the opening brace, as in the cache.
    ``written`` is None where nothing was written, as by a dry run. ``warnings`` are the API server's.
    """

    status: int
    tail: bytes
    written: WrittenVersion | None
    warnings: tuple[str, ...] = ()


class _PausedSpec(msgspec.Struct):
    paused: bool = False


class _Paused(msgspec.Struct):
    spec: _PausedSpec = msgspec.field(default_factory=_PausedSpec)


def as_written(resource: Resource, api_version: object) -> Resource:
    """Return the resource in the version that an object is written in, which may be another than is watched.

    An ``api_version`` that is none of its group leaves it as it is: the API server refuses that.
    """
    group, _, version = api_version.rpartition("/") if isinstance(api_version, str) else ("", "", "")
    if group != resource.group or not _VERSION.fullmatch(version):
        return resource
    return msgspec.structs.replace(resource, version=version)


async def write(
    cluster: Cluster, resource: Resource, namespace: str, request: ClusterRequest, deadline: Deadline
) -> WriteAnswer:
    """Send a write to a cluster; reads through this process wait for it. Raises Failed."""
    refuse_projection(request)
    request = await without_added_cluster(cluster, resource, request, deadline)
    send = send_with_stored_values if resource.name == SECRETS and request.body is not None else send_request
    response = await send(cluster, request, deadline)
    tail, answer = _read(cluster, resource, response.body)
    written = None
    if not is_dry_run(request.params):
        written = _written_version(cluster, resource, namespace or answer.metadata.namespace, answer.metadata)
    return WriteAnswer(response.status, tail, written, response.warnings)


async def scale(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    replicas: int,
    params: Mapping[str, str],
    deadline: Deadline,
) -> WriteAnswer:
    """Set the number of replicas of a workload. Raises Failed."""
    body = msgspec.json.encode({"spec": {"replicas": replicas}})
    request = ClusterRequest(
        "PATCH", path_of(resource, namespace, name, "scale"), params, body, MERGE, repeatable=True
    )
    return await write(cluster, resource, namespace, request, deadline)


async def restart(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    moment: str,
    params: Mapping[str, str],
    deadline: Deadline,
) -> WriteAnswer:
    """Restart the pods of a workload as `kubectl rollout restart`. Raises Failed, 409 where it is paused.

    ``moment`` (RFC 3339) is written into the pod template, and tells this restart from others.
    """
    path = path_of(resource, namespace, name)
    if resource.kind == "Deployment":
        body = (await send_request(cluster, ClusterRequest("GET", path, repeatable=True), deadline)).body
        if msgspec.json.decode(body, type=_Paused).spec.paused:
            raise Failed(409, f"deployment {name!r} is paused: resume it first", "Conflict")
    annotations = {_RESTARTED: moment}
    body = msgspec.json.encode({"spec": {"template": {"metadata": {"annotations": annotations}}}})
    request = ClusterRequest("PATCH", path, params, body, STRATEGIC, repeatable=True)
    return await write(cluster, resource, namespace, request, deadline)


async def delete(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    params: Mapping[str, str],
    deadline: Deadline,
) -> WriteAnswer:
    """Delete an object. Raises Failed.

    Most deletions are answered without a version. Theirs is that of the event with which a watch
    of this process reports the deletion; where nothing is watched, the present one of the collection.
    """
    request = ClusterRequest("DELETE", path_of(resource, namespace, name), params)
    with _deletions(cluster, resource) as seen:
        response = await send_request(cluster, request, deadline)
        tail, answer = _read(cluster, resource, response.body)
        done = WriteAnswer(response.status, tail, None, response.warnings)
        if is_dry_run(request.params):
            return done
        uid = answer.details.uid if answer.details is not None else answer.metadata.uid
        if answer.kind != "Status" and not answer.leaves_nothing:
            written = _written_version(cluster, resource, namespace, answer.metadata)
            return msgspec.structs.replace(done, written=written)
        cluster.written.note_deletion(resource.name, namespace, name, uid)
        if uid not in seen and cluster.watches.get(resource.name) is not None:
            await cluster.written.seen(resource.name)
    version = seen.get(uid) or await _version(cluster, resource, namespace, deadline)
    if version is None:
        return done
    written = WrittenVersion(resource.name, _scope(cluster, resource, namespace), version)
    return msgspec.structs.replace(done, written=written)


def is_dry_run(params: Mapping[str, str]) -> bool:
    """Return whether a write with these parameters changes nothing."""
    return params.get("dryRun") == DRY_RUN


def _read(cluster: Cluster, resource: Resource, body: bytes) -> tuple[bytes, ObjectAnswer]:
    try:
        tail = decode_answer(body, cluster.options.body_format_of(resource))
        return tail, msgspec.json.decode(body, type=ObjectAnswer)
    except (WireError, msgspec.DecodeError) as error:
        raise Failed(502, f"it was carried out, but the answer is none: {error}", "InternalError") from None


def _written_version(
    cluster: Cluster, resource: Resource, namespace: str, metadata: AnswerMetadata
) -> WrittenVersion | None:
    version = version_number(metadata.resourceVersion)
    if version is None:
        return None
    cluster.written.note(resource.name, namespace, version)
    return WrittenVersion(resource.name, _scope(cluster, resource, namespace), version)


def _scope(cluster: Cluster, resource: Resource, namespace: str) -> str | None:
    """Return the namespace that the store of an object is restricted to, None for all."""
    return namespace if resource.namespaced and cluster.options.namespaces else None


@contextmanager
def _deletions(cluster: Cluster, resource: Resource) -> Iterator[dict[str, int]]:
    """Collect the deletions that the watch brings while the context is open: version by uid."""
    seen: dict[str, int] = {}

    def note_deletions(changes: Sequence[Change]) -> None:
        seen.update(
            (change.old.uid, change.version) for change in changes if change.new is None and change.old
        )

    watch = cluster.watches.get(resource.name)
    stores = watch.stores if watch is not None else []
    with listening(stores, note_deletions):
        yield seen


class _ListMetadata(msgspec.Struct):
    resourceVersion: str


class _List(msgspec.Struct):
    metadata: _ListMetadata


async def _version(cluster: Cluster, resource: Resource, namespace: str, deadline: Deadline) -> int | None:
    """Return a version of the collection that is not before now; None where it cannot be had in time."""
    try:
        response = await send_request(
            cluster,
            ClusterRequest("GET", path_of(resource, namespace), {"limit": "1"}, repeatable=True),
            deadline,
        )
        return version_number(msgspec.json.decode(response.body, type=_List).metadata.resourceVersion)
    except (Failed, msgspec.DecodeError, UnicodeDecodeError):
        return None
