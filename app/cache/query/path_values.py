"""Values at some paths of an object, decoded from its JSON without the rest of it.

For each set of paths msgspec types are made that name just the members on the way;
what they do not name is skipped at the speed of a scan. An object of another shape
than a path expects simply lacks what the path leads to.
"""

import re
from collections.abc import AsyncIterator, Callable, Collection
from functools import lru_cache
from operator import attrgetter
from types import GenericAlias
from typing import Any

import msgspec

from app import jsontext
from app.cache.event_times import LAST_SEEN, last_seen
from app.cache.objects import CachedObject
from app.cache.query.comparison import Value
from app.cache.query.object_paths import ANY, Path, Step
from app.turns import Pace

Values = Value | tuple[Value, ...]
Decoded = Any
Steps = tuple[Step, ...]
Getter = Callable[[Decoded], Values]
Direct = Callable[[CachedObject, str], Values]

_UNNAMEABLE = re.compile(r"""["\\\x00-\x1f\x7f]""")


def nameable(name: str) -> bool:
    """Whether a msgspec type may have a member of this name."""
    return not _UNNAMEABLE.search(name)


def direct(path: Path) -> Direct | None:
    """Return a function for a path whose value is known without decoding the object; None for any other."""
    match path.steps:
        case ("metadata", "labels", str(label)):
            return lambda obj, cluster: obj.labels.values.get(label)
        case steps:
            return _DIRECT.get(steps)


_DIRECT: dict[Steps, Direct] = {
    ("cluster",): lambda obj, cluster: cluster,
    ("metadata", "name"): lambda obj, cluster: obj.name,
    ("metadata", "namespace"): lambda obj, cluster: obj.namespace,
    ("metadata", "uid"): lambda obj, cluster: obj.uid,
    ("metadata", "resourceVersion"): lambda obj, cluster: str(obj.version),
    (LAST_SEEN,): lambda obj, cluster: last_seen(obj),
}


# An object from this size on may have so many values at a path that they are taken in steps.
LARGE_BYTES = 64 * 1024
_VALUES_AT_ONCE = 500


async def in_steps(values: Values, pace: Pace) -> AsyncIterator[Values]:
    """Some of many values at a time, giving others a turn in between."""
    if not isinstance(values, tuple):
        yield values
        return
    for start in range(0, len(values), _VALUES_AT_ONCE):
        yield values[start : start + _VALUES_AT_ONCE]
        await pace.give()


class PathsReader:
    """Decodes what a set of paths needs: ``getter(path)(reader.decode(obj))``.

    A getter gives the value at its path, None where there is none; of a path with
    ``[*]`` a tuple, with None for each element that lacks the rest of the path.
    """

    def __init__(self, paths: Collection[Path]) -> None:
        self._shape = _shape([path.steps for path in paths])
        self._decoder: msgspec.json.Decoder[Decoded] = msgspec.json.Decoder(self._shape.type)
        # Many ask for the same, one after another: the states before and after a change.
        self._last: tuple[CachedObject | None, Decoded] = None, None
        self._before: tuple[CachedObject | None, Decoded] = None, None

    def decode(self, obj: CachedObject) -> Decoded:
        """Decode an object for the getters of this reader; once, where it is asked for again at once."""
        for decoded_obj, decoded in (self._last, self._before):
            if decoded_obj is obj:
                return decoded
        try:
            decoded = self._decoder.decode(obj.json)
        except (msgspec.DecodeError, RecursionError):
            decoded = _Odd(obj)
        self._last, self._before = (obj, decoded), self._last
        return decoded

    def getter(self, path: Path) -> Getter:
        """Return the getter of one of the paths."""
        attributes, general = self._shape.attributes(path.steps), _Whole().getter(path.steps)
        if attributes is None:
            get_value = self._shape.getter(path.steps)
            return lambda decoded: (
                general(decoded.document) if isinstance(decoded, _Odd) else get_value(decoded)
            )
        get = attrgetter(".".join(attributes))

        def fast(decoded: Decoded) -> Values:
            try:
                return get(decoded)  # type: ignore[no-any-return]
            except AttributeError:
                return general(decoded.document) if isinstance(decoded, _Odd) else None

        return fast


