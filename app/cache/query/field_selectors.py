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
from app.cache.path_columns import PathColumn
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


class FieldCondition(msgspec.Struct, frozen=True):
    """One condition on the value at a path."""

    path: Path
    operator: Operator
    value: str


class FieldSelector:
    """Conditions that all must hold. Without any, it matches everything."""

    def __init__(self, conditions: tuple[FieldCondition, ...], tests: tuple[Test, ...]) -> None:
        self.conditions = conditions
        self._tests = tests
        self._direct: list[tuple[Direct, Test]] = []
        self._decoded: list[tuple[Getter, Test]] = []
        paths = frozenset(condition.path for condition in conditions if direct(condition.path) is None)
        self._reader = reader(paths) if paths else None
        for condition, test in zip(conditions, tests, strict=True):
            answer = direct(condition.path)
            if answer is not None:
                self._direct.append((answer, test))
            elif self._reader is not None:
                self._decoded.append((self._reader.getter(condition.path), test))

    @property
    def equality(self) -> tuple[Path, str] | None:
        """The path and the text of the first condition with ``=``; None where there is none."""
        for condition in self.conditions:
            if condition.operator == "=" and condition.path.steps != ("cluster",):
                return condition.path, condition.value
        return None

    @classmethod
    def parse(cls, text: str) -> "FieldSelector":
        """Return the selector that a text describes. Raises SelectorError."""
        try:
            parsed = _conditions(text)
            tests = {condition: _test(condition) for condition in parsed}
        except ValueError as error:
            raise SelectorError("fieldSelector", text, str(error), _ACCEPTED) from None
        conditions = sorted(
            tests, key=lambda condition: (str(condition.path), condition.operator, condition.value)
        )
        return cls(tuple(conditions), tuple(tests[condition] for condition in conditions))

    def matches(self, obj: CachedObject, cluster: str) -> bool:
        """Whether an object of this cluster fulfils all conditions.

        It is decoded only when the conditions hold that can be told without.
        """
        for answer, test in self._direct:
            if not test(answer(obj, cluster)):
                return False
        if self._reader is not None:
            decoded = self._reader.decode(obj)
            for get, test in self._decoded:
                if not test(get(decoded)):
                    return False
        return True

    async def decide(self, obj: CachedObject, cluster: str, pace: Pace) -> bool:
        """Return the same as `matches` for a large object with many values at a path, in steps."""
        if self._reader is None:
            return self.matches(obj, cluster)
        decoded = self._reader.decode(obj)
        for condition, test in zip(self.conditions, self._tests, strict=True):
            answer = direct(condition.path)
            values = self._reader.getter(condition.path)(decoded) if answer is None else answer(obj, cluster)
            # No element may be equal to what is excluded; of all else, one will do.
            combine = all if condition.operator == "!=" else any
            if not combine([test(some) async for some in in_steps(values, pace)]):
                return False
        return True

    def matcher(
        self, cluster: str, column: Callable[[Path], PathColumn | None]
    ) -> Callable[[CachedObject], bool]:
        """Return `matches` for many objects of a store, with values from its columns."""
        columns = {
            condition.path: column(condition.path)
            for condition in self.conditions
            if direct(condition.path) is None
        }
        if not columns or None in columns.values():
            return lambda obj: self.matches(obj, cluster)
        tests = [
            (shared.value, test)
            for condition, test in zip(self.conditions, self._tests, strict=True)
            if (shared := columns.get(condition.path)) is not None
        ]

        def matches(obj: CachedObject) -> bool:
            for answer, test in self._direct:
                if not test(answer(obj, cluster)):
                    return False
            return all(test(value(obj)) for value, test in tests)

        return matches


def _conditions(text: str) -> list[FieldCondition]:
    conditions: list[FieldCondition] = []
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
        conditions.append(FieldCondition(path, _OPERATORS[symbol[0]], _ESCAPE.sub(r"\1", value[0])))
        at = value.end()
    if len(conditions) > _MOST_CONDITIONS:
        raise ValueError(f"{len(conditions)} conditions; {_MOST_CONDITIONS} are allowed")
    return conditions


def _test(condition: FieldCondition) -> Test:
    value = condition.value
    match condition.operator:
        case "=":
            return _any(_equality(value))
        case "!=":
            equal = _any(_equality(value))
            return lambda values: not equal(values)
        case "~":
            return _any(_search(value))
        case "<" | ">" as operator:
            return _any(_comparison(operator, value))


def _any(holds: Callable[[Value], bool]) -> Test:
    def test(values: Values) -> bool:
        return any(map(holds, values)) if isinstance(values, tuple) else holds(values)

    return test


def _equality(value: str) -> Callable[[Value], bool]:
    return lambda candidate: text_of(candidate) == value


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

    def holds(candidate: Value) -> bool:
        text = text_of(candidate)
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

    def holds(candidate: Value) -> bool:
        value = read(candidate)
        if value is None:
            return False
        return value < limit if operator == "<" else value > limit

    return holds
