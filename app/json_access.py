"""Reading decoded JSON whose shape nobody has checked: what is not of the expected kind is missing."""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]

_NOTHING: Object = {}


def at(value: object, *path: str) -> Any:
    """The value at a path of members; None where it is missing, null, or the way leads through no object."""
    for member in path:
        if not isinstance(value, dict):
            return None
        value = value.get(member)
    return value


def mapping(value: object, *path: str) -> Object:
    """The object at a path; an empty one where there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else _NOTHING


def objects(value: object, *path: str) -> list[Object]:
    """The objects in the array at a path."""
    found = at(value, *path)
    return [element for element in found if isinstance(element, dict)] if isinstance(found, list) else []


def text(value: object, *path: str) -> str:
    """The string at a path; the empty one where there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def texts(value: object, *path: str) -> list[str]:
    """The strings in the array at a path."""
    found = at(value, *path)
    return [element for element in found if isinstance(element, str)] if isinstance(found, list) else []


def integer(value: object, *path: str, default: int = 0) -> int:
    """The integer at a path."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def boolean(value: object, *path: str, default: bool = False) -> bool:
    """The boolean at a path."""
    found = at(value, *path)
    return found if isinstance(found, bool) else default


def size(value: object, *path: str) -> int:
    """How many elements or members the array or object at a path has; 0 where it is neither."""
    found = at(value, *path)
    return len(found) if isinstance(found, list | dict) else 0


def printed(value: object, *path: str, missing: str = "") -> str:
    """A string or an integer at a path as text: quantities and the like, which may be either."""
    found = at(value, *path)
    if isinstance(found, str):
        return found
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    return missing
