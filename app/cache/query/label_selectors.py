"""Label selectors, in the whole grammar of Kubernetes.

Grammar, quirks included, and meaning are those of ``Parse`` and ``Requirement.Matches`` in
k8s.io/apimachinery/pkg/labels/selector.go; keys and values are checked as ``IsQualifiedName``
and ``IsValidLabelValue`` in its pkg/util/validation do.
"""

import re
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Literal

import msgspec

from app.cache.query.query_errors import SelectorError

__all__ = ["LabelSelector", "Operator", "Requirement", "SelectorError"]

Operator = Literal["in", "notin", "exists", "!", ">", "<"]

_ACCEPTED = "a Kubernetes label selector such as a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1"
_TOKEN = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^ \t\r\n=!(),<>]+)|$)")
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_INT64 = 1 << 63
_END = ""


class Requirement(msgspec.Struct, frozen=True):
    """One condition on one label. Equality is "in" with one value, inequality "notin".

    ``values`` are sorted; "exists" and "!" have none, ">" and "<" one, an integer.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels fulfils it."""
        value = labels.get(self.key)
        operator = self.operator
        if operator == "in":
            return value is not None and value in self.values
        if operator == "notin":
            return value is None or value not in self.values
        if operator == "exists":
            return value is not None
        if operator == "!":
            return value is None
        number = None if value is None else _int64(value)
        bound = _int64(self.values[0])
        if number is None or bound is None:
            return False
        return number > bound if operator == ">" else number < bound


class LabelSelector(msgspec.Struct, frozen=True):
    """Conditions that all must hold, in the order of their keys. Without any, it matches everything."""

    requirements: tuple[Requirement, ...]

    @classmethod
    def parse(cls, text: str) -> "LabelSelector":
        """Return the selector that a text describes. Raises SelectorError."""
        requirements = set(_SelectorParser(text).requirements())
        return cls(tuple(sorted(requirements, key=attrgetter("key", "operator", "values"))))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels fulfils all requirements."""
        return all(requirement.matches(labels) for requirement in self.requirements)


class _SelectorParser:
    """A recursive descent over tokens. A token is (is it a symbol, its text); the last is the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[bool, str]] = [
            (bool(symbol), symbol or word) for symbol, word in _TOKEN.findall(text) if symbol or word
        ]
        self._tokens.append((True, _END))
        self._at = 0

    def requirements(self) -> Iterator[Requirement]:
        if self._peek(_END):
            return
        while True:
            yield self._requirement()
            if self._take(_END):
                return
            if not self._take(","):
                raise self._unexpected("',' or the end")

    def _requirement(self) -> Requirement:
        absent = self._take("!")
        key = self._word("a label")
        self._check_key(key)
        if absent:
            return Requirement(key, "!")
        if self._peek(_END) or self._peek(","):
            return Requirement(key, "exists")
        if self._take("=") or self._take("=="):
            return Requirement(key, "in", (self._exact(),))
        if self._take("!="):
            return Requirement(key, "notin", (self._exact(),))
        if self._take(">"):
            return Requirement(key, ">", (self._integer(),))
        if self._take("<"):
            return Requirement(key, "<", (self._integer(),))
        if self._tokens[self._at] == (False, "in"):
            self._at += 1
            return Requirement(key, "in", self._set())
        if self._tokens[self._at] == (False, "notin"):
            self._at += 1
            return Requirement(key, "notin", self._set())
        raise self._unexpected("one of = == != in notin < >")

    def _exact(self) -> str:
        if self._peek(_END) or self._peek(","):
            return ""
        return self._checked(self._word("a value"))

    def _integer(self) -> str:
        value = self._exact()
        if _int64(value) is None:
            raise self._fail(f"{value!r} after < or > is no integer")
        return value

    def _set(self) -> tuple[str, ...]:
        """The values in parentheses; between commas there may be none, which is the empty one."""
        if not self._take("("):
            raise self._unexpected("'('")
        if self._take(")"):
            return ("",)
        values: set[str] = set()
        while True:
            if self._take(","):
                if not values:
                    values.add("")
                if self._take(")"):
                    values.add("")
                    break
                if self._take(","):
                    values.add("")
                continue
            values.add(self._checked(self._word("',' or a value")))
            if self._take(")"):
                break
            if not self._peek(","):
                raise self._unexpected("',' or ')'")
        return tuple(sorted(values))

    def _peek(self, symbol: str) -> bool:
        return self._tokens[self._at] == (True, symbol)

    def _take(self, symbol: str) -> bool:
        if not self._peek(symbol):
            return False
        self._at += 1
        return True

    def _word(self, expected: str) -> str:
        symbol, text = self._tokens[self._at]
        if symbol:
            raise self._unexpected(expected)
        self._at += 1
        return text

    def _check_key(self, key: str) -> None:
        prefix, slash, name = key.rpartition("/")
        if len(name) > 63 or not _NAME.fullmatch(name):
            raise self._fail(
                f"label {key!r} is not [prefix/]name with a name of 1 to 63 letters, digits, '-', '_' or '.' "
                "that begins and ends with a letter or digit"
            )
        if slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix)):
            raise self._fail(
                f"the prefix of label {key!r} is not a DNS name of at most 253 lower-case characters"
            )

    def _checked(self, value: str) -> str:
        if len(value) > 63 or not _NAME.fullmatch(value):
            raise self._fail(
                f"value {value!r} is not at most 63 letters, digits, '-', '_' or '.' "
                "that begin and end with a letter or digit"
            )
        return value

    def _unexpected(self, expected: str) -> SelectorError:
        token = self._tokens[self._at][1]
        return self._fail(
            f"found {token!r} instead of {expected}" if token else f"it ends instead of {expected}"
        )

    def _fail(self, problem: str) -> SelectorError:
        return SelectorError("labelSelector", self._text, problem, _ACCEPTED)


def _int64(text: str) -> int | None:
    """As Go's ``strconv.ParseInt(text, 10, 64)``; None where that fails."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -_INT64 <= number < _INT64 else None
