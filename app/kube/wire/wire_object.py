"""An object as an API server sends it, decoded only as far as it is needed.

An object is taken as bytes: one decode reads its identity and labels and checks the
JSON of the rest by skipping it, and managedFields are cut out where they stand. Only
what is spelled in an unusual way is taken apart and put together again, which is as
exact and several times slower.
"""

from functools import lru_cache

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.kube.wire.managed_fields import span_to_cut, without_managed_fields
from app.kube.wire.secret_redaction import Members, redacted
from app.kube.wire.wire_errors import WireError, version_of


class WireObject(msgspec.Struct, frozen=True, gc=False):
    """One object of an API server's answer or event.

    ``labels`` is the JSON of metadata.labels, b"" for none. ``tail`` is the object's
    JSON without its opening brace; it begins with ``"kind":…,"apiVersion":…`` and has
    no managedFields unless they are kept; what was cut out is ``managed``, b"" for nothing.
    ``own_cluster`` says that it has a member ``cluster``. All are copies: nothing larger stays alive.
    """

    namespace: str
    name: str
    uid: str
    version: int
    labels: bytes
    tail: bytes
    managed: bytes = b""
    own_cluster: bool = False


class BodyFormat(msgspec.Struct, frozen=True):
    """What of an object's JSON is kept. ``redact`` empties the values of Secrets."""

    keep_managed_fields: bool = False
    redact: bool = False


class _Metadata(msgspec.Struct, gc=False):
    name: str
    resourceVersion: str
    namespace: str = ""
    uid: str = ""
    labels: Raw = Raw(b"")
    managedFields: Raw = Raw(b"")


class _Object(msgspec.Struct, gc=False):
    metadata: _Metadata
    kind: str | UnsetType = UNSET
    apiVersion: str | UnsetType = UNSET
    cluster: Raw | UnsetType = UNSET


_object_decoder = msgspec.json.Decoder(_Object)
_labels_decoder = msgspec.json.Decoder(dict[str, str] | None)
_members_decoder = msgspec.json.Decoder(Members)


def decode_object(body: bytes, body_format: BodyFormat, kind: str = "", api_version: str = "") -> WireObject:
    """Decode an object's JSON.

    ``kind`` and ``api_version`` are given for items of lists, which lack them. Raises one of ``UNREADABLE``.
    """
    if not body.isascii():
        body.decode()  # msgspec takes what it skips for UTF-8 unseen
    if b"\n" in body or b"\r" in body:
        body = msgspec.json.format(body, indent=-1)
    if body_format.redact:
        body = redacted(body)
    decoded = _object_decoder.decode(body)
    metadata = decoded.metadata
    if not metadata.name or "\0" in metadata.name or "\0" in metadata.namespace:
        raise WireError("an object without a name that it can be known by")
    labels = bytes(metadata.labels)
    _check_labels(labels)
    tail = _tail(body, decoded, body_format, kind, api_version)
    return WireObject(
        metadata.namespace,
        metadata.name,
        metadata.uid,
        version_of(metadata.resourceVersion),
        b"" if labels in (b"null", b"{}") else labels,
        tail,
        b"" if body_format.keep_managed_fields else bytes(metadata.managedFields),
        decoded.cluster is not UNSET,
    )


@lru_cache(maxsize=16 * 1024)
def _check_labels(labels: bytes) -> None:
    """Raise msgspec.DecodeError where these are no labels."""
    if labels:
        _labels_decoder.decode(labels)


def _tail(body: bytes, decoded: _Object, body_format: BodyFormat, kind: str, api_version: str) -> bytes:
    own_kind, own_version = decoded.kind or kind, decoded.apiVersion or api_version
    if not own_kind or not own_version:
        raise WireError("an object without kind or apiVersion")
    opening, by_alphabet = _openings(own_kind, own_version)
    if decoded.kind is UNSET and decoded.apiVersion is UNSET:
        start = 1
    elif body.startswith((opening, by_alphabet)):
        start = len(opening)
    else:
        return _rebuilt(body, body_format, opening)
    managed = bytes(decoded.metadata.managedFields)
    if body_format.keep_managed_fields or not managed:
        return opening[1:] + body[start:]
    cut = span_to_cut(body, start, managed)
    if cut is None:
        return _rebuilt(body, body_format, opening)
    return b"".join((opening[1:], body[start : cut[0]], body[cut[1] :]))


@lru_cache(maxsize=1024)
def _openings(kind: str, api_version: str) -> tuple[bytes, bytes]:
    """Return how objects begin: built-in kinds, and custom resources, whose members are sorted by name."""
    spelled, version = msgspec.json.encode(kind), msgspec.json.encode(api_version)
    return (
        b'{"kind":%s,"apiVersion":%s,' % (spelled, version),
        b'{"apiVersion":%s,"kind":%s,' % (version, spelled),
    )


def _rebuilt(body: bytes, body_format: BodyFormat, opening: bytes) -> bytes:
    members = _members_decoder.decode(body)
    members.pop("kind", None)
    members.pop("apiVersion", None)
    if not body_format.keep_managed_fields:
        members["metadata"] = without_managed_fields(members["metadata"])
    return opening[1:] + msgspec.json.encode(members)[1:]
