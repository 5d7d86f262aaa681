"""YAML and JSON as kubectl reads them: documents of JSON values, whatever was written.

Read event by event, because that is the only way in which neither depth nor aliases can
hurt: PyYAML's own composer recurses in C until the process is gone, and an alias of an
alias of an alias fills the memory. What scalars mean is as in sigs.k8s.io/yaml, which
kubectl uses: YAML 1.1 without times and without numbers to the base 60.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

import orjson
import yaml

DEEPEST = 200
# Of one body, aliases included: hundreds of large manifests.
MOST_VALUES = 2_000_000

_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{form: True for word in ("true", "yes", "on", "y") for form in (word, word.title(), word.upper())},
    **{form: False for word in ("false", "no", "off", "n") for form in (word, word.title(), word.upper())},
}
_INTEGER = re.compile(r"[-+]?(?:0[bB][01]+|0o[0-7]+|0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_LONGEST_INTEGER = 80
# 64 bits hold any number of so many digits and a sign.
_SURE_DIGITS = 18
_SHOWN_DIGITS = 40
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_STRING = "tag:yaml.org,2002:str"
_TAGS = frozenset(
    {_STRING, *(f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "int", "float", "bool", "null"))}
)
_MERGE = "<<"
# Where a document begins, and lines that say nothing.
_DOCUMENT = re.compile(rb"^---(?=\s|\Z)", re.MULTILINE)
_COMMENT = re.compile(rb"^(?:[ \t]*#.*|\.\.\.[ \t]*)$", re.MULTILINE)
# PyYAML from 6.0.4 on has a limit of its own, far above this one.
_TOO_DEEP = "maximum nesting depth"


class Unreadable(ValueError):
    """What was sent cannot be read; the message is one line, and says where."""


def load(body: bytes, *, is_json: bool) -> list[Any]:
    """The documents of a body, in JSON those of an array; empty ones are left out. Raises Unreadable.

    What is not said to be JSON is read as JSON nevertheless where it is, as kubectl does:
    tabs and the escapes of an emoji are fine in JSON, and not in YAML.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if is_json:
        check_lossless(body)
        return _listed(_json(body))
    if (documents := _as_json(body)) is not None:
        return documents
    try:
        return _yaml(body)
    except yaml.YAMLError as error:
        return _one_by_one(body, error)


def _yaml(body: bytes) -> list[Any]:
    """The documents of YAML that are not empty. Raises Unreadable, and yaml.YAMLError."""
    try:
        return [document for document in _Reader(body.decode()).documents() if document is not None]
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is not UTF-8") from None


def _as_json(body: bytes) -> list[Any] | None:
    """What a body says as JSON; None where it is none. Raises Unreadable."""
    if not body.lstrip().startswith((b"{", b"[")):
        return None
    check_lossless(body)
    try:
        return _listed(_json(body))
    except Unreadable:
        return None


def _one_by_one(body: bytes, error: yaml.YAMLError) -> list[Any]:
    """The documents of a body that is not all YAML: some of them are JSON. Raises Unreadable.

    Nothing in JSON begins a line with ``#`` or ``---``: what does stands around it. ``error`` is
    what is wrong where none of them is JSON.
    """
    found: list[Any] = []
    any_json = False
    start = 0
    try:
        for end in [*(match.start() for match in _DOCUMENT.finditer(body)), len(body)]:
            part = _DOCUMENT.sub(b"   ", body[start:end], count=1)
            documents = _as_json(_COMMENT.sub(b"", part))
            any_json = any_json or documents is not None
            # Errors name lines of the whole body.
            found += _yaml(b"\n" * body.count(b"\n", 0, start) + part) if documents is None else documents
            start = end
    except yaml.YAMLError as inner:
        error = inner if any_json else error
    else:
        if any_json:
            return found
    if _TOO_DEEP in str(error):
        raise Unreadable(f"it is nested deeper than {DEEPEST}") from None
    raise Unreadable(" ".join(str(error).replace('"<unicode string>", ', "").split())) from None


