"""Answers of Kubernetes in protobuf, decoded as far as it takes to know the version of an object.

The envelope is ``runtime.Unknown`` of k8s.io/apimachinery/pkg/runtime/generated.proto after four
bytes of magic; the numbers of the fields are those of pkg/apis/meta/v1/generated.proto.
All objects of Kubernetes have their metadata in field 1, all lists their items in field 2.
"""

from typing import Any

from app.encoding.varint import read_varint

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_OBJECT_META = {1: "name", 3: "namespace", 5: "uid", 6: "resourceVersion"}
_STATUS_DETAILS = {1: "name", 6: "uid"}

Fields = dict[int, list[Any]]


def answer(body: bytes) -> dict[str, Any]:
    """Return ``kind``, ``metadata``, ``details`` of a Status and ``items`` of a list, named as in JSON.

    Raises ValueError or IndexError for a body that is no answer of Kubernetes in protobuf.
    """
    if not body.startswith(_MAGIC):
        raise ValueError("no envelope")
    envelope = _fields(body[len(_MAGIC) :])
    kind = _text(_fields(envelope[1][0]), 2)
    return _object(kind, envelope[2][0])


def _object(kind: str, raw: bytes) -> dict[str, Any]:
    fields = _fields(raw)
    if kind == "Status":
        return {"kind": kind, "details": _texts(fields[5][0], _STATUS_DETAILS) if 5 in fields else None}
    if kind.endswith("List"):
        return {"kind": kind, "items": [_object("", item) for item in fields.get(2, [])]}
    raw_metadata = fields[1][0] if 1 in fields else b""
    metadata = _texts(raw_metadata, _OBJECT_META)
    more = _fields(raw_metadata)
    metadata["deletionTimestamp"] = "" if 9 in more else None
    metadata["deletionGracePeriodSeconds"] = more[10][0] if 10 in more else None
    metadata["finalizers"] = [finalizer.decode() for finalizer in more.get(14, [])]
    return {"kind": kind, "metadata": metadata}


def _texts(raw: bytes, names: dict[int, str]) -> dict[str, Any]:
    fields = _fields(raw)
    return {name: _text(fields, number) for number, name in names.items()}


def _text(fields: Fields, number: int) -> str:
    return bytes(fields[number][0]).decode() if number in fields else ""


def _fields(raw: bytes) -> Fields:
    fields: Fields = {}
    at = 0
    while at < len(raw):
        key, at = read_varint(raw, at)
        number, kind = key >> 3, key & 7
        value: bytes | int
        if kind == _VARINT:
            value, at = read_varint(raw, at)
        elif kind in (_EIGHT, _FOUR):
            size = 8 if kind == _EIGHT else 4
            value, at = raw[at : at + size], at + size
        elif kind == _BYTES:
            size, at = read_varint(raw, at)
            value, at = raw[at : at + size], at + size
        else:
            raise ValueError(f"field of kind {kind}")
        fields.setdefault(number, []).append(value)
    if at != len(raw):
        raise ValueError("cut short")
    return fields
