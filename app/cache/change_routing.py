"""Finds the followers of a store that a change may matter to, by what their queries ask for.

A query that asks for a label, or for a value at a path, is only held against objects that have it: so a
change costs as much as there are queries that it may matter to, and not as there are queries.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Generic, TypeVar

from app.cache.changelog import Change
from app.cache.objects import CachedObject
from app.cache.path_columns import texts_of, value_reader
from app.cache.query.field_selectors import FieldSelector
from app.cache.query.label_selectors import LabelSelector
from app.cache.query.object_paths import Path
from app.cache.query.path_values import Values

T = TypeVar("T")
# Followers by the value that they ask for.
ByValue = dict[str, dict[T, None]]

# From so many changes on, everybody is told of all.
MANY_CHANGES = 500


class Routes(Generic[T]):
    """The followers of one store, each with what it asks for; None is all."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        # Where each follower is entered: in which table, under which value.
        self._entered: dict[T, list[tuple[ByValue[T], str]]] = {}
        self._all: dict[T, None] = {}
        self._labels: dict[str, ByValue[T]] = {}
        self._fields: dict[Path, ByValue[T]] = {}
        self._namespaces: ByValue[T] = {}
        self._readers: dict[Path, Callable[[CachedObject], Values]] = {}

    def __iter__(self) -> Iterator[T]:
        return iter([*self._entered])

    def add(
        self,
        follower: T,
        labels: LabelSelector | None,
        fields: FieldSelector | None,
        namespaces: Collection[str] | None,
    ) -> None:
        """Have a follower called for changes of objects that may match these; None is any."""
        entered = [*self._choose(labels, fields, namespaces)]
        self._entered[follower] = entered
        for followers, value in entered:
            followers.setdefault(value, {})[follower] = None
        if not entered:
            self._all[follower] = None

    def remove(self, follower: T) -> None:
        """Call a follower no more."""
        for followers, value in self._entered.pop(follower):
            del followers[value][follower]
            if not followers[value]:
                del followers[value]
        self._all.pop(follower, None)
        for label in [label for label, followers in self._labels.items() if not followers]:
            del self._labels[label]
        for path in [path for path, followers in self._fields.items() if not followers]:
            del self._fields[path]
            self._readers.pop(path, None)

    def of(self, changes: Sequence[Change]) -> list[tuple[T, Sequence[Change]]]:
        """The followers of which the query may match, before or after, and with which of these changes."""
        if len(changes) > MANY_CHANGES or len(self._all) == len(self._entered):
            return [(follower, changes) for follower in self._entered]
        wanted: dict[T, list[Change]] = {}
        for change in changes:
            for follower in self._interested(change):
                wanted.setdefault(follower, []).append(change)
        return [*wanted.items()]

    def _choose(
        self, labels: LabelSelector | None, fields: FieldSelector | None, namespaces: Collection[str] | None
    ) -> Iterator[tuple[ByValue[T], str]]:
        """Yield where to enter a follower: an object that matches has one of these values."""
        for requirement in labels.requirements if labels is not None else ():
            if requirement.operator == "in":
                values = self._labels.setdefault(requirement.key, {})
                yield from ((values, value) for value in requirement.values)
                return
        if fields is not None and fields.equality is not None:
            path, text = fields.equality
            yield self._fields.setdefault(path, {}), text
        elif namespaces is not None:
            yield from ((self._namespaces, namespace) for namespace in namespaces)

    def _interested(self, change: Change) -> dict[T, None]:
        followers = dict(self._all)
        for state in (change.old, change.new):
            if state is None:
                continue
            for label, values in self._labels.items():
                followers |= values.get(state.labels.values.get(label, ""), {})
            if self._namespaces:
                followers |= self._namespaces.get(state.namespace, {})
            for path, by_value in self._fields.items():
                for text in texts_of(self._value(path, state)):
                    if text is not None and text in by_value:
                        followers |= by_value[text]
        return followers

    def _value(self, path: Path, obj: CachedObject) -> Values:
        read = self._readers.get(path)
        if read is None:
            read = self._readers[path] = value_reader(path, self._cluster)
        return read(obj)
