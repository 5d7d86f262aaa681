"""Field selectors: conditions on any path of an object.

``=`` (or ``==``) and ``!=`` compare texts, as Kubernetes prints the value; a missing
path is the empty text, and arrays and objects equal none. ``~`` searches with a regular
expression. ``<`` and ``>`` compare numbers and quantities with one another, and times
with one another; a value of another kind does not match. With ``[*]`` a condition holds
when it holds for any element, except ``!=``, which holds when no element is equal.
"""

import re
from collections.abc import Callable
from typing import Literal

import msgspec
import re2

from app.cache.objects import CachedObject
from app.cache.path_columns import Column
from app.cache.query.comparison import Number, Value, number_of, text_of, time_of
from app.cache.query.object_paths import Path, PathError, skip_blanks
from app.cache.query.path_values import Direct, Getter, Values, direct, in_steps, reader
from app.cache.query.query_errors import SelectorError
from app.turns import Pace

Operator = Literal["=", "!=", "~", "<", ">"]
Test = Callable[[Values], bool]

_ACCEPTED = (
    "path=value, path!=value, path~expression, path<value and path>value between commas, "
    "with paths such as a.b, a['x.y/z'], a[0] and a[*], and \\ before a comma or operator in a value"
)
_OPERATOR = re.compile(r"==|!=|=|~|<|>")
_OPERATORS: dict[str, Operator] = {"==": "=", "=": "=", "!=": "!=", "~": "~", "<": "<", ">": ">"}
_VALUE = re.compile(r"(?:[^,\\]|\\.)*\\?", re.DOTALL)
_ESCAPE = re.compile(r"\\([,=\\!~<>])")
_MOST_CONDITIONS = 64
_LONGEST_EXPRESSION = 256
# Where its automaton outgrows the memory, RE2 takes about 5 ns for each byte and instruction: 100 ms at most.
_MEMORY = 1 << 20
_MOST_WORK = 20_000_000
_LARGEST_PROGRAM = _MOST_WORK // 4096


class Condition(msgspec.Struct, frozen=True):
    path: Path
    operator: Operator
    value: str


class FieldSelector:
    """Conditions that all must hold. Without any, it matches everything."""

    def __init__(self, conditions: tuple[Condition, ...], tests: tuple[Test, ...]) -> None:
        self.conditions = conditions
        self._tests = tests
        self._direct: list[tuple[Direct, Test]] = []
        self._decoded: list[tuple[Getter, Test]] = []
        paths = frozenset(each.path for each in conditions if direct(each.path) is None)
        self._reader = reader(paths) if paths else None
        for condition, test in zip(conditions, tests, strict=True):
            answer = direct(condition.path)
            if answer is not None:
                self._direct.append((answer, test))
            elif self._reader is not None:
                self._decoded.append((self._reader.getter(condition.path), test))

    @property
    def equality(self) -> tuple[Path, str] | None:
        """One path, and the text that is asked for there; None where there is no such condition."""
        for each in self.conditions:
            if each.operator == "=" and each.path.steps != ("cluster",):
                return each.path, each.value
        return None

    @classmethod
    def parse(cls, text: str) -> "FieldSelector":
        """Raises SelectorError."""
        try:
            found = _conditions(text)
            tests = {condition: _test(condition) for condition in found}
        except ValueError as error:
            raise SelectorError("fieldSelector", text, str(error), _ACCEPTED) from None
        conditions = sorted(tests, key=lambda each: (str(each.path), each.operator, each.value))
        return cls(tuple(conditions), tuple(tests[condition] for condition in conditions))

    def matches(self, found: CachedObject, cluster: str) -> bool:
        """Decodes the object only when all that is known without it agrees."""
        for answer, test in self._direct:
            if not test(answer(found, cluster)):
                return False
        if self._reader is not None:
            decoded = self._reader.decode(found)
            for get, test in self._decoded:
                if not test(get(decoded)):
                    return False
        return True

    async def decide(self, found: CachedObject, cluster: str, pace: Pace) -> bool:
        """The same as `matches` for a large object, with many values at a path: in steps."""
        if self._reader is None:
            return self.matches(found, cluster)
        decoded = self._reader.decode(found)
        for condition, test in zip(self.conditions, self._tests, strict=True):
            answer = direct(condition.path)
            values = (
                self._reader.getter(condition.path)(decoded) if answer is None else answer(found, cluster)
            )
            # No element may be equal to what is excluded; of all else, one will do.
            combine = all if condition.operator == "!=" else any
            if not combine([test(some) async for some in in_steps(values, pace)]):
                return False
        return True

    def matcher(
        self, cluster: str, column: Callable[[Path], Column | None]
    ) -> Callable[[CachedObject], bool]:
        """`matches` for many objects of a store, whose values are shared in columns where there are any."""
        columns = {each.path: column(each.path) for each in self.conditions if direct(each.path) is None}
        if not columns or None in columns.values():
            return lambda found: self.matches(found, cluster)
        tests = [
            (shared.value, test)
            for condition, test in zip(self.conditions, self._tests, strict=True)
            if (shared := columns.get(condition.path)) is not None
        ]

        def matches(found: CachedObject) -> bool:
            for answer, test in self._direct:
                if not test(answer(found, cluster)):
                    return False
            return all(test(value(found)) for value, test in tests)

        return matches


