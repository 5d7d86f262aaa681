"""From what a client asks to be told of to a subscription, over whichever transport."""

from collections.abc import Callable, Collection, Mapping

import msgspec

from app.api.door.callers import Caller
from app.api.http.problem import Problem
from app.api.http.query_parameters import fields_of, split, wrong
from app.api.http.request_selection import OWN_WORDS, chosen
from app.cache.query.queries import Query
from app.cache.query.query_errors import SelectorError
from app.fleet.fleet import Fleet
from app.kube.discovery.api_groups import WELL_KNOWN
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.resource_names import AmbiguousResource, UnknownResource, match
from app.streams.cursor import Cursor, CursorError
from app.streams.delivery import Start
from app.streams.scope import Subject


class Subscription(msgspec.Struct, frozen=True):
    subject: Subject
    query: Query
    start: Start


def subscribe(fleet: Fleet, caller: Caller, given: Mapping[str, str], patience: float) -> Subscription:
    """What these parameters ask for; an empty one is one left out. Raises Problem."""
    asked = caller.scope.permitted_clusters(split(given.get("cluster", "")) or None)
    clusters = chosen(fleet, caller, asked)
    words = split(given.get("resource", ""))
    if not words:
        raise Problem(400, "resource is missing; accepted are names of resources between commas")
    catalogs = [cluster.catalog for cluster in clusters] or [WELL_KNOWN]
    found = [_resource(word, lambda word: match(word, catalogs)) for word in words]
    namespaces = caller.scope.permitted_namespaces(split(given.get("namespace", "")) or None)
    # What is said of namespaces means nothing to what has none: the cursor of its list is for all.
    of_none = all(isinstance(each, Resource) and not each.namespaced for each in found)
    try:
        query = Query.parse(
            namespace=None if of_none else ",".join(namespaces or ()),
            label_selector=given.get("labelSelector"),
            field_selector=given.get("fieldSelector"),
            fields=fields_of(given, [each.name for each in found if isinstance(each, Resource)]),
        )
        cursor = Cursor.decode(given["cursor"]) if given.get("cursor") else None
    except SelectorError as error:
        raise Problem(400, str(error)) from None
    except CursorError as error:
        raise Problem(400, f"cursor: {error}") from None
    subject = Subject(
        tuple(sorted({each.name if isinstance(each, Resource) else each for each in found})),
        tuple(sorted(asked)) if asked is not None else None,
        fields=given.get("fields", ""),
        delta=_choice(given, "delta", ("none", "merge")) == "merge",
        every=_choice(given, "history", ("latest", "full")) == "full",
        rows=_choice(given, "shape", ("object", "table")) == "table",
    )
    if subject.delta and subject.rows:
        raise wrong("delta", "merge", "none with shape=table, of which no row has a patch")
    snapshot = _choice(given, "initial", ("all", "none")) == "all"
    return Subscription(subject, query, Start(cursor, snapshot, patience))


def _resource(word: str, find: Callable[[str], Resource]) -> Resource | str:
    """What a word means; the word itself where no cluster serves it yet."""
    if word.lower() in OWN_WORDS:
        raise Problem(400, f"resource {word!r} cannot be streamed; with its group, it names a kind")
    try:
        return find(word)
    except UnknownResource:
        return word.lower()
    except AmbiguousResource as error:
        raise Problem(409, str(error), resources=error.names) from None


def _choice(given: Mapping[str, str], name: str, accepted: Collection[str]) -> str:
    """The first of what is accepted where nothing is given."""
    value = given.get(name) or next(iter(accepted))
    if value not in accepted:
        raise wrong(name, value, ", ".join(accepted))
    return value
