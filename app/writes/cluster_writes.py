"""Writes to one cluster, and what is to be waited for until reads show them."""

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
from app.fleet.own_writes import is_gone
from app.fleet.store_listener import listening
from app.kube.answer_limits import version_number
from app.kube.discovery.api_resource import Resource
from app.kube.wire.secret_redaction import SECRETS
from app.kube.wire.wire_errors import WireError
from app.kube.wire.wire_object import BodyFormat
from app.kube.wire.write_answer import decode_answer
from app.writes.added_cluster_member import without_ours
from app.writes.secret_restore import ask_restored
from app.writes.write_refusals import refuse_projection

# What `kubectl rollout restart` restarts.
RESTARTABLE = ("daemonsets.apps", "deployments.apps", "statefulsets.apps")
_VERSION = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


class WrittenVersion(msgspec.Struct, frozen=True):
    """Where a write can be read: a store, by its resource and the namespace that it is restricted
    to, and the version that it has reached when it holds the write."""

    resource: str
    namespace: str | None
    version: int


class WriteAnswer(msgspec.Struct, frozen=True):
    """What a cluster answered a write with.

    ``tail`` is its JSON without the opening brace, as of what is cached. ``written`` is
    None where nothing was written, as by a dry run. ``warnings`` are the API server's.
    """

    status: int
    tail: bytes
    written: WrittenVersion | None
    warnings: tuple[str, ...] = ()


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""
    finalizers: list[str] | None = None
    deletionTimestamp: str | None = None
    deletionGracePeriodSeconds: int | None = None


class _Details(msgspec.Struct):
    uid: str = ""


class _Answer(msgspec.Struct):
    kind: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    details: _Details | None = None


class _PausedSpec(msgspec.Struct):
    paused: bool = False


class _Paused(msgspec.Struct):
    spec: _PausedSpec = msgspec.field(default_factory=_PausedSpec)


def as_written(resource: Resource, api_version: object) -> Resource:
    """The resource in the version that an object is written in, which may be another than is watched.

    Of what is no version of its group, the cluster is left to say so.
    """
    group, _, version = api_version.rpartition("/") if isinstance(api_version, str) else ("", "", "")
    if group != resource.group or not _VERSION.fullmatch(version):
        return resource
    return msgspec.structs.replace(resource, version=version)


async def write(
    cluster: Cluster, resource: Resource, namespace: str, asked: ClusterRequest, deadline: Deadline
) -> WriteAnswer:
    """Have a cluster carry something out; reads through this process wait for it. Raises Failed."""
    refuse_projection(asked)
    asked = await without_ours(cluster, resource, asked, deadline)
    send = ask_restored if resource.name == SECRETS and asked.body is not None else send_request
    answered = await send(cluster, asked, deadline)
    tail, answer = _read(cluster, resource, answered.body)
    written = None
    if not is_dry_run(asked.params):
        written = _written_version(cluster, resource, namespace or answer.metadata.namespace, answer.metadata)
    return WriteAnswer(answered.status, tail, written, answered.warnings)


async def scale(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    replicas: int,
    params: Mapping[str, str],
    deadline: Deadline,
) -> WriteAnswer:
    """Give a workload so many replicas. Raises Failed."""
    body = msgspec.json.encode({"spec": {"replicas": replicas}})
    asked = ClusterRequest(
        "PATCH", path_of(resource, namespace, name, "scale"), params, body, MERGE, repeatable=True
    )
    return await write(cluster, resource, namespace, asked, deadline)


