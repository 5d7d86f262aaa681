"""The one reader of YAML, and of JSON that stands in for it: documents of JSON values, as kubectl reads them.

YAML is read event by event, because that is the only way in which neither depth nor aliases can
hurt: PyYAML's own composer recurses in C until the process is gone, and an alias of an
alias of an alias fills the memory. What scalars mean is as in sigs.k8s.io/yaml, which
kubectl uses: YAML 1.1 without times and without numbers to the base 60.
"""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
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
_NULLS = frozenset(word for word, value in _WORDS.items() if value is None)
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
    """What was sent cannot be read; the message is one line, and says where. ``line`` is 0 for no line."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class NotYaml(Unreadable):
    """The text breaks YAML's grammar. ``problem`` says how, and quotes no more than one character of it."""

    def __init__(self, error: yaml.YAMLError) -> None:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        line = mark.line + 1 if mark is not None else 0
        super().__init__(" ".join(str(error).replace('"<unicode string>", ', "").split()), line)
        self.problem: str = getattr(error, "problem", None) or ""


class RepeatedName(Unreadable):
    """A mapping, which begins in ``mapping_line``, has the member ``name`` twice."""

    def __init__(self, name: str, event: Any, mapping_line: int) -> None:
        super().__init__(f"{_position(event)}: {name!r} is there already", event.start_mark.line + 1)
        self.name = name
        self.mapping_line = mapping_line


class Rules(msgspec.Struct, frozen=True):
    """What one kind of document asks for, beyond what YAML and kubectl say.

    ``lossless`` refuses numbers that JSON or Kubernetes' 64 bits cannot hold; without it such a number is a
    text or a Python integer. ``may_repeat`` lets the last of several members of one name hold.
    ``texts`` are the places whose scalars are text however they look, but for null: the names of members,
    nested, ``"*"`` for the elements of a sequence, and `TEXT` where the scalar is. ``named_as_written``
    keeps ``on`` and ``010`` as names of members; kubectl makes ``true`` and ``8`` of them.
    ``quotes`` says whether errors may quote what is written, which in settings may be a token.
    """

    lossless: bool = True
    may_repeat: bool = False
    texts: Mapping[str, Any] = {}
    named_as_written: bool = False
    quotes: bool = True


TEXT: Mapping[str, Any] = MappingProxyType({})
# Where no scalar is text by its place alone.
_ANY: Mapping[str, Any] = {}
_MANIFEST = Rules()


def load(body: bytes, *, is_json: bool) -> list[Any]:
    """The documents of a manifest, in JSON those of an array; empty ones are left out. Raises Unreadable.

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
    except NotYaml as error:
        return _one_by_one(body, error)


def yaml_documents(text: str | bytes, rules: Rules) -> Iterator[Any]:
    """Each document of YAML, None for one that is empty. Raises Unreadable.

    What follows a document is not read before the next one is asked for.
    """
    try:
        yield from _Reader(text, rules).documents()
    except yaml.YAMLError as error:
        if _TOO_DEEP in str(error):
            raise Unreadable(f"it is nested deeper than {DEEPEST}") from None
        raise NotYaml(error) from None


def _yaml(body: bytes) -> list[Any]:
    """The documents of a manifest in YAML that are not empty. Raises Unreadable."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is not UTF-8") from None
    return [document for document in yaml_documents(text, _MANIFEST) if document is not None]


def _as_json(body: bytes) -> list[Any] | None:
    """The documents of a body of JSON; None where it is none. Raises Unreadable."""
    if not body.lstrip().startswith((b"{", b"[")):
        return None
    check_lossless(body)
    try:
        return _listed(_json(body))
    except Unreadable:
        return None