@lru_cache(maxsize=256)
def reader(paths: frozenset[Path]) -> PathsReader:
    """The reader of these paths; making one takes hundreds of microseconds."""
    return PathsReader(paths)


class _Odd:
    """An object with a number beyond any float at one of the paths, say, which is decoded as a whole."""

    def __init__(self, obj: CachedObject) -> None:
        try:
            self.document: Decoded = jsontext.decode(obj.json)
        except jsontext.Undecodable:
            self.document = None


class _Whole:
    """A value that is decoded with all that is in it."""

    type: Any = Any
    default: Any = None

    def attributes(self, steps: Steps) -> list[str] | None:
        return None if steps else []

    def getter(self, steps: Steps) -> Getter:
        if not steps:
            return _itself
        step, rest = steps[0], self.getter(steps[1:])
        if step is ANY:
            return lambda value: _each(value, rest)
        return lambda value: _of(value, step, rest)


class _Members:
    """An object of which some members are decoded; anything else in its place is kept apart from it."""

    def __init__(self, members: dict[str, "_Shape"]) -> None:
        self._members = {name: (f"f{number}", shape) for number, (name, shape) in enumerate(members.items())}
        struct: Any = msgspec.defstruct(
            "Members",
            [(attribute, shape.type, shape.default) for attribute, shape in self._members.values()],
            rename={attribute: name for name, (attribute, _) in self._members.items()},
            frozen=True,
            gc=False,
        )
        self._struct = struct
        self.type: Any = struct | list[msgspec.Raw] | str | int | float | bool | None
        self.default: Any = struct()

    def attributes(self, steps: Steps) -> list[str] | None:
        attribute, shape = self._member(steps[0])
        rest = shape.attributes(steps[1:])
        return None if rest is None else [attribute, *rest]

    def getter(self, steps: Steps) -> Getter:
        attribute, shape = self._member(steps[0])
        struct, rest = self._struct, shape.getter(steps[1:])
        return lambda value: rest(getattr(value, attribute)) if isinstance(value, struct) else None

    def _member(self, step: Step) -> tuple[str, "_Shape"]:
        assert isinstance(step, str)
        return self._members[step]


class _Elements:
    """An array, or an object, of whose elements all are decoded alike."""

    default: Any = None

    def __init__(self, element: "_Shape") -> None:
        self._element = element
        array: Any = GenericAlias(list, (element.type,))
        mapping: Any = GenericAlias(dict, (str, element.type))
        self.type: Any = array | mapping | str | int | float | bool | None

    def attributes(self, steps: Steps) -> list[str] | None:
        return None

    def getter(self, steps: Steps) -> Getter:
        step, rest = steps[0], self._element.getter(steps[1:])
        if step is ANY:
            return lambda value: _each(value, rest)
        return lambda value: _of(value, step, rest)


_Shape = _Whole | _Members | _Elements


def _shape(paths: list[Steps]) -> _Shape:
    if not all(paths):
        return _Whole()
    firsts = {steps[0] for steps in paths}
    if not all(isinstance(first, str) for first in firsts):
        return _Elements(_shape([steps[1:] for steps in paths]))
    if not all(isinstance(first, str) and nameable(first) for first in firsts):
        return _Whole()
    members: dict[str, list[Steps]] = {}
    for steps in paths:
        members.setdefault(str(steps[0]), []).append(steps[1:])
    return _Members({name: _shape(rests) for name, rests in members.items()})


def _itself(value: Decoded) -> Values:
    return value  # type: ignore[no-any-return]


def _of(value: Decoded, step: Step, rest: Getter) -> Values:
    if isinstance(value, dict):
        return rest(value[step]) if step in value else None
    if isinstance(value, list) and isinstance(step, int):
        return rest(value[step]) if step < len(value) else None
    return None


def _each(value: Decoded, rest: Getter) -> Values:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return None
    flat: list[Value] = []
    for element in value:
        values = rest(element)
        if isinstance(values, tuple):
            flat.extend(values)
        else:
            flat.append(values)
    return tuple(flat) or None
