"""Access to decoded JSON that no schema has checked: a value of another type than expected is missing."""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]

_NOTHING: Object = {}


def at(value: object, *path: str) -> Any:
    """Return the value at a path of members; None where it is missing or null."""
    for member in path:
        if not isinstance(value, dict):
            return None
        value = value.get(member)
    return value


def mapping(value: object, *path: str) -> Object:
    """Return the object at a path; an empty one where there is none."""
    inner = at(value, *path)
    return inner if isinstance(inner, dict) else _NOTHING


def objects(value: object, *path: str) -> list[Object]:
    """Return the objects in the array at a path."""
    inner = at(value, *path)
    return [element for element in inner if isinstance(element, dict)] if isinstance(inner, list) else []


def text(value: object, *path: str) -> str:
    """Return the string at a path; the empty one where there is none."""
    inner = at(value, *path)
    return inner if isinstance(inner, str) else ""


def texts(value: object, *path: str) -> list[str]:
    """Return the strings in the array at a path."""
    inner = at(value, *path)
    return [element for element in inner if isinstance(element, str)] if isinstance(inner, list) else []


def integer(value: object, *path: str, default: int = 0) -> int:
    """Return the integer at a path."""
    inner = at(value, *path)
    return inner if isinstance(inner, int) and not isinstance(inner, bool) else default


def boolean(value: object, *path: str, default: bool = False) -> bool:
    """Return the boolean at a path."""
    inner = at(value, *path)
    return inner if isinstance(inner, bool) else default


def size(value: object, *path: str) -> int:
    """Return the number of elements or members of the array or object at a path; 0 where it is neither."""
    inner = at(value, *path)
    return len(inner) if isinstance(inner, list | dict) else 0


def printed(value: object, *path: str, missing: str = "") -> str:
    """Return a string or a number at a path as text: quantities and the like, which may be either."""
    inner = at(value, *path)
    if isinstance(inner, str):
        return inner
    if isinstance(inner, int | float) and not isinstance(inner, bool):
        return str(inner)
    return missing
