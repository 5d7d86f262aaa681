"""The difference between two texts of an object, as a JSON patch that refuses to undo what others did.

Members are compared one by one, lists as wholes. Only what is different between both texts is in the patch,
and each of it has a test that the object still holds what the first text says.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw

from app import jsontext
from app.yaml_reader import Unreadable, check_lossless, load

Document = dict[str, Any]
Path = tuple[str, ...]

_members = msgspec.json.Decoder(dict[str, Raw])


class Edit(msgspec.Struct, frozen=True):
    """An object before and after somebody edited it."""

    before: Document
    after: Document


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation of a JSON patch (RFC 6902)."""

    op: str
    path: str
    value: Any = UNSET


class Changed(ValueError):
    """The object is not what was edited any more; the message is one line, and names the field."""


class _Texts(msgspec.Struct, forbid_unknown_fields=True):
    before: str
    after: str


def read_edit(body: bytes, *, is_json: bool = True) -> Edit:
    """Return the edit that a body of JSON describes by two texts of YAML. Raises Unreadable."""
    check_lossless(body)
    try:
        texts = msgspec.json.decode(body, type=_Texts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f'{error}; accepted is {{"before": YAML, "after": YAML}}') from None
    return Edit(_object("before", texts.before), _object("after", texts.after))


def _object(name: str, text: str) -> Document:
    try:
        documents = load(text.encode(), is_json=False)
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Unreadable(f"{name}: it must be one object")
    document: Document = documents[0]
    return document


def at(document: Any, path: Path) -> Any:
    """Return the value at a path, UNSET where there is none."""
    for name in path:
        document = document.get(name, UNSET) if isinstance(document, dict) else UNSET
    return document


def changes(edit: Edit, stored: bytes) -> list[Operation]:
    """Return the operations that make an edit of the object whose JSON is ``stored``, each after its test.

    Raises Changed, msgspec.DecodeError and jsontext.Undecodable.
    """
    operations: list[Operation] = []
    _compare(edit.before, edit.after, Raw(stored.strip()), (), operations)
    return operations


def _compare(before: Any, after: Any, stored: Raw | None, path: Path, operations: list[Operation]) -> None:
    """Add what changes one value into the other; ``stored`` is None where the object has none there."""
    if _same(before, after):
        return
    old = {} if before is UNSET else before
    if isinstance(old, dict) and isinstance(after, dict) and stored is not None and _is_object(stored):
        members = _members.decode(stored)
        for name in {**old, **after}:
            value = after.get(name, UNSET)
            _compare(old.get(name, UNSET), value, members.get(name), (*path, name), operations)
        return
    present = jsontext.decode(bytes(stored)) if stored is not None else UNSET
    if _same(present, after):
        return
    if not _same(present, before):
        raise Changed(f"somebody else has changed {spelled(path)} meanwhile: read the object again")
    pointer = "".join(f"/{_escaped(name)}" for name in path)
    # An API server takes null for what is not there; what is there it compares as it is spelled.
    operations.append(Operation("test", pointer, stored))
    if after is UNSET:
        operations.append(Operation("remove", pointer))
    else:
        operations.append(Operation("add" if before is UNSET else "replace", pointer, after))


def _is_object(value: Raw) -> bool:
    return bytes(memoryview(value)[:1]) == b"{"


def _same(one: Any, other: Any) -> bool:
    """Return whether both are the same JSON; in Python True is 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def spelled(path: Path) -> str:
    """A path as field selectors write it: ``metadata.labels['x.y/z']``."""
    parts = [f".{name}" if name.isidentifier() else f"[{name!r}]" for name in path]
    return "".join(parts).removeprefix(".")[:300]
