"""What a request asks to see, parsed once: lists, streams and each cluster's own API share it.

Nothing here knows the protocol that a request came by. Its texts are `SelectionParameters`; these, what the
caller may see (`Scope`) and the resources that are meant make a `Selection`.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from app.cache.query.queries import Query
from app.fleet.cluster import Cluster
from app.fleet.coverage import Coverage, introduced
from app.fleet.fleet import Fleet
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.resource_names import UnknownResource
from app.kube.wire.secret_redaction import REDACTED, SECRETS


class NotPermitted(Exception):
    """Nothing of what a caller asks for is in its scope. The message is one line and names what is."""


class Scope(msgspec.Struct, frozen=True):
    """The names of the clusters and of the namespaces that a caller may see. None means all."""

    clusters: frozenset[str] | None = None
    namespaces: frozenset[str] | None = None

    def permitted_clusters(self, names: Collection[str] | None) -> Collection[str] | None:
        """Return those of the clusters (None: all) that are in scope. Raises NotPermitted for none."""
        return _permitted("clusters", self.clusters, names)

    def permitted_namespaces(self, names: Collection[str] | None) -> Collection[str] | None:
        """Return those of the namespaces (None: all) that are in scope. Raises NotPermitted for none."""
        return _permitted("namespaces", self.namespaces, names)


def _permitted(
    what: str, permitted: frozenset[str] | None, names: Collection[str] | None
) -> Collection[str] | None:
    if permitted is None:
        return names
    both = permitted if names is None else permitted.intersection(names)
    if not both:
        raise NotPermitted(f"these {what} are not yours to see; you may see {', '.join(sorted(permitted))}")
    return both


class SelectionParameters(msgspec.Struct, frozen=True):
    """The texts of a request that say what it asks to see; an empty one is one left out.

    clusters, namespaces: names as they were given, None for all. fields: the paths that objects are cut
    down to. The others are in the grammars of `app.cache.query`.
    """

    clusters: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    label_selector: str = ""
    field_selector: str = ""
    fields: str = ""
    sort: str = ""
    limit: str = ""
    continue_: str = ""

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> "SelectionParameters":
        """Read the parameters by their names in URLs and messages; lists of names have commas."""
        return cls(
            clusters=tuple(names_in(texts.get("cluster", ""))) or None,
            namespaces=tuple(names_in(texts.get("namespace", ""))) or None,
            label_selector=texts.get("labelSelector", ""),
            field_selector=texts.get("fieldSelector", ""),
            fields=texts.get("fields", ""),
            sort=texts.get("sort", ""),
            limit=texts.get("limit", ""),
            continue_=texts.get("continue", ""),
        )


def names_in(text: str) -> list[str]:
    """Return the names between commas, without blanks around them."""
    return [name.strip() for name in text.split(",") if name.strip()]


class ClusterChoice(msgspec.Struct, frozen=True):
    """The clusters that a request is about.

    names: those that it names and its caller may see, None for all that there are, now and later.
    clusters: those of them that there are, in the order of their names.
    """

    names: Collection[str] | None
    clusters: Sequence[Cluster]


def choose_clusters(fleet: Fleet, scope: Scope, names: Collection[str] | None) -> ClusterChoice:
    """Return the clusters of these names (None: all) that are in scope.

    Raises NotPermitted and UnknownCluster.
    """
    permitted = scope.permitted_clusters(names)
    return ClusterChoice(permitted, fleet.chosen(permitted))


class Selection(msgspec.Struct, frozen=True):
    """What a caller is to see: the objects of some resources, in some clusters, that match a query.

    clusters: sorted names, None for all that there are, now and later. resources: sorted full names; a
    word that no cluster serves yet stays as it was written. query: namespaces, selectors, order, page
    and projection.
    """

    clusters: tuple[str, ...] | None
    resources: tuple[str, ...]
    query: Query


def select(
    parameters: SelectionParameters,
    resources: Sequence[Resource | str],
    clusters: Collection[str] | None,
    scope: Scope,
) -> Selection:
    """Return the selection of these resources in the clusters of these names (None: all).

    What is said of namespaces means nothing to resources that are in none. Raises NotPermitted and
    SelectorError.
    """
    namespaces = scope.permitted_namespaces(parameters.namespaces)
    served = [resource for resource in resources if isinstance(resource, Resource)]
    if len(served) == len(resources) and not any(resource.namespaced for resource in served):
        namespaces = None
    names = [resource if isinstance(resource, str) else resource.name for resource in resources]
    bound = [*names, sorted(parameters.clusters or ())]
    query = Query.parse(
        namespaces=namespaces,
        label_selector=parameters.label_selector,
        field_selector=parameters.field_selector,
        sort=parameters.sort,
        limit=parameters.limit,
        continue_=parameters.continue_,
        fields=_with_redaction_mark(parameters.fields, served),
        scope=msgspec.json.encode(bound).decode(),
    )
    return Selection(
        tuple(sorted(clusters)) if clusters is not None else None, tuple(sorted(set(names))), query
    )


async def cover(
    fleet: Fleet, scope: Scope, names: Collection[str] | None, word: str, patience: float
) -> tuple[ClusterChoice, Coverage]:
    """Return the clusters of these names (None: all), and the resource that ``word`` means over them.

    Clusters that began less than ``patience`` seconds ago are waited for where none of them is known to
    serve it. Raises NotPermitted, UnknownCluster, UnknownResource and AmbiguousResource.
    """
    choice = choose_clusters(fleet, scope, names)
    try:
        return choice, fleet.coverage(word, choice.clusters)
    except UnknownResource:
        await introduced(choice.clusters, patience)
    # They may have come and gone meanwhile.
    choice = choose_clusters(fleet, scope, names)
    return choice, fleet.coverage(word, choice.clusters)


async def select_resource(
    fleet: Fleet, scope: Scope, parameters: SelectionParameters, word: str, patience: float
) -> tuple[Selection, Coverage]:
    """Return what these parameters select of the resource that ``word`` means, and what covers it.

    Waits and raises as `cover` and `select`.
    """
    choice, coverage = await cover(fleet, scope, parameters.clusters, word, patience)
    return select(parameters, [coverage.resource], choice.names, scope), coverage


def _with_redaction_mark(fields: str, resources: Sequence[Resource]) -> str:
    """Return the paths of a projection; of a Secret, what tells that it is redacted is kept as well."""
    if fields and any(resource.name == SECRETS for resource in resources):
        return f"{fields},metadata.annotations['{REDACTED}']"
    return fields