def _listed(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(str(error)) from None


def check_lossless(body: bytes) -> None:
    """Refuse JSON of which something would be lost without a word on its way into a cluster: a name that
    stands twice in one object, and an integer of more than 64 bits.

    Raises Unreadable; what is no JSON is for others to refuse.
    """

    def check(pairs: list[tuple[str, object]]) -> None:
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise Unreadable(f"{name!r} stands twice in one object")
            names.add(name)

    try:
        json.loads(body, object_pairs_hook=check, parse_int=_exact)
    except Unreadable:
        raise
    except (ValueError, RecursionError):
        return


def _exact(text: str) -> int | float:
    """An integer in decimal. Raises Unreadable for one that Kubernetes, which has 64 bits, would round."""
    if len(text) <= _SURE_DIGITS:
        return int(text)
    if len(text) <= _LONGEST_INTEGER:
        value = int(text)
        if -(2**63) <= value < 2**64:
            return value
        # Beyond 64 bits it is no integer of JSON as Kubernetes reads it.
        if float(value) == value:
            return float(value)
    shown = text if len(text) <= _SHOWN_DIGITS else f"{text[:_SHOWN_DIGITS]}…"
    raise Unreadable(
        f"{shown} is an integer of more than 64 bits, which would be rounded; quote it to keep it"
    )


class _Reader:
    def __init__(self, text: str) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=loader))
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0

    def documents(self) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._value(next(self._events), 0)

    def _value(self, event: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise Unreadable(f"{_place(event)}: it is nested deeper than {DEEPEST}")
        before = self._values
        self._count(1, event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise Unreadable(f"{_place(event)}: there is no anchor {event.anchor!r} before it")
            found, size = self._anchors[event.anchor]
            self._count(size, event)
            return found
        if isinstance(event, yaml.ScalarEvent):
            found = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            found = self._sequence(event, depth)
        else:
            found = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = found, self._values - before
        return found

    def _sequence(self, event: Any, depth: int) -> list[Any]:
        _check_tag(event)
        found = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, depth + 1))
        return found

    def _mapping(self, event: Any, depth: int) -> dict[str, Any]:
        _check_tag(event)
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = _key(self._value(event, depth + 1), event)
            value = self._value(next(self._events), depth + 1)
            if name == _MERGE and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                for each in value if isinstance(value, list) else [value]:
                    if not isinstance(each, dict):
                        raise Unreadable(f"{_place(event)}: << takes mappings")
                    merged = each | merged
            elif name in found:
                raise Unreadable(f"{_place(event)}: {name!r} is there already")
            else:
                found[name] = value
        return merged | found

    def _count(self, number: int, event: Any) -> None:
        self._values += number
        if self._values > MOST_VALUES:
            raise Unreadable(f"{_place(event)}: more than {MOST_VALUES} values, aliases included")


def _place(event: Any) -> str:
    return f"line {event.start_mark.line + 1}, column {event.start_mark.column + 1}"


def _check_tag(event: Any) -> None:
    if event.tag is not None and event.tag not in _TAGS and event.tag != "!":
        raise Unreadable(f"{_place(event)}: the tag {event.tag!r} has no meaning in a manifest")


def _key(value: Any, event: Any) -> str:
    """Names of members are text; numbers and booleans become what JSON spells for them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    raise Unreadable(f"{_place(event)}: a name must be text")


def _scalar(event: Any) -> Any:
    _check_tag(event)
    text: str = event.value
    plain = event.implicit[0] and event.tag is None
    if not plain and (event.tag in (None, "!", _STRING)):
        return text
    if text in _WORDS:
        return _WORDS[text]
    number = text.replace("_", "") if text[0] in "+-.0123456789" else text
    if _INTEGER.fullmatch(number):
        return _integer(number, event)
    if _FLOAT.fullmatch(number):
        value = float(number)
        if value in (float("inf"), float("-inf")):
            return text
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if text.lstrip("-+") in (".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"):
        raise Unreadable(f"{_place(event)}: {text} is no number of JSON")
    return text


def _integer(text: str, event: Any) -> int | float:
    digits = text.lstrip("-+")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdecimal()
    sign = "-" if text.startswith("-") else ""
    try:
        if len(digits) > _LONGEST_INTEGER or (digits.isdecimal() and not octal):
            return _exact(sign + digits)
        return _exact(sign + str(int(digits, 8 if octal else 0)))
    except Unreadable as error:
        raise Unreadable(f"{_place(event)}: {error}") from None
