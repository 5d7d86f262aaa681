"""Secrets without what is secret about them: the keys stay, the values go."""

import msgspec
from msgspec import Raw

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_VALUES = ("data", "stringdata")
_EMPTY = Raw(b'""')
_NONE = Raw(b"{}")

Members = dict[str, Raw]
_members = msgspec.json.Decoder(Members)


def redacted(secret: bytes) -> bytes:
    """The JSON of a Secret with every value of data and stringData emptied.

    The annotation in which kubectl keeps a copy of what was applied goes too. All
    names are compared as they are meant, not as they are spelled (``"d\\u0061ta"``),
    and in any case, as Go's decoder reads them. Raises msgspec.DecodeError or
    RecursionError for what is no JSON object.
    """
    document = _members.decode(secret)
    for name in document:
        if name.lower() in _VALUES:
            document[name] = _emptied(document[name])
        elif name.lower() == "metadata":
            document[name] = _without_copy(document[name])
    return msgspec.json.encode(document)


def _emptied(values: Raw) -> Raw:
    held = _object(values)
    return _encode(dict.fromkeys(held, _EMPTY)) if held is not None else _NONE


def _without_copy(metadata: Raw) -> Raw:
    members = _object(metadata)
    if members is None:
        return _NONE
    for name in members:
        if name.lower() == "annotations":
            held = _object(members[name]) or {}
            members[name] = _encode({key: held[key] for key in held if key != _LAST_APPLIED})
    return _encode(members)


def _object(value: Raw) -> Members | None:
    return _members.decode(value) if bytes(value).startswith(b"{") else None


def _encode(members: Members) -> Raw:
    return Raw(msgspec.json.encode(members))
