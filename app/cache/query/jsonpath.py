"""JSONPath as the printer columns of custom resources use it.

The dialect and its quirks are those of k8s.io/client-go/util/jsonpath, of which this is
one action, without ``range``: ``.spec.x``, ``.a['b\\.c']``, ``.items[0]``, ``[-1:]``,
``[*].name``, ``..name``, ``[0,2]``, ``.conditions[?(@.type=="Ready")].status``.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

Values = list[Any]
Node = Callable[[Values], Values]


class JsonPathError(ValueError):
    """A path that cannot be read."""


class _NoResult(Exception):
    """A path that does not fit the object, which is the same as finding nothing."""


_KEY = re.compile(r"'([^']*)'")
_SLICE = re.compile(r"(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?")
_COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9.]*")
_FIELD = re.compile(r"(?:\\.|[^ \t\r\n.,\[\]$@{}\\])*", re.DOTALL)
_WORD = re.compile(r"[^ \t\r\n.,\[\]$@{}]*")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


class JsonPath:
    """A parsed path. Raises JsonPathError where it cannot be parsed."""

    def __init__(self, path: str) -> None:
        self._nodes = _PathParser(path).nodes()

    def find(self, document: object) -> Values:
        """Return the values at the path, in the order of the document; none where it does not fit."""
        try:
            return _walk(self._nodes, [document])
        except _NoResult:
            return []


@lru_cache(maxsize=4096)
def compiled(path: str) -> JsonPath:
    """The parsed path; parsing takes tens of microseconds, and a table has many."""
    return JsonPath(path)


def _walk(nodes: list[Node], values: Values) -> Values:
    for node in nodes:
        values = node(values)
    return values


class _PathParser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def nodes(self) -> list[Node]:
        """The nodes up to the end of the text, or to a closing brace, where the action ends."""
        return list(self._read())

    def _read(self) -> Iterator[Node]:
        text = self._text
        while self._at < len(text) and text[self._at] != "}":
            start = text[self._at]
            if text.startswith("[?(", self._at):
                yield self._filter()
            elif text.startswith("..", self._at):
                self._at += 2
                if text.startswith("..", self._at):
                    raise self._error("a second .. is not expected")
                yield _descend
                if self._at < len(text) and (text[self._at].isalnum() or text[self._at] == "_"):
                    yield self._field()
            elif start in " @$":
                self._at += 1
            elif start == "[":
                yield from self._brackets()
            elif start in "\"'":
                yield _constant(self._quoted(start))
            elif start == ".":
                self._at += 1
                yield self._field()
            elif start in "+-" or start.isdigit():
                yield self._number()
            elif start.isalpha() or start == "_":
                yield self._word()
            else:
                raise self._error(f"{start!r} is not expected")

    def _error(self, problem: str) -> JsonPathError:
        return JsonPathError(f"JSONPath {self._text!r}: {problem} at character {self._at}")

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, "the patterns match the empty string"
        self._at = match.end()
        return match.group()

    def _field(self) -> Node:
        name = self._take(_FIELD)
        return _every if name == "*" else _member(name.replace("\\", ""))

    def _number(self) -> Node:
        text = self._take(_NUMBER)
        for read in (int, float):
            try:
                return _each_constant(read(text))
            except ValueError:
                continue
        raise self._error(f"{text!r} is not a number")

    def _word(self) -> Node:
        word = self._take(_WORD)
        if word in ("true", "false"):
            return _each_constant(word == "true")
        return _unknown

    def _quoted(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        while end > 0 and self._text[end - 1] == "\\":
            end = self._text.find(quote, end + 1)
        if end < 0:
            raise self._error(f"{quote} is not closed")
        inside = self._text[self._at + 1 : end]
        self._at = end + 1
        return re.sub(r"\\(.)", lambda escape: self._unescape(escape.group(1), quote), inside)

    def _unescape(self, character: str, quote: str) -> str:
        if character == quote:
            return character
        if character not in _ESCAPES:
            raise self._error(f"\\{character} is not a known escape")
        return _ESCAPES[character]

    def _brackets(self) -> list[Node]:
        end = self._text.find("]", self._at)
        if end < 0:
            raise self._error("[ is not closed")
        inside = self._text[self._at + 1 : end]
        self._at = end + 1
        if inside == "*":
            inside = ":"
        if "," in inside:
            return [_union([_PathParser(f"[{part.strip(' ')}]").nodes() for part in inside.split(",")])]
        if key := _KEY.fullmatch(inside):
            return _PathParser(f".{key.group(1)}").nodes()
        bounds = _SLICE.fullmatch(inside)
        try:
            if bounds:
                return [_slice(*bounds.groups())]
        except ValueError:  # A sign without digits, or far too many of them.
            pass
        raise self._error(f"{inside!r} is not an index")

    def _filter(self) -> Node:
        self._at += len("[?(")
        end = self._end_of_filter()
        inside = self._text[self._at : end]
        self._at = end + 2
        comparison = _COMPARISON.fullmatch(inside)
        if comparison is None:
            return _having(_PathParser(inside).nodes())
        left, operator, right = comparison.groups()
        return _comparing(_PathParser(left).nodes(), operator, _PathParser(right).nodes())

    def _end_of_filter(self) -> int:
        """Return the index of the closing parenthesis; one in quotes is none."""
        quote = ""
        for position in range(self._at, len(self._text)):
            character = self._text[position]
            if character in "\"'" and (not quote or self._text[position - 1] != "\\"):
                quote = character if not quote else "" if character == quote else quote
            elif character == ")" and not quote:
                if self._text[position + 1 : position + 2] != "]":
                    break
                return position
        raise self._error("the filter is not closed")


def _unknown(values: Values) -> Values:
    raise _NoResult


def _constant(value: str) -> Node:
    return lambda values: [value]


def _each_constant(value: float) -> Node:
    return lambda values: [value for _ in values]


def _member(name: str) -> Node:
    return lambda values: [value[name] for value in values if isinstance(value, dict) and name in value]


def _children(value: object) -> Values:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _every(values: Values) -> Values:
    return [child for value in values for child in _children(value)]


def _descend(values: Values) -> Values:
    """Return the values and all their descendants, a parent before its children.

    Empty values, numbers, booleans and null are left out, as ``evalRecursive`` of client-go's jsonpath.go
    does.
    """
    descendants: Values = []
    waiting = list(reversed(values))
    while waiting:
        value = waiting.pop()
        children = _children(value)
        if children or (value and isinstance(value, str)):
            descendants.append(value)
        waiting.extend(reversed(children))
    return descendants


def _union(alternatives: list[list[Node]]) -> Node:
    return lambda values: [value for nodes in alternatives for value in _walk(nodes, values)]


def _slice(first: str, end: str | None, step: str | None) -> Node:
    """``[first:end:step]``; without a colon the one element, which has to exist."""
    start = int(first) if first else 0
    stop = int(end[1:]) if end and end[1:] else None
    stride = int(step[1:]) if step and step[1:] else 1
    single = end is None

    def node(values: Values) -> Values:
        elements: Values = []
        for value in values:
            if value is None:
                continue
            if not isinstance(value, list) or stride <= 0:
                raise _NoResult
            length = len(value)
            low = start + length if start < 0 else start
            high = low + 1 if single else length if stop is None else stop + length if stop < 0 else stop
            if low == high:  # Go looks no further either.
                return elements
            if not (0 <= low < length and 0 <= high <= length and low <= high):
                raise _NoResult
            elements.extend(value[low:high:stride])
        return elements

    return node


def _elements(values: Values) -> Iterator[Any]:
    for value in values:
        if not isinstance(value, list):
            raise _NoResult
        yield from value


def _having(nodes: list[Node]) -> Node:
    return lambda values: [element for element in _elements(values) if _walk(nodes, [element])]


def _comparing(left: list[Node], operator: str, right: list[Node]) -> Node:
    holds = _OPERATORS.get(operator, _incomparable)

    def fits(element: object) -> bool:
        one, other = _walk(left, [element]), _walk(right, [element])
        if len(one) > 1 or len(other) > 1:
            raise _NoResult
        return bool(one and other) and holds(_comparable(one[0], other[0]))

    return lambda values: [element for element in _elements(values) if fits(element)]


def _comparable(one: object, other: object) -> int | None:
    """-1, 0 or 1; None for unequal booleans, which have no order."""
    if type(one) is not type(other) or not isinstance(one, str | int | float):
        raise _NoResult
    if isinstance(one, bool):
        return 0 if one is other else None
    return (one > other) - (one < other)  # type: ignore[operator]


def _incomparable(order: int | None) -> bool:
    raise _NoResult


def _ordered(holds: Callable[[int], bool]) -> Callable[[int | None], bool]:
    def check(order: int | None) -> bool:
        if order is None:
            raise _NoResult
        return holds(order)

    return check


_OPERATORS: Mapping[str, Callable[[int | None], bool]] = {
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
}
