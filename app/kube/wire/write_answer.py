"""Where the answer to a write becomes the JSON of the object that it made."""

import msgspec
from msgspec import Raw

from app.kube.wire.managed_fields import without_managed_fields
from app.kube.wire.secret_redaction import Members, redacted
from app.kube.wire.wire_errors import WireError, raising_wire_error
from app.kube.wire.wire_object import BodyFormat

_members_decoder = msgspec.json.Decoder(Members)
_STATUS_KIND = Raw(b'"Status"')
_STATUS_MEMBERS = frozenset(
    {"kind", "apiVersion", "metadata", "status", "message", "reason", "details", "code"}
)


def decode_answer(body: bytes, body_format: BodyFormat) -> bytes:
    """Return the JSON of what a write was answered with, in the format of stored objects: without its
    opening brace, and without a member ``cluster`` of its own.

    A dry run brings an object without a version, a deletion perhaps a Status. Raises WireError.
    """
    return raising_wire_error(_answer, body, body_format)


def _answer(body: bytes, body_format: BodyFormat) -> bytes:
    members = _members_decoder.decode(body)
    if body_format.redact and not _is_status(members):
        members = _members_decoder.decode(redacted(body))
    if not members:
        raise WireError("an object without members")
    if not body_format.keep_managed_fields and "metadata" in members:
        members["metadata"] = without_managed_fields(members["metadata"])
    members.pop("cluster", None)
    return msgspec.json.encode(members)[1:]


def _is_status(members: Members) -> bool:
    """Return whether this is a Status and can be nothing else: it has no values that could be redacted."""
    return members.get("kind") == _STATUS_KIND and members.keys() <= _STATUS_MEMBERS