def _conditions(text: str) -> list[Condition]:
    found: list[Condition] = []
    at = 0
    while (at := skip_blanks(text, at)) < len(text):
        if text[at] == ",":
            at += 1
            continue
        path, at = Path.scan(text, at)
        at = skip_blanks(text, at)
        symbol = _OPERATOR.match(text, at)
        if symbol is None:
            raise PathError(f"no operator = == != ~ < > after the path {str(path)!r}")
        value = _VALUE.match(text, symbol.end())
        assert value is not None
        if value[0].startswith(("=", "~")):
            raise PathError(f"no operator {symbol[0]}{value[0][0]}; in a value, \\ goes before it")
        found.append(Condition(path, _OPERATORS[symbol[0]], _ESCAPE.sub(r"\1", value[0])))
        at = value.end()
    if len(found) > _MOST_CONDITIONS:
        raise ValueError(f"{len(found)} conditions; {_MOST_CONDITIONS} are allowed")
    return found


def _test(condition: Condition) -> Test:
    value = condition.value
    match condition.operator:
        case "=":
            return _any(_equality(value))
        case "!=":
            equal = _any(_equality(value))
            return lambda found: not equal(found)
        case "~":
            return _any(_search(value))
        case "<" | ">" as operator:
            return _any(_comparison(operator, value))


def _any(holds: Callable[[Value], bool]) -> Test:
    def test(found: Values) -> bool:
        return any(map(holds, found)) if isinstance(found, tuple) else holds(found)

    return test


def _equality(value: str) -> Callable[[Value], bool]:
    return lambda found: text_of(found) == value


def _search(expression: str) -> Callable[[Value], bool]:
    """Whether a text holds a match.

    Searched are at least the first 4,096 bytes of a text, and all of it, up to a megabyte,
    with a common expression. Raises ValueError.
    """
    if len(expression) > _LONGEST_EXPRESSION:
        raise ValueError(
            f"a regular expression of {len(expression)} characters; {_LONGEST_EXPRESSION} are allowed"
        )
    options = re2.Options()
    options.max_mem = _MEMORY
    options.never_capture = True
    options.log_errors = False
    try:
        compiled = re2.compile(expression, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if isinstance(error.args[0], bytes) else b"not UTF-8"
        raise ValueError(
            f"{expression!r} is no regular expression of RE2: {reason.decode(errors='replace')}"
        ) from None
    if compiled.programsize > _LARGEST_PROGRAM:
        raise ValueError(f"the regular expression {expression!r} repeats too much")
    search, reach = compiled.search, _MOST_WORK // compiled.programsize

    def holds(found: Value) -> bool:
        text = text_of(found)
        return text is not None and search(text.encode(errors="replace")[:reach]) is not None

    return holds


def _comparison(operator: Literal["<", ">"], bound: str) -> Callable[[Value], bool]:
    """Raises ValueError."""
    time = time_of(bound)
    limit = number_of(bound) if time is None else time
    if limit is None:
        raise ValueError(
            f"{bound!r} after {operator} is no number, quantity (500m, 2Gi) or time (2026-01-31T10:00:00Z)"
        )
    read: Callable[[Value], Number | None] = number_of if time is None else time_of

    def holds(found: Value) -> bool:
        value = read(found)
        if value is None:
            return False
        return value < limit if operator == "<" else value > limit

    return holds
