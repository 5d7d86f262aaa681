"""The order of rows: keys at paths, then cluster, namespace and name, which leave no ties.

A row's key is one flat tuple that compares without any code of ours. What descends is
turned around inside of it: numbers change their sign, texts become inverted bytes.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeVar

import msgspec

from app.cache.objects import CachedObject
from app.cache.path_columns import PathColumn, value_reader
from app.cache.query.comparison import MISSING, TEXT, Value, comparable
from app.cache.query.object_paths import ACCEPTED, Path, PathError, scan_list
from app.cache.query.path_values import Values, direct, in_steps, reader
from app.cache.query.query_errors import SelectorError
from app.cache.store import Store
from app.turns import Pace

Atom = int | float | str | bytes
Key = tuple[Atom, ...]
Row = tuple[Key, Store, CachedObject]
T = TypeVar("T")

_MOST_KEYS = 4
_LONGEST_TEXT = 253  # Characters that are compared, and carried in continue tokens: the longest name.
_BUCKET = 1024
# UTF-8 bytes are at most 0xF4, so their inverse is above 0 and below the end mark 0xFF.
_INVERSE = bytes(max(0, 0xFE - byte) for byte in range(256))
_END = b"\xff"
_TEXTUAL = {("cluster",), ("metadata", "name"), ("metadata", "namespace"), ("metadata", "uid")}


class SortKey(msgspec.Struct, frozen=True):
    """A path whose values rows are sorted by."""

    path: Path
    descending: bool


class Order:
    """How rows are sorted; without keys, by cluster, namespace and name alone.

    What is missing comes last, ascending and descending; of several values at a path
    with ``[*]`` the one that comes first counts.
    """

    def __init__(self, keys: tuple[SortKey, ...] = ()) -> None:
        self.keys = keys
        paths = frozenset(key.path for key in keys if direct(key.path) is None)
        self._reader = reader(paths) if paths else None
        self._direct = [direct(key.path) for key in keys]
        self._getters = [
            self._reader.getter(key.path) if self._reader is not None and direct(key.path) is None else None
            for key in keys
        ]

    @classmethod
    def parse(cls, text: str) -> "Order":
        """Return the order that the text of ``sort=`` describes. Raises SelectorError."""
        accepted = f"up to {_MOST_KEYS} {ACCEPTED} between commas, descending with - before them"
        try:
            keys = tuple(SortKey(path, minus) for minus, path in scan_list(text))
        except PathError as error:
            raise SelectorError("sort", text, str(error), accepted) from None
        if len(keys) > _MOST_KEYS:
            raise SelectorError("sort", text, f"{len(keys)} paths", accepted)
        return cls(keys)

    def __str__(self) -> str:
        return ",".join(f"{'-' * key.descending}{key.path}" for key in self.keys)

    def key(self, obj: CachedObject, cluster: str) -> Key:
        """The key of an object of this cluster: keys compare as the rows are ordered."""
        decoded = None if self._reader is None else self._reader.decode(obj)
        atoms: list[Atom] = []
        for key, answer, get in zip(self.keys, self._direct, self._getters, strict=True):
            if answer is not None:
                values = answer(obj, cluster)
            else:
                assert get is not None
                values = get(decoded)
            atoms += _directed(values, key)
        return (*atoms, cluster, obj.key)

    async def key_in_steps(self, obj: CachedObject, cluster: str, pace: Pace) -> Key:
        """Return the same as `key` for a large object with many values at a path, giving others a turn."""
        decoded = None if self._reader is None else self._reader.decode(obj)
        atoms: list[Atom] = []
        for key, answer, get in zip(self.keys, self._direct, self._getters, strict=True):
            if get is not None:
                values = get(decoded)
            else:
                assert answer is not None
                values = answer(obj, cluster)
            atoms += min([_directed(some, key) async for some in in_steps(values, pace)])
        return (*atoms, cluster, obj.key)

    def keyer(
        self, cluster: str, column: Callable[[Path], PathColumn | None]
    ) -> Callable[[CachedObject], Key]:
        """Return `key` for many objects of a store, with values from its columns."""
        columns = {key.path: column(key.path) for key in self.keys if direct(key.path) is None}
        if not columns or None in columns.values():
            return lambda obj: self.key(obj, cluster)
        readers = {path: shared.value for path, shared in columns.items() if shared is not None}
        values_of = [(readers.get(key.path) or value_reader(key.path, cluster), key) for key in self.keys]

        def make(obj: CachedObject) -> Key:
            atoms = chain.from_iterable(_directed(value(obj), key) for value, key in values_of)
            return (*atoms, cluster, obj.key)

        return make


def _directed(values: Values, key: SortKey) -> tuple[int, Atom]:
    if isinstance(values, tuple):
        return min(_directed(value, key) for value in values)
    kind, value = _rank(values, key.path)
    if isinstance(value, str):
        value = value[:_LONGEST_TEXT]
        return (-kind, value.encode().translate(_INVERSE) + _END) if key.descending else (kind, value)
    if kind == MISSING or not key.descending:
        return kind, value
    return -kind, -value


def _rank(value: Value, path: Path) -> tuple[int, int | float | str]:
    """Names are texts even where they look like numbers."""
    if path.steps in _TEXTUAL and isinstance(value, str) and value:
        return TEXT, value
    return comparable(value)


async def first(rows: list[Row], count: int | None, pace: Pace) -> list[Row]:
    """The first ``count`` rows in order, all for None, without holding up the event loop.

    A sample sort: rows go into buckets between keys of an evenly taken sample, and only
    the buckets that are needed are sorted. Keys are all different, so buckets stay small.
    """
    if len(rows) <= _BUCKET:
        return sorted(rows, key=_key_of)[:count]
    sample = sorted(row[0] for row in rows[:: _BUCKET // 16])
    bounds = sample[::16]
    buckets: list[list[Row]] = [[] for _ in range(len(bounds) + 1)]
    for part in _parts(rows, _BUCKET):
        for row in part:
            buckets[bisect_right(bounds, row[0])].append(row)
        await pace.give()
    ordered: list[Row] = []
    for bucket in buckets:
        if count is not None and len(ordered) >= count:
            break
        bucket.sort(key=_key_of)
        ordered += bucket
        await pace.give()
    return ordered[:count]


def _key_of(row: Row) -> Key:
    return row[0]


def _parts(rows: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