def _one_by_one(body: bytes, error: NotYaml) -> list[Any]:
    """The documents of a body that is not all YAML: some of them are JSON. Raises Unreadable.

    Nothing in JSON begins a line with ``#`` or ``---``: what does stands around it. ``error`` is
    what is wrong where none of them is JSON.
    """
    documents: list[Any] = []
    any_json = False
    start = 0
    try:
        for end in [*(match.start() for match in _DOCUMENT.finditer(body)), len(body)]:
            part = _DOCUMENT.sub(b"   ", body[start:end], count=1)
            of_json = _as_json(_COMMENT.sub(b"", part))
            any_json = any_json or of_json is not None
            # Errors name lines of the whole body.
            documents += _yaml(b"\n" * body.count(b"\n", 0, start) + part) if of_json is None else of_json
            start = end
    except NotYaml as inner:
        raise (inner if any_json else error) from None
    if not any_json:
        raise error
    return documents


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
    """Makes values of the events of PyYAML's parser, by these rules. Raises Unreadable and yaml.YAMLError."""

    def __init__(self, text: str | bytes, rules: Rules) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=loader))
        self._rules = rules
        self._anchors: dict[str, tuple[Any, int, yaml.Event]] = {}
        self._count = 0

    def documents(self) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._value(next(self._events), 0, self._rules.texts)

    def _value(self, event: Any, depth: int, texts: Mapping[str, Any]) -> Any:
        """The value that begins with an event; ``texts`` is the part of the rules' that is of it."""
        if depth > DEEPEST:
            raise _refused(event, f"it is nested deeper than {DEEPEST}")
        before = self._count
        self._add(1, event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _refused(event, f"there is no anchor {self._quoted(event.anchor)}before it")
            value, size, source = self._anchors[event.anchor]
            self._add(size, event)
            is_text = texts is TEXT and isinstance(source, yaml.ScalarEvent)
            return self._scalar(source, texts) if is_text else value
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, texts)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, depth, texts.get("*", _ANY))
        else:
            value = self._mapping(event, depth, texts)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._count - before, event
        return value

    def _scalar(self, event: Any, texts: Mapping[str, Any]) -> Any:
        if texts is TEXT:
            return None if _is_plain(event) and event.value in _NULLS else event.value
        self._check_tag(event)
        return _scalar(event, lossless=self._rules.lossless)

    def _sequence(self, event: Any, depth: int, texts: Mapping[str, Any]) -> list[Any]:
        self._check_tag(event)
        elements = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            elements.append(self._value(event, depth + 1, texts))
        return elements

    def _mapping(self, event: Any, depth: int, texts: Mapping[str, Any]) -> dict[str, Any]:
        self._check_tag(event)
        line = event.start_mark.line + 1
        members: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = self._name(event, depth)
            value = self._value(next(self._events), depth + 1, texts.get(name, _ANY))
            if name == _MERGE and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                for mapping in value if isinstance(value, list) else [value]:
                    if not isinstance(mapping, dict):
                        raise _refused(event, "<< takes mappings")
                    merged = mapping | merged
            elif name in members and not self._rules.may_repeat:
                raise RepeatedName(name, event, line)
            else:
                members[name] = value
        return merged | members

    def _name(self, event: Any, depth: int) -> str:
        """The name of a member: text; numbers and booleans become what JSON spells for them."""
        as_written = self._rules.named_as_written and isinstance(event, yaml.ScalarEvent)
        name = self._value(event, depth + 1, TEXT if as_written else _ANY)
        if isinstance(name, str):
            return name
        if isinstance(name, bool | float):
            return orjson.dumps(name).decode()
        if isinstance(name, int):
            return str(name)
        raise _refused(event, "a name must be text")

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag not in _TAGS and event.tag != "!":
            raise _refused(event, f"the tag {self._quoted(event.tag)}has no meaning here")

    def _quoted(self, text: str | None) -> str:
        return f"{text!r} " if self._rules.quotes else ""

    def _add(self, number: int, event: Any) -> None:
        self._count += number
        if self._count > MOST_VALUES:
            raise _refused(event, f"more than {MOST_VALUES} values, aliases included")


def _position(event: Any) -> str:
    return f"line {event.start_mark.line + 1}, column {event.start_mark.column + 1}"


def _refused(event: Any, why: str) -> Unreadable:
    return Unreadable(f"{_position(event)}: {why}", event.start_mark.line + 1)


def _is_plain(event: Any) -> bool:
    """Whether a scalar is written without quotes and without a tag, so that its look decides what it is."""
    return bool(event.implicit[0]) and event.tag is None


def _scalar(event: Any, *, lossless: bool) -> Any:
    """The value of a scalar, as sigs.k8s.io/yaml resolves it."""
    text: str = event.value
    if not _is_plain(event) and (event.tag in (None, "!", _STRING)):
        return text
    if text in _WORDS:
        return _WORDS[text]
    number = text.replace("_", "") if text[0] in "+-.0123456789" else text
    if _INTEGER.fullmatch(number):
        return _integer(number, event, lossless=lossless)
    if _FLOAT.fullmatch(number):
        value = float(number)
        if value in (float("inf"), float("-inf")):
            return text
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if lossless and text.lstrip("-+") in (".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"):
        raise _refused(event, f"{text} is no number of JSON")
    return text


def _integer(text: str, event: Any, *, lossless: bool) -> int | float | str:
    digits = text.lstrip("-+")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdecimal()
    sign = "-" if text.startswith("-") else ""
    if not lossless and len(digits) > _LONGEST_INTEGER:
        return text
    try:
        if len(digits) > _LONGEST_INTEGER or (digits.isdecimal() and not octal):
            decimal = sign + digits
        else:
            decimal = sign + str(int(digits, 8 if octal else 0))
        return _exact(decimal) if lossless else int(decimal)
    except Unreadable as error:
        raise _refused(event, str(error)) from None
