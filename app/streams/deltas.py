"""What changed in an object, as an RFC 7396 merge patch."""

from typing import Any

import orjson

_SAME = object()


class _NoPatch(Exception):
    """A merge patch cannot say this."""


def merge_patch(old: bytes, new: bytes) -> bytes | None:
    """The patch from one JSON object to another.

    None where there is none that is smaller than the object itself: above all where the
    new one has a null, which in a patch means that a member goes.
    """
    try:
        before, after = orjson.loads(old), orjson.loads(new)
        difference = _difference(before, after)
    except (_NoPatch, orjson.JSONDecodeError):
        return None
    patch = b"{}" if difference is _SAME else orjson.dumps(difference)
    return patch if len(patch) < len(new) else None


def _difference(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return _SAME if _identical(old, new) else _without_null(new)
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        part = _difference(old[key], value) if key in old else _without_null(value)
        if part is not _SAME:
            patch[key] = part
    return patch or _SAME


def _identical(old: Any, new: Any) -> bool:
    """Equal to the last bit: to Python 1, 1.0 and True are the same, in JSON they are not."""
    return bool(orjson.dumps(old) == orjson.dumps(new))


def _without_null(value: Any) -> Any:
    if value is None:
        raise _NoPatch
    if isinstance(value, dict):
        for member in value.values():
            _without_null(member)
    return value
