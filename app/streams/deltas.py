"""What changed in an object, as an RFC 7396 merge patch."""

from typing import Any

from app import jsontext

_SAME = object()


class _NoPatch(Exception):
    """A merge patch cannot say this."""


def merge_patch(old: bytes, new: bytes) -> bytes | None:
    """The patch from one JSON object to another.

    None where there is none that is smaller than the object itself: above all where the
    new one has a null, which in a patch means that a member goes.
    """
    try:
        difference = _difference(jsontext.decode(old), jsontext.decode(new))
    except (_NoPatch, jsontext.Undecodable, RecursionError):
        return None
    patch = b"{}" if difference is _SAME else jsontext.encode(difference)
    return patch if len(patch) < len(new) else None


def _difference(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return _SAME if _identical(old, new) else _without_null(new)
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        if type(value) is str and old.get(key) == value:
            continue  # the most there are, and the fastest told
        part = _difference(old[key], value) if key in old else _without_null(value)
        if part is not _SAME:
            patch[key] = part
    return patch or _SAME


def _identical(old: Any, new: Any) -> bool:
    """Equal to the last bit: to Python 1, 1.0 and True are the same, in JSON they are not."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict | list | float):
        return jsontext.encode(old) == jsontext.encode(new)
    return bool(old == new)


def _without_null(value: Any) -> Any:
    if value is None:
        raise _NoPatch
    if isinstance(value, dict):
        for member in value.values():
            _without_null(member)
    return value
