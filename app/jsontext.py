"""JSON of any kind: numbers of any length, halves of surrogate pairs, any depth.

Python and the fast readers of JSON have bounds where the format has none. Values beyond them are
kept as they were written, or read as Go reads them, by slower means that other documents do not pay for.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
import orjson

_decoder = msgspec.json.Decoder()
# An escape in a string: a whole surrogate pair, half of one, or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_INDENT = "  "


class Undecodable(ValueError):
    """A document is no JSON, or deeper than can be read."""


class HugeNumber(float):
    """A number beyond all doubles: infinite where it is compared, and printed as it was written."""

    __slots__ = ("_text",)
    _text: str

    def __new__(cls, text: str) -> "HugeNumber":
        number = super().__new__(cls, "-inf" if text.startswith("-") else "inf")
        number._text = text
        return number

    def __repr__(self) -> str:
        return self._text

    __str__ = __repr__


def decode(document: bytes) -> Any:
    """Return the value of a document. Raises Undecodable.

    Integers are exact; half of a surrogate pair is U+FFFD, as for Go.
    """
    try:
        return _decoder.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(
            without_halves(document), parse_int=_integer, parse_float=_float, parse_constant=_refuse
        )
    except (ValueError, RecursionError) as error:
        raise Undecodable(str(error)) from None


def without_halves(document: bytes) -> bytes:
    """Return a document with U+FFFD for each escape that is half of a surrogate pair."""
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], document)


def _integer(text: str) -> int | HugeNumber:
    try:
        return int(text)
    except ValueError:  # So many digits take Python quadratic time.
        return HugeNumber(text)


def _float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else HugeNumber(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def encode(value: Any, *, by_name: bool = False, indented: bool = False) -> bytes:
    """Return the JSON of a value of `decode`; ``by_name`` sorts the members of objects. Raises TypeError."""
    options = (orjson.OPT_SORT_KEYS if by_name else 0) | (orjson.OPT_INDENT_2 if indented else 0)
    try:
        return orjson.dumps(value, option=options)
    except orjson.JSONEncodeError:  # An integer of more than 64 bits, a HugeNumber, depth.
        return "".join(_pieces(value, by_name=by_name, indented=indented)).encode()


def _pieces(value: Any, *, by_name: bool, indented: bool) -> Iterator[str]:
    """Yield the pieces of the JSON of any value, without recursion."""
    outer: list[tuple[Iterator[tuple[str, Any]], str]] = []
    members, end = iter([("", value)]), ""
    while True:
        for name, member in members:
            yield name
            if not isinstance(member, dict | list) or not member:
                yield _scalar(member)
                continue
            outer.append((members, end))
            margin = f"\n{_INDENT * len(outer)}" if indented else ""
            members = _members(member, margin, by_name=by_name)
            begin, end = "{}" if isinstance(member, dict) else "[]"
            end = margin.removesuffix(_INDENT) + end
            yield begin
            break
        else:
            if not outer:
                return
            yield end
            members, end = outer.pop()


def _members(value: dict[str, Any] | list[Any], margin: str, *, by_name: bool) -> Iterator[tuple[str, Any]]:
    """Yield each member with the text before it: comma, margin and name."""
    comma = ""
    if isinstance(value, list):
        for element in value:
            yield f"{comma}{margin}", element
            comma = ","
        return
    colon = ": " if margin else ":"
    for name, member in sorted(value.items()) if by_name else value.items():
        if not isinstance(name, str):
            raise TypeError(f"the name of a member must be text, and is {type(name).__name__}")
        yield f"{comma}{margin}{orjson.dumps(name).decode()}{colon}", member
        comma = ","


def _scalar(value: Any) -> str:
    if isinstance(value, HugeNumber) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return orjson.dumps(value).decode()
