"""Secrets without what is secret about them: the keys stay, the values go.

What is redacted says so in an annotation, so that an object which is written back can be told
from one whose values are really empty, and gets the stored values again.
"""

import json

import msgspec
from msgspec import Raw

SECRETS = "secrets"
REDACTED = "k8s-mcp/redacted"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MARK = Raw(b'"true"')
VALUES = ("data", "stringdata")
_EMPTY = Raw(b'""')
_NULL = Raw(b"null")
_NONE = Raw(b"{}")

Members = dict[str, Raw]
_members = msgspec.json.Decoder(Members)


def redacted(secret: bytes) -> bytes:
    """The JSON of a Secret with every value of data and stringData emptied, and annotated as redacted.

    The annotation in which kubectl keeps a copy of what was applied goes. All
    names are compared as they are meant, not as they are spelled (``"d\\u0061ta"``),
    and in any case, as Go's decoder reads them. Raises msgspec.DecodeError or
    RecursionError for what is no JSON object.
    """
    document = _members.decode(without_values(secret))
    for name in document:
        if name.lower() == "metadata":
            document[name] = _marked(document[name])
    return msgspec.json.encode(document)


def without_values(secret: bytes) -> bytes:
    """The JSON of a Secret with every value of data and stringData emptied, and all else as it is."""
    document = _members.decode(secret)
    for name in document:
        if name.lower() in VALUES:
            document[name] = _emptied(document[name])
    return msgspec.json.encode(document)


class Unrestorable(ValueError):
    """A redacted Secret cannot be written as it is meant; the message is one line, and says why."""


def is_redacted(secret: bytes) -> bool:
    """Whether the JSON of an object is annotated as redacted; what is no object is not.

    Raises Unrestorable where it has the annotation and cannot be read, or where a name stands twice in
    it: which one counts is for each reader to say.
    """
    named: set[str] = set()
    twice: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        names = [name for name, _ in pairs]
        named.update(names)
        twice.extend(name for name in set(names) if names.count(name) > 1)

    try:
        json.loads(secret, object_pairs_hook=note)
        marked = REDACTED in _annotations(_part(_members.decode(secret), "metadata"))
    except (ValueError, RecursionError):
        if REDACTED.encode() in secret:
            raise Unrestorable(f"this Secret is redacted ({REDACTED}), and cannot be read") from None
        return False
    if twice and REDACTED in named:
        raise Unrestorable(f"this Secret is redacted ({REDACTED}), and {twice[0]!r} stands in it twice")
    return marked


def restored(secret: bytes, stored: bytes | None, *, whole: bool, null_removes: bool) -> bytes:
    """The JSON of a redacted Secret with the stored value of every key that is empty in it.

    ``stored`` is the JSON of the Secret as the cluster holds it, None where it holds none. ``whole``
    says that what is missing is to be removed (PUT), not to be left as it is (a patch);
    ``null_removes`` that a key which is null is to be removed, and is not just empty. The result
    carries the stored resourceVersion unless it names one, so that it cannot overwrite what came
    since, and not the annotation. Raises Unrestorable, msgspec.DecodeError.
    """
    document = _members.decode(secret)
    held = _members.decode(stored) if stored is not None else {}
    values = _part(held, "data")
    data, texts = _part(document, "data"), _part(document, "stringData")
    nothing = (_EMPTY,) if null_removes else (_EMPTY, _NULL)
    for key in [key for key, value in texts.items() if value in nothing]:
        data.setdefault(key, texts.pop(key))
    empty = [key for key, value in data.items() if value in nothing and key not in texts]
    if lost := sorted(key for key in empty if key not in values):
        raise Unrestorable(
            f"this Secret is redacted ({REDACTED}), and the cluster holds no value of {', '.join(lost)} "
            "that could be kept: give the values, in stringData or in data"
        )
    data.update({key: values[key] for key in empty})
    for name, members in (("data", data), ("stringData", texts)):
        if members or name in document:
            document[name] = _encode(members)
    document["metadata"] = _restored_metadata(
        _part(document, "metadata"), _part(held, "metadata"), whole=whole
    )
    return msgspec.json.encode(document)


def _restored_metadata(metadata: Members, held: Members, *, whole: bool) -> Raw:
    annotations = _annotations(metadata)
    del annotations[REDACTED]
    if _LAST_APPLIED in annotations:
        annotations[_LAST_APPLIED] = _unmarked_copy(annotations[_LAST_APPLIED])
    elif whole and (copy := _annotations(held).get(_LAST_APPLIED)) is not None:
        annotations[_LAST_APPLIED] = copy
    metadata["annotations"] = _encode(annotations)
    if "resourceVersion" in held and _text(metadata.get("resourceVersion")) == "":
        metadata["resourceVersion"] = held["resourceVersion"]
    return _encode(metadata)


def _unmarked_copy(copy: Raw) -> Raw:
    """What kubectl applied, as the text that it is kept as, without the annotation."""
    try:
        document = _members.decode(_text(copy))
        metadata = _part(document, "metadata")
        annotations = _annotations(metadata)
    except msgspec.DecodeError:
        return copy
    annotations.pop(REDACTED, None)
    metadata["annotations"] = _encode(annotations)
    document["metadata"] = _encode(metadata)
    return Raw(msgspec.json.encode(msgspec.json.encode(document).decode()))


def _annotations(metadata: Members) -> Members:
    return _part(metadata, "annotations")


def _part(members: Members, name: str) -> Members:
    return _object(members.get(name, _NONE)) or {}


def _text(value: Raw | None) -> str:
    return msgspec.json.decode(value, type=str | None) or "" if value is not None else ""


def _emptied(values: Raw) -> Raw:
    held = _object(values)
    return _encode(dict.fromkeys(held, _EMPTY)) if held is not None else _NONE


def _marked(metadata: Raw) -> Raw:
    members = _object(metadata)
    if members is None:
        return _NONE
    for name in members:
        if name.lower() == "annotations":
            held = _object(members[name]) or {}
            members[name] = _encode({key: held[key] for key in held if key != _LAST_APPLIED})
    members["annotations"] = _encode({**_annotations(members), REDACTED: _MARK})
    return _encode(members)


def _object(value: Raw) -> Members | None:
    return _members.decode(value) if bytes(value).startswith(b"{") else None


def _encode(members: Members) -> Raw:
    return Raw(msgspec.json.encode(members))
