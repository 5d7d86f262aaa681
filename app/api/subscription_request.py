"""From the parameters of a stream to a subscription, over whichever transport."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from app.api.http.problem import Problem
from app.api.http.query_parameters import wrong
from app.api.http.request_selection import OWN_WORDS, selecting
from app.fleet.cluster import Cluster
from app.fleet.coverage import resource_meant
from app.fleet.fleet import Fleet
from app.fleet.selection import Scope, Selection, SelectionParameters, choose_clusters, names_in, select
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.resource_names import UnknownResource
from app.streams.cursor import Cursor, CursorError
from app.streams.delivery import Start
from app.streams.scope import FrameOptions


class Subscription(msgspec.Struct, frozen=True):
    """What a stream shows, how it tells of that, and where it begins."""

    selection: Selection
    options: FrameOptions
    start: Start


def subscription(fleet: Fleet, scope: Scope, texts: Mapping[str, str], patience: float) -> Subscription:
    """Return what these parameters ask for; an empty one is one left out.

    ``patience`` is in seconds: how long first lists are waited for. Raises Problem.
    """
    parameters = SelectionParameters.of(texts)
    with selecting():
        choice = choose_clusters(fleet, scope, parameters.clusters)
    words = names_in(texts.get("resource", ""))
    if not words:
        raise Problem(400, "resource is missing; accepted are names of resources between commas")
    resources = [_resource(word, choice.clusters) for word in words]
    return subscription_to(resources, choice.names, parameters, texts, scope, patience)


def subscription_to(
    resources: Sequence[Resource | str],
    clusters: Collection[str] | None,
    parameters: SelectionParameters,
    texts: Mapping[str, str],
    scope: Scope,
    patience: float,
) -> Subscription:
    """Return the subscription to these resources in the clusters of these names (None: all).

    ``texts`` has the parameters that say how it is told, and from where on. Raises Problem.
    """
    with selecting():
        selection = select(parameters, resources, clusters, scope)
    try:
        cursor = Cursor.decode(texts["cursor"]) if texts.get("cursor") else None
    except CursorError as error:
        raise Problem(400, f"cursor: {error}") from None
    options = FrameOptions(
        fields=parameters.fields,
        delta=_choice(texts, "delta", ("none", "merge")) == "merge",
        every=_choice(texts, "history", ("latest", "full")) == "full",
        rows=_choice(texts, "shape", ("object", "table")) == "table",
    )
    if options.delta and options.rows:
        raise wrong("delta", "merge", "none with shape=table, of which no row has a patch")
    snapshot = _choice(texts, "initial", ("all", "none")) == "all"
    return Subscription(selection, options, Start(cursor, snapshot, patience))


def _resource(word: str, clusters: Sequence[Cluster]) -> Resource | str:
    """Return the resource that a word means; the word itself where no cluster serves it yet."""
    if word.lower() in OWN_WORDS:
        raise Problem(400, f"resource {word!r} cannot be streamed; with its group, it names a kind")
    with selecting():
        try:
            return resource_meant(word, clusters)
        except UnknownResource:
            return word.lower()


def _choice(texts: Mapping[str, str], name: str, accepted: Collection[str]) -> str:
    """Return the value of a parameter, the first that is accepted where it is left out. Raises Problem."""
    value = texts.get(name) or next(iter(accepted))
    if value not in accepted:
        raise wrong(name, value, ", ".join(accepted))
    return value
