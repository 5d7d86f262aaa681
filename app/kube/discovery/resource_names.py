"""Resources by the words for them: plural, singular, short name or kind, any case, with or without group."""

import difflib
from collections.abc import Iterable, Sequence

from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import Catalog, Index

_FIRST = ("", "apps")
_SUPERSEDED = "extensions"


class UnknownResource(LookupError):
    """No cluster in scope has a resource of this name; ``near`` are names that are spelled similarly."""

    def __init__(self, word: str, near: Sequence[str]) -> None:
        hint = f"; near to it are {', '.join(near)}" if near else ""
        super().__init__(f"no cluster has a resource {word!r}{hint}")
        self.near = tuple(near)


class AmbiguousResource(LookupError):
    """The word names several resources; ``names`` are theirs, with their groups."""

    def __init__(self, word: str, names: Sequence[str]) -> None:
        super().__init__(f"resource {word!r} is one of {', '.join(names)}: name its group as well")
        self.names = tuple(names)


def match(word: str, catalogs: Iterable[Catalog]) -> Resource:
    """Return the resource that a word means, as the first catalog that has it describes it.

    The core group and then apps win over other groups, full names over short ones. A
    group may be cut short (``certificates.cert-manager``) where that is unambiguous, as
    kubectl has it. Raises UnknownResource and AmbiguousResource.
    """
    indexes = list(dict.fromkeys(catalog.index for catalog in catalogs))
    called, _, group = word.lower().partition(".")
    candidates: dict[str, Resource] = {}
    for index in indexes:
        for resource in index.named(called):
            candidates.setdefault(resource.name, resource)
    chosen = _chosen(called, group, list(candidates.values()))
    if not chosen:
        raise UnknownResource(word, _near(word.lower(), indexes))
    if len(chosen) > 1:
        raise AmbiguousResource(word, sorted(resource.name for resource in chosen))
    return chosen[0]


def _chosen(called: str, group: str, candidates: list[Resource]) -> list[Resource]:
    if group:
        exact = [resource for resource in candidates if resource.group == group]
        return exact or [resource for resource in candidates if resource.group.startswith(group)]
    for first in _FIRST:
        ours = [resource for resource in candidates if resource.group == first]
        if ours:
            return _by_full_name(called, ours)
    # What extensions still serves in 1.20 and 1.21 are the objects of networking.k8s.io.
    current = [resource for resource in candidates if resource.group != _SUPERSEDED]
    return _by_full_name(called, current or candidates)


def _by_full_name(called: str, candidates: list[Resource]) -> list[Resource]:
    full = [
        resource
        for resource in candidates
        if called in (resource.plural.lower(), resource.singular.lower(), resource.kind.lower())
    ]
    return full or candidates


def _near(word: str, indexes: Sequence[Index]) -> list[str]:
    """Return names that are spelled similarly, at most one for a resource."""
    words: dict[str, str] = {}
    for index in indexes:
        for called in (index.full, index.short):
            for name, resources in called.items():
                words.setdefault(name, resources[0].name)
        for name in index.by_name:
            words.setdefault(name, name)
    near = difflib.get_close_matches(word, words, n=8, cutoff=0.7)
    near += difflib.get_close_matches(word.partition(".")[0], words, n=8, cutoff=0.7)
    return list(dict.fromkeys(words[name] for name in near))[:3]
