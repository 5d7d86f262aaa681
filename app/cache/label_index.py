"""The label index of one store.

Most objects share their labels with many others (all pods of a ReplicaSet do), so
objects are grouped by their whole set of labels. A selector is then decided once a
group instead of once an object, which covers its whole grammar, and an inverted
index from each label to the groups that carry it spares even that wherever the
selector asks for one of several values.
"""

from collections.abc import Iterable
from weakref import WeakValueDictionary

import msgspec

from app.cache.objects import Labels
from app.cache.query.label_selectors import LabelSelector

NONE = Labels(raw=b"", values={})


class LabelIndex:
    """Groups of keys by labels, and the groups by each label they carry."""

    def __init__(self) -> None:
        self._interned: WeakValueDictionary[bytes, Labels] = WeakValueDictionary()
        self._groups: dict[Labels, set[str]] = {}
        self._carriers: dict[str, dict[str, set[Labels]]] = {}

    def intern(self, raw: bytes) -> Labels:
        """The labels that this JSON object spells, decoded only when they are new here."""
        if not raw:
            return NONE
        labels = self._interned.get(raw)
        if labels is None:
            labels = self._interned[raw] = Labels(raw, msgspec.json.decode(raw, type=dict[str, str]))
        return labels

    def add(self, labels: Labels, key: str) -> None:
        """Add an object with these labels, which `intern` has made."""
        group = self._groups.get(labels)
        if group is None:
            self._groups[labels] = {key}
            for label, value in labels.values.items():
                self._carriers.setdefault(label, {}).setdefault(value, set()).add(labels)
        else:
            group.add(key)

    def remove(self, labels: Labels, key: str) -> None:
        """Forget an object; a group that nobody is left in goes too, or rollouts would pile them up."""
        group = self._groups[labels]
        group.discard(key)
        if group:
            return
        del self._groups[labels]
        for label, value in labels.values.items():
            values = self._carriers[label]
            values[value].discard(labels)
            if not values[value]:
                del values[value]
            if not values:
                del self._carriers[label]

    def clear(self) -> None:
        """Forget all objects."""
        self._groups = {}
        self._carriers = {}

    def select(self, selector: LabelSelector) -> set[str]:
        """The keys of the objects that the selector matches, as a new set."""
        candidates = self._candidates(selector)
        # What the index has decided alone need not be decided again.
        if [requirement.operator for requirement in selector.requirements] != ["in"]:
            matches = selector.matches
            candidates = [labels for labels in candidates if matches(labels.values)]
        return set().union(*(self._groups[labels] for labels in candidates))

    def _candidates(self, selector: LabelSelector) -> Iterable[Labels]:
        """The groups that can match: those of the rarest label asked for, else all."""
        best: list[Labels] | None = None
        for requirement in selector.requirements:
            if requirement.operator != "in":
                continue
            carriers = self._carriers.get(requirement.key, {})
            groups = [labels for value in requirement.values for labels in carriers.get(value, ())]
            if best is None or len(groups) < len(best):
                best = groups
        return self._groups if best is None else best
