"""The resources that can be listed and watched in a cluster, and the words that name them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from weakref import WeakValueDictionary

from app.kube.discovery.api_resource import Resource

# In place of the name of a group: all but the core group.
EVERY_GROUP = "*"


class Index:
    """The resources of a catalog by their names and by every word for them, in lower case.

    ``full`` has plurals, singulars and kinds, ``short`` the short names. Clusters of one
    version have equal catalogs, and share one index.
    """

    __slots__ = ("__weakref__", "by_name", "full", "short")

    def __init__(self, resources: Sequence[Resource]) -> None:
        self.by_name = {resource.name: resource for resource in resources}
        self.full: dict[str, list[Resource]] = {}
        self.short: dict[str, list[Resource]] = {}
        for resource in resources:
            for word in {resource.plural.lower(), resource.singular.lower(), resource.kind.lower()}:
                self.full.setdefault(word, []).append(resource)
            for word in {name.lower() for name in resource.short_names}:
                self.short.setdefault(word, []).append(resource)

    def named(self, word: str) -> list[Resource]:
        """Return the resources that a word in lower case may mean."""
        return [*self.full.get(word, ()), *self.short.get(word, ())]


_indexes: WeakValueDictionary[tuple[Resource, ...], Index] = WeakValueDictionary()


class Catalog:
    """The resources that a cluster serves for listing and watching, one version of each.

    ``gaps`` are what else there may be that could not be learned: why, by API group. ``problems``
    are the same and what was left out of groups that could be read, in one line each.
    """

    __slots__ = ("gaps", "index", "problems", "resources")

    def __init__(
        self,
        resources: Iterable[Resource],
        problems: Sequence[str] = (),
        gaps: Mapping[str, str] | None = None,
    ) -> None:
        self.problems = tuple(problems)
        self.gaps = gaps or {}
        by_name = {resource.name: resource for resource in resources}
        self.resources = tuple(by_name[name] for name in sorted(by_name))
        index = _indexes.get(self.resources)
        if index is None:
            index = _indexes[self.resources] = Index(self.resources)
        self.index = index

    def __len__(self) -> int:
        return len(self.resources)

    def get(self, name: str) -> Resource | None:
        """Return the resource called ``plural`` or ``plural.group``; None where there is none."""
        return self.index.by_name.get(name)

    def gap(self, name: str) -> str | None:
        """Return why it is not known whether there is a resource of this name; None where it is known."""
        if name in self.index.by_name:
            return None
        group = name.partition(".")[2]
        return self.gaps.get(group) or (self.gaps.get(EVERY_GROUP) if group else None)

    def with_crds(self, resources: Iterable[Resource], gone: Collection[str] = ()) -> "Catalog":
        """Return a catalog in which these resources replace those of their names; without those ``gone``."""
        kept = (resource for resource in self.resources if resource.name not in gone)
        return Catalog([*kept, *resources], self.problems, self.gaps)
