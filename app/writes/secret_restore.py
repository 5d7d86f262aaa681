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
from app.kube.client import Answer
from app.kube.wire.secret_redaction import REDACTED, Unrestorable, is_redacted, restored

# In these patches a member that is null is one to be removed.
NULL_REMOVES = (MERGE, STRATEGIC)
# How often a Secret is read again that somebody else has changed meanwhile.
TRIES = 3
PAUSE_SECONDS = 0.1


async def ask_restored(cluster: Cluster, asked: ClusterRequest, deadline: Deadline) -> Answer:
    """The answer to a write of a Secret, whose body is JSON. Raises Failed, with status 422 where what was
    redacted cannot be kept."""
    for left in reversed(range(TRIES)):
        kept = await with_stored_values(cluster, asked, deadline)
        try:
            return await send_request(cluster, kept, deadline)
        except Failed as failed:
            # Only the version that was read here may be outdated: that of the caller is to be refused.
            if not left or kept is asked or failed.reason != "Conflict" or _version(asked.body):
                raise
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")


async def with_stored_values(cluster: Cluster, asked: ClusterRequest, deadline: Deadline) -> ClusterRequest:
    """The write with the values in it that it is to keep; the same one where it is not of a redacted
    Secret. Raises Failed."""
    body = asked.body or b""
    if asked.content_type == JSON_PATCH:
        _refuse_operations(body)
        return asked
    try:
        if not is_redacted(body):
            return asked
    except Unrestorable as error:
        raise _unprocessable(str(error)) from None
    stored = None if asked.method == "POST" else await _stored(cluster, asked.path, deadline)
    if stored is not None and (meant := _version(body)) and meant != _version(stored):
        raise Failed(409, f"the Secret has been modified since version {meant}: read it again", "Conflict")
    try:
        null_removes = asked.content_type in NULL_REMOVES
        body = restored(body, stored, whole=asked.method == "PUT", null_removes=null_removes)
    except Unrestorable as error:
        raise _unprocessable(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unprocessable(f"this Secret is redacted, and cannot be read: {error}") from None
    return msgspec.structs.replace(asked, body=body)


async def _stored(cluster: Cluster, path: str, deadline: Deadline) -> bytes | None:
    """The Secret as the cluster holds it, None where it holds none. Raises Failed."""
    try:
        return (await send_request(cluster, ClusterRequest("GET", path, repeatable=True), deadline)).body
    except Failed as failed:
        if failed.status == 404:
            return None
        if failed.status in (401, 403):
            raise _unprocessable(
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
                raise _unprocessable(f"an operation may not write the annotation {REDACTED}")


def _unprocessable(detail: str) -> Failed:
    return Failed(422, detail, "Invalid")


class _Metadata(msgspec.Struct):
    resourceVersion: str | None = None


class _Head(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def _version(body: bytes | None) -> str | None:
    """The resourceVersion that an object names."""
    try:
        return msgspec.json.decode(body or b"{}", type=_Head).metadata.resourceVersion
    except msgspec.ValidationError:
        return None
