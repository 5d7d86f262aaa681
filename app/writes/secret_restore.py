"""Writes of Secrets that were read redacted: the stored values stay where nobody gave others."""

import asyncio

import msgspec

from app.fleet.cluster import Cluster
from app.fleet.cluster_request import (
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    ClusterRequest,
    Deadline,
    Failed,
    send_request,
)
from app.kube.client import ApiResponse
from app.kube.wire.secret_redaction import REDACTED, Unrestorable, is_redacted, restored
from app.writes.write_refusals import invalid

# In these patches a member that is null is one to be removed.
NULL_REMOVES = (MERGE, STRATEGIC)
# How often an object is read for a write, where somebody else changes it meanwhile.
READ_TRIES = 3
PAUSE_SECONDS = 0.1


async def send_with_stored_values(
    cluster: Cluster, request: ClusterRequest, deadline: Deadline
) -> ApiResponse:
    """Send a write of a Secret, whose body is JSON, with the values that were redacted in it.

    Raises Failed, with status 422 where these cannot be kept.
    """
    for left in reversed(range(READ_TRIES)):
        kept = await with_stored_values(cluster, request, deadline)
        try:
            return await send_request(cluster, kept, deadline)
        except Failed as failed:
            # Only the version that was read here may be outdated: that of the caller is to be refused.
            if not left or kept is request or failed.reason != "Conflict" or _version(request.body):
                raise
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")


async def with_stored_values(cluster: Cluster, request: ClusterRequest, deadline: Deadline) -> ClusterRequest:
    """Return the write with the stored values where the body has redacted ones; the same object where it is
    not of a redacted Secret. Raises Failed."""
    body = request.body or b""
    if request.content_type == JSON_PATCH:
        _refuse_operations(body)
        return request
    try:
        if not is_redacted(body):
            return request
    except Unrestorable as error:
        raise invalid(str(error)) from None
    stored = None if request.method == "POST" else await _stored(cluster, request.path, deadline)
    if stored is not None and (version := _version(body)) and version != _version(stored):
        raise Failed(409, f"the Secret has been modified since version {version}: read it again", "Conflict")
    try:
        null_removes = request.content_type in NULL_REMOVES
        body = restored(body, stored, whole=request.method == "PUT", null_removes=null_removes)
    except Unrestorable as error:
        raise invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"this Secret is redacted, and cannot be read: {error}") from None
    return msgspec.structs.replace(request, body=body)


async def _stored(cluster: Cluster, path: str, deadline: Deadline) -> bytes | None:
    """Return the Secret as the cluster has it, None where it has none. Raises Failed."""
    try:
        return (await send_request(cluster, ClusterRequest("GET", path, repeatable=True), deadline)).body
    except Failed as failed:
        if failed.status == 404:
            return None
        if failed.status in (401, 403):
            raise invalid(
                f"this Secret is redacted ({REDACTED}), and its values may not be read to be kept: {failed}"
            ) from None
        raise


def _refuse_operations(body: bytes) -> None:
    """Refuse JSON patches that write the annotation: nobody can tell what of them was redacted."""
    try:
        operations = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # which the API server will say
    for operation in operations if isinstance(operations, list) else ():
        if isinstance(operation, dict) and operation.get("op") in ("add", "replace"):
            written = [str(operation.get("path")).replace("~1", "/"), operation.get("value")]
            if REDACTED in msgspec.json.encode(written).decode():
                raise invalid(f"an operation may not write the annotation {REDACTED}")


class _Metadata(msgspec.Struct):
    resourceVersion: str | None = None


class _Head(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def _version(body: bytes | None) -> str | None:
    """Return the resourceVersion that an object names, None for none."""
    try:
        return msgspec.json.decode(body or b"{}", type=_Head).metadata.resourceVersion
    except msgspec.ValidationError:
        return None
