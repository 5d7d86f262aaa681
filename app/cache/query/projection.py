"""Objects cut down to some paths, with every value as it was spelled.

Besides what is asked for, an object keeps its kind, apiVersion, and name, namespace,
uid and resourceVersion. Objects and arrays on the way to a path stay, if empty; of an
array, only the elements that a path leads to. Where a path expects another shape it
leads to nothing.
"""

from functools import lru_cache
from types import GenericAlias
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.cache.cluster_member import MEMBER, without_own
from app.cache.objects import CachedObject
from app.cache.query.object_paths import ACCEPTED, ANY, Path, PathError, Step, scan_list
from app.cache.query.path_values import Steps, nameable
from app.cache.query.query_errors import SelectorError
from app.jsontext import without_halves

_MOST_PATHS = 64
_ALWAYS: tuple[Steps, ...] = (
    ("kind",),
    ("apiVersion",),
    ("metadata", "name"),
    ("metadata", "namespace"),
    ("metadata", "uid"),
    ("metadata", "resourceVersion"),
)

_BRACE = ord("{")
_OPENINGS = b"{["

_members = msgspec.json.Decoder(dict[str, Raw])
_elements = msgspec.json.Decoder(list[Raw])


class Projection:
    """Cuts objects down to the paths of ``fields=``; ``cluster`` is in every item of an answer anyway."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._tree = _tree([*_ALWAYS, *(path.steps for path in paths if path.steps[0] != MEMBER)])
        kind = _type(self._tree)
        self._decoder: msgspec.json.Decoder[Any] | None = msgspec.json.Decoder(kind) if kind else None

    @staticmethod
    def parse(text: str) -> "Projection":
        """Return the projection that the text of ``fields=`` describes. Raises SelectorError."""
        accepted = f"up to {_MOST_PATHS} {ACCEPTED} between commas"
        try:
            paths = scan_list(text)
        except PathError as error:
            raise SelectorError("fields", text, str(error), accepted) from None
        if len(paths) > _MOST_PATHS:
            raise SelectorError("fields", text, f"{len(paths)} paths", accepted)
        if any(minus for minus, _ in paths):
            raise SelectorError("fields", text, "found '-' where a path is expected", accepted)
        return _projection(tuple(path for _, path in paths))

    def tail(self, obj: CachedObject) -> bytes:
        """The JSON of what is left, without its opening brace like ``CachedObject.tail``."""
        if self._decoder is not None:
            try:
                return msgspec.json.encode(self._decoder.decode(obj.json))[1:]
            except msgspec.DecodeError:  # Some path expects another shape.
                pass
        try:
            cut = _cut(Raw(obj.json), self._tree)
        except msgspec.DecodeError:  # Half of a surrogate pair.
            cut = _cut(Raw(without_halves(obj.json)), self._tree)
        assert cut is not None
        return without_own(bytes(cut)[1:])


@lru_cache(maxsize=256)
def _projection(paths: tuple[Path, ...]) -> Projection:
    """Making one takes hundreds of microseconds."""
    return Projection(paths)


# The steps that paths take from one place on; None where a path ends and all is kept.
_Tree = dict[Step, Any] | None


def _tree(paths: list[Steps]) -> _Tree:
    if not all(paths):
        return None
    grouped: dict[Step, list[Steps]] = {}
    for steps in paths:
        grouped.setdefault(steps[0], []).append(steps[1:])
    return {step: _tree(rests) for step, rests in grouped.items()}


def _type(tree: _Tree) -> Any:
    """A type that decodes just what the tree keeps; None where there is no such type."""
    if tree is None:
        return Raw
    if list(tree) == [ANY]:
        element = _type(tree[ANY])
        if element is None:
            return None
        array: Any = GenericAlias(list, (element,))
        mapping: Any = GenericAlias(dict, (str, element))
        return array | mapping
    types = {step: _type(below) for step, below in tree.items() if isinstance(step, str) and nameable(step)}
    if len(types) < len(tree) or None in types.values():
        return None
    return msgspec.defstruct(
        "Kept",
        [(f"f{number}", kind | UnsetType, UNSET) for number, kind in enumerate(types.values())],
        rename={f"f{number}": step for number, step in enumerate(types)},
        gc=False,
    )


def _cut(value: Raw, tree: _Tree) -> Raw | None:
    """Return what the tree keeps of a value of any shape; None where nothing that it leads to is there."""
    if tree is None:
        return value
    first = memoryview(value)[0]
    if tree.get(ANY, tree) is None and first in _OPENINGS:
        return value
    try:
        if first == _BRACE:
            return _cut_members(_members.decode(value), tree)
        return _cut_elements(_elements.decode(value), tree)
    except msgspec.ValidationError:
        return None


def _cut_members(members: dict[str, Raw], tree: dict[Step, Any]) -> Raw | None:
    if all(isinstance(step, int) for step in tree):
        return None
    kept: dict[str, Raw] = {}
    names = members if ANY in tree else [step for step in tree if isinstance(step, str)]
    for name in names:
        cut = _cut_one(members.get(name), tree, name)
        if cut is not None:
            kept[name] = cut
    return Raw(msgspec.json.encode(kept))


def _cut_elements(elements: list[Raw], tree: dict[Step, Any]) -> Raw | None:
    if all(isinstance(step, str) for step in tree):
        return None
    kept = (_cut_one(element, tree, index) for index, element in enumerate(elements))
    return Raw(msgspec.json.encode([cut for cut in kept if cut is not None]))


def _cut_one(value: Raw | None, tree: dict[Step, Any], step: Step) -> Raw | None:
    if value is None or not (step in tree or ANY in tree):
        return None
    if step in tree and ANY in tree:
        return _cut(value, _merged(tree[step], tree[ANY]))
    return _cut(value, tree[step if step in tree else ANY])


def _merged(one: _Tree, other: _Tree) -> _Tree:
    if one is None or other is None:
        return None
    both = {step: _merged(one[step], other[step]) for step in one if step in other}
    return {**one, **other, **both}
