"""Edits of objects: the difference between two texts is written, and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from app import jsontext
from app.cache.cluster_member import MEMBER
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import JSON_PATCH, ClusterRequest, Deadline, Failed, path_of, send_request
from app.kube.discovery.api_resource import Resource
from app.kube.wire.secret_redaction import REDACTED, SECRETS, VALUES, without_values
from app.kube.wire.wire_errors import WireError
from app.kube.wire.write_answer import decode_answer
from app.writes.cluster_writes import WriteAnswer, as_written, write
from app.writes.edit_patch import Changed, Document, Edit, Operation, at, changes, spelled
from app.writes.secret_restore import READ_TRIES
from app.writes.write_refusals import invalid

# What makes an object another one.
_IDENTITY = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), (MEMBER,))
_UID = ("metadata", "uid")
_VERSION = ("metadata", "resourceVersion")
_ANNOTATIONS = ("metadata", "annotations")
_MARK = (*_ANNOTATIONS, REDACTED)
_NOTHING = ("", None)

UNCHANGED = "nothing was written: both texts say the same"
ALREADY_SO = "nothing was written: the object is as the edit would make it"


def check_identity(edit: Edit) -> None:
    """Refuse an edit that would make another object of it. Raises Failed."""
    for path in _IDENTITY:
        before, after = at(edit.before, path), at(edit.after, path)
        # A member cluster that is no text is the object's own.
        own = path == (MEMBER,) and not isinstance(before, str) and not isinstance(after, str)
        if before != after and not own:
            raise invalid(
                f"{spelled(path)} cannot be changed from {_shown(before)} to {_shown(after)}: "
                "that is another object, which is to be created"
            )


async def apply_edit(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    edit: Edit,
    params: Mapping[str, str],
    deadline: Deadline,
) -> WriteAnswer:
    """Make an edit in a cluster. Raises Failed, with status 409 where somebody else has changed the same."""
    resource = as_written(resource, edit.before.get("apiVersion"))
    path = path_of(resource, namespace, name)
    failure: Failed | None = None
    version: Any = None
    for left in reversed(range(READ_TRIES)):
        stored = (await send_request(cluster, ClusterRequest("GET", path, repeatable=True), deadline)).body
        try:
            operations = _operations(resource, edit, stored)
        except (msgspec.DecodeError, jsontext.Undecodable, RecursionError) as error:
            raise Failed(502, f"what it holds cannot be read: {error}", "InternalError") from None
        if not operations:
            notice = UNCHANGED if edit.before == edit.after else ALREADY_SO
            return _unwritten(cluster, resource, stored, notice)
        # A test that fails and an object that is not valid are refused alike: only the former goes away.
        if failure is not None and version == _version(stored):
            raise failure
        request = ClusterRequest("PATCH", path, params, msgspec.json.encode(operations), JSON_PATCH)
        try:
            return await write(cluster, resource, namespace, request, deadline)
        except Failed as failed:
            if failed.status != 422 or not left:
                raise
            failure, version = failed, _version(stored)
    raise AssertionError("the last try returns or raises")


def _operations(resource: Resource, edit: Edit, stored: bytes) -> list[Operation]:
    """Return the patch that makes the edit of what is stored.

    Raises Failed, msgspec.DecodeError, jsontext.Undecodable.
    """
    present = jsontext.decode(stored)
    for path in _IDENTITY[:-1]:
        if at(edit.before, path) not in (UNSET, at(present, path)):
            difference = f"{_shown(at(edit.before, path))}, and the object has {_shown(at(present, path))}"
            raise invalid(f"{spelled(path)} of the text before the edit is {difference}")
    if at(edit.before, _UID) not in (UNSET, at(present, _UID)):
        raise Failed(409, "the object was deleted and created anew meanwhile: read it again", "Conflict")
    try:
        if resource.name == SECRETS and at(edit.before, _MARK) is not UNSET:
            return _of_redacted(edit, present, stored)
        return changes(edit, stored)
    except Changed as changed:
        raise Failed(409, str(changed), "Conflict") from None


def _of_redacted(edit: Edit, present: Document, stored: bytes) -> list[Operation]:
    """Return the patch for a Secret that was read redacted: it has no value that was not given, not even in a
    test.

    Raises Failed, Changed.
    """
    if at(edit.after, _MARK) != at(edit.before, _MARK):
        raise invalid(f"the annotation {REDACTED} cannot be changed: it says that values are not shown")
    edit = Edit(_unmarked(edit.before), _kept_empty(_unmarked(edit.after), edit.before))
    if empty := [spelled(path) for path in _given_empty(edit)]:
        raise invalid(
            f"{empty[0]} is empty, which keeps a value, and there is none: give one, or leave the key out"
        )
    patch = changes(edit, without_values(stored))
    operations = [operation for operation in patch if operation.op != "test"]
    if not operations:
        return []
    version = at(edit.before, _VERSION)
    lost = [
        operation.path
        for operation in operations
        if operation.op != "add" and operation.path.startswith("/data")
    ]
    if lost and version not in (UNSET, at(present, _VERSION)):
        raise Changed(
            f"the Secret has been modified since version {version}, and whether "
            f"{lost[0].strip('/').replace('/', '.')} was cannot be seen: read it again"
        )
    # What is not shown cannot be tested; that nobody has changed anything since it was read here can.
    return [Operation("test", "/metadata/resourceVersion", at(present, _VERSION)), *operations]


def _unmarked(document: Document) -> Document:
    """Return the document without the annotation, which is no part of the object."""
    annotations = {name: value for name, value in at(document, _ANNOTATIONS).items() if name != REDACTED}
    metadata = {**document["metadata"], "annotations": annotations}
    if not annotations:
        del metadata["annotations"]
    return {**document, "metadata": metadata}


def _kept_empty(after: Document, before: Document) -> Document:
    """Return the document with the values that are null in it, and were empty before, as they were."""
    data, old = after.get("data"), before.get("data")
    if not isinstance(data, dict) or not isinstance(old, dict):
        return after
    return {
        **after,
        "data": {key: old[key] if key in old and value is None else value for key, value in data.items()},
    }


def _given_empty(edit: Edit) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the values of data and stringData that the edit makes empty."""
    for name, values in edit.after.items():
        if name.lower() in VALUES and isinstance(values, dict):
            for key, value in values.items():
                if value in _NOTHING and at(edit.before, (name, key)) is UNSET:
                    yield name, key


def _unwritten(cluster: Cluster, resource: Resource, stored: bytes, notice: str) -> WriteAnswer:
    try:
        tail = decode_answer(stored, cluster.options.body_format_of(resource))
        return WriteAnswer(200, tail, None, (notice,))
    except WireError as error:
        raise Failed(502, f"what it holds cannot be read: {error}", "InternalError") from None


def _version(stored: bytes) -> Any:
    return at(jsontext.decode(stored), _VERSION)


def _shown(value: Any) -> str:
    return "nothing" if value is UNSET else repr(value)[:80]