async def restart(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    moment: str,
    params: Mapping[str, str],
    deadline: Deadline,
) -> WriteAnswer:
    """Have a workload make all of its pods anew, as `kubectl rollout restart`. Raises Failed.

    ``moment`` (RFC 3339) is what tells this restart from others.
    """
    path = path_of(resource, namespace, name)
    if resource.kind == "Deployment":
        body = (await send_request(cluster, ClusterRequest("GET", path, repeatable=True), deadline)).body
        if msgspec.json.decode(body, type=_Paused).spec.paused:
            raise Failed(409, f"deployment {name!r} is paused: resume it first", "Conflict")
    annotations = {_RESTARTED: moment}
    body = msgspec.json.encode({"spec": {"template": {"metadata": {"annotations": annotations}}}})
    asked = ClusterRequest("PATCH", path, params, body, STRATEGIC, repeatable=True)
    return await write(cluster, resource, namespace, asked, deadline)


async def delete(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    params: Mapping[str, str],
    deadline: Deadline,
) -> WriteAnswer:
    """Delete an object. Raises Failed.

    Most deletions are answered without a version. What they are waited for by, and which
    version then covers them elsewhere, is found out when this process sees the object go.
    """
    asked = ClusterRequest("DELETE", path_of(resource, namespace, name), params)
    with _deletions(cluster, resource) as seen:
        answered = await send_request(cluster, asked, deadline)
        tail, answer = _read(cluster, resource, answered.body)
        done = WriteAnswer(answered.status, tail, None, answered.warnings)
        if is_dry_run(asked.params):
            return done
        uid = answer.details.uid if answer.details is not None else answer.metadata.uid
        metadata = answer.metadata
        gone = is_gone(metadata.deletionTimestamp, metadata.deletionGracePeriodSeconds, metadata.finalizers)
        if answer.kind != "Status" and not gone:
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
    return params.get("dryRun") == "All"


def shape_of(cluster: Cluster, resource: Resource) -> BodyFormat:
    """How objects of this resource are cut, as for reads."""
    return BodyFormat(
        keep_managed_fields=cluster.options.managed_fields,
        redact=resource.name == SECRETS and not cluster.options.secret_values,
    )


def _read(cluster: Cluster, resource: Resource, body: bytes) -> tuple[bytes, _Answer]:
    try:
        return decode_answer(body, shape_of(cluster, resource)), msgspec.json.decode(body, type=_Answer)
    except (WireError, msgspec.DecodeError) as error:
        raise Failed(502, f"it was carried out, but the answer is none: {error}", "InternalError") from None


def _written_version(
    cluster: Cluster, resource: Resource, namespace: str, metadata: _Metadata
) -> WrittenVersion | None:
    version = version_number(metadata.resourceVersion)
    if version is None:
        return None
    cluster.written.note(resource.name, namespace, version)
    return WrittenVersion(resource.name, _scope(cluster, resource, namespace), version)


def _scope(cluster: Cluster, resource: Resource, namespace: str) -> str | None:
    """The namespace that the store is restricted to which holds this."""
    return namespace if resource.namespaced and cluster.options.namespaces else None


@contextmanager
def _deletions(cluster: Cluster, resource: Resource) -> Iterator[dict[str, int]]:
    """The deletions that the watch brings meanwhile: version by uid."""
    seen: dict[str, int] = {}

    def told(changes: Sequence[Change]) -> None:
        seen.update((each.old.uid, each.version) for each in changes if each.new is None and each.old)

    watch = cluster.watches.get(resource.name)
    stores = watch.stores if watch is not None else []
    with listening(stores, told):
        yield seen


class _ListMetadata(msgspec.Struct):
    resourceVersion: str


class _List(msgspec.Struct):
    metadata: _ListMetadata


async def _version(cluster: Cluster, resource: Resource, namespace: str, deadline: Deadline) -> int | None:
    """A version that is not before now; None where it cannot be had, or not in time."""
    try:
        answered = await send_request(
            cluster,
            ClusterRequest("GET", path_of(resource, namespace), {"limit": "1"}, repeatable=True),
            deadline,
        )
        return version_number(msgspec.json.decode(answered.body, type=_List).metadata.resourceVersion)
    except (Failed, msgspec.DecodeError, UnicodeDecodeError):
        return None
