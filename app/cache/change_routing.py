"""Who of those that follow a store may want to know of a change, by what their queries ask for.

A query that asks for a label, or for a value at a path, is only asked about objects that have it: so a
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
Places = dict[str, dict[T, None]]

# From so many changes on, everybody is told of all.
MANY_CHANGES = 500


class Routes(Generic[T]):
    """The followers of one store, each with what it asks for; None is all."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        # Of each follower where it stands: in which places, under which name.
        self._standing: dict[T, list[tuple[Places[T], str]]] = {}
        self._all: dict[T, None] = {}
        self._labels: dict[str, Places[T]] = {}
        self._fields: dict[Path, Places[T]] = {}
        self._namespaces: Places[T] = {}
        self._readers: dict[Path, Callable[[CachedObject], Values]] = {}

    def __iter__(self) -> Iterator[T]:
        return iter([*self._standing])

    def add(
        self,
        follower: T,
        labels: LabelSelector | None,
        fields: FieldSelector | None,
        namespaces: Collection[str] | None,
    ) -> None:
        standing = [*self._choose(labels, fields, namespaces)]
        self._standing[follower] = standing
        for places, name in standing:
            places.setdefault(name, {})[follower] = None
        if not standing:
            self._all[follower] = None

    def remove(self, follower: T) -> None:
        for places, name in self._standing.pop(follower):
            del places[name][follower]
            if not places[name]:
                del places[name]
        self._all.pop(follower, None)
        for label in [label for label, places in self._labels.items() if not places]:
            del self._labels[label]
        for path in [path for path, places in self._fields.items() if not places]:
            del self._fields[path]
            self._readers.pop(path, None)

    def of(self, changes: Sequence[Change]) -> list[tuple[T, Sequence[Change]]]:
        """Who may want to know of which of these changes."""
        if len(changes) > MANY_CHANGES or len(self._all) == len(self._standing):
            return [(follower, changes) for follower in self._standing]
        wanted: dict[T, list[Change]] = {}
        for change in changes:
            for follower in self._interested(change):
                wanted.setdefault(follower, []).append(change)
        return [*wanted.items()]

    def _choose(
        self, labels: LabelSelector | None, fields: FieldSelector | None, namespaces: Collection[str] | None
    ) -> Iterator[tuple[Places[T], str]]:
        """Where to stand: an object that matches leads to one of these places. Without any, all do."""
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
        found = dict(self._all)
        for state in (change.old, change.new):
            if state is None:
                continue
            for label, values in self._labels.items():
                found |= values.get(state.labels.values.get(label, ""), {})
            if self._namespaces:
                found |= self._namespaces.get(state.namespace, {})
            for path, places in self._fields.items():
                for text in texts_of(self._value(path, state)):
                    if text is not None and text in places:
                        found |= places[text]
        return found

    def _value(self, path: Path, found: CachedObject) -> Values:
        read = self._readers.get(path)
        if read is None:
            read = self._readers[path] = value_reader(path, self._cluster)
        return read(found)
