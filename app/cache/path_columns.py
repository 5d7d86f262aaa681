"""The values at some paths of all objects of a store, each decoded once for all who ask for it.

A column is made when somebody asks for a path, object by object, by all who do so at the same time. It is
kept up to date for as long as it is used now and then. Only short values are kept: what has none here is
decoded each time.
"""

import time
from collections.abc import Callable, Iterator, Mapping

from app.cache.objects import CachedObject
from app.cache.query.comparison import text_of
from app.cache.query.object_paths import Path
from app.cache.query.path_values import Values, direct, reader

COLUMNS = 16
KEPT_SECONDS = 60.0
_LONGEST = 128
_MOST_ELEMENTS = 8


class _NotKept:
    """In place of a value that is too long."""


_NOT_KEPT = _NotKept()


class PathColumn:
    """The values at one path; ``objects`` are those of the store now. Once dropped it is kept no more."""

    def __init__(self, path: Path, cluster: str, objects: Mapping[str, CachedObject]) -> None:
        self.used = time.monotonic()
        self.is_dropped = False
        self._read = value_reader(path, cluster)
        self._objects = objects
        self._values: dict[str, Values | _NotKept] = {}
        self._keys: dict[str, set[str]] = {}
        # The keys of objects that may have any value.
        self._others: set[str] = set()
        self._unread = set(objects)

    def value(self, obj: CachedObject) -> Values:
        """The value of an object of the store, as it is now or was."""
        key = obj.key
        if self.is_dropped or self._objects.get(key) is not obj:
            return self._read(obj)
        if key in self._unread:
            return self._take(obj)
        value = self._values[key]
        return self._read(obj) if isinstance(value, _NotKept) else value

    def complete(self) -> Iterator[None]:
        """Read what was not read yet; others may have their turn between two steps."""
        while self._unread:
            obj = self._objects.get(key := next(iter(self._unread)))
            if obj is None:
                self._unread.discard(key)
            else:
                self._take(obj)
            yield

    def equal(self, text: str) -> set[str]:
        """The keys of the objects that may have this text at the path, of those that were read."""
        return self._keys.get(text, set()) | self._others

    def changed(self, key: str) -> None:
        """Take in that there is another object of this key, or none."""
        if key in self._values:
            value = self._values.pop(key)
            self._others.discard(key)
            for text in _texts(value):
                keys = self._keys[text]
                keys.discard(key)
                if not keys:
                    del self._keys[text]
        if key in self._objects:
            self._unread.add(key)
        else:
            self._unread.discard(key)

    def _take(self, obj: CachedObject) -> Values:
        value = self._read(obj)
        kept = value if _is_short(value) else _NOT_KEPT
        self._unread.discard(obj.key)
        self._values[obj.key] = kept
        if isinstance(kept, _NotKept):
            self._others.add(obj.key)
        for text in _texts(kept):
            self._keys.setdefault(text, set()).add(obj.key)
        return value


class PathColumns:
    """The columns of one store, COLUMNS at most; one that nobody has used for KEPT_SECONDS goes."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._columns: dict[Path, PathColumn] = {}

    def column(self, path: Path, objects: Mapping[str, CachedObject]) -> PathColumn | None:
        """The column of a path; None where there are too many that are used."""
        now = time.monotonic()
        column = self._columns.get(path)
        if column is None:
            self._drop_unused(now)
            if len(self._columns) >= COLUMNS:
                return None
            column = self._columns[path] = PathColumn(path, self._cluster, objects)
        column.used = now
        return column

    def changed(self, key: str) -> None:
        """Take in that there is another object of this key, or none."""
        if self._columns:
            for column in self._columns.values():
                column.changed(key)

    def clear(self) -> None:
        """Drop all columns."""
        for column in self._columns.values():
            column.is_dropped = True
        self._columns.clear()

    def _drop_unused(self, now: float) -> None:
        unused = [path for path, column in self._columns.items() if now - column.used > KEPT_SECONDS]
        for path in unused:
            self._columns.pop(path).is_dropped = True

    def tidy(self) -> None:
        """Forget what nobody has used for a while."""
        if self._columns:
            self._drop_unused(time.monotonic())


def value_reader(path: Path, cluster: str) -> Callable[[CachedObject], Values]:
    """Return a function that gives the value at a path of an object in this cluster."""
    answer = direct(path)
    if answer is not None:
        return lambda obj: answer(obj, cluster)
    decode, get = reader(frozenset([path])).decode, reader(frozenset([path])).getter(path)
    return lambda obj: get(decode(obj))


def texts_of(values: Values) -> Iterator[str | None]:
    """The texts that an equality is held against; None for what equals none."""
    return map(text_of, values) if isinstance(values, tuple) else iter((text_of(values),))


def _texts(value: Values | _NotKept) -> set[str]:
    return set() if isinstance(value, _NotKept) else {text for text in texts_of(value) if text is not None}


def _is_short(values: Values) -> bool:
    if isinstance(values, tuple):
        return len(values) <= _MOST_ELEMENTS and all(map(_is_short, values))
    if isinstance(values, str):
        return len(values) <= _LONGEST
    return values is None or isinstance(values, bool | int | float)
