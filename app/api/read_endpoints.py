"""Fleet reads: lists of a resource across clusters, and one object wherever it is."""

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace

from app.api import http_streams
from app.api.door.callers import CALLER
from app.api.door.quotas import SCANS
from app.api.http import etags, rendering
from app.api.http.app_keys import FLEET
from app.api.http.body_sender import send
from app.api.http.negotiation import choose_format, media_type
from app.api.http.not_found import not_found
from app.api.http.problem import Problem
from app.api.http.query_parameters import flag, wrong
from app.api.http.rendering import Listing
from app.api.http.request_selection import caught_up, joined, resource_named, selected, selecting, statuses
from app.api.write.write_request import name_of, namespace_of, targets
from app.cache.cluster_member import without_own
from app.cache.event_times import LAST_SEEN
from app.cache.objects import SEPARATOR, CachedObject
from app.cache.query.queries import Query, run
from app.cache.store import Store
from app.fleet.coverage import Coverage
from app.fleet.selection import SelectionParameters, select
from app.fleet.watch_status import ClusterStatus
from app.streams.store_positions import cursor_of

# Clients do not read header lines longer than 8 KB.
LONGEST_HEADER = 6 * 1024
# These show how old things are, and change with every second.
AGEING = frozenset({"table", "wide"})
# These are made of what is decoded.
DECODED = AGEING | {"yaml"}

EVENTS = "events"
EVENTS_SORT = f"['{LAST_SEEN}'],metadata.creationTimestamp,cluster,metadata.name"


async def list_objects(request: web.Request) -> web.StreamResponse:
    """Answer ``GET /{resource}``: a list, or a stream with ``watch=1``. Raises Problem."""
    if flag(request, "watch"):
        return await http_streams.watch(request)
    for name in ("cursor", "initial", "history", "delta", "shape"):
        if name in request.query:
            raise wrong(name, request.query[name], "that only with watch=1")
    selection, coverage = await selected(request)
    return await answer_list(request, coverage, selection.query)


async def list_events(request: web.Request) -> web.StreamResponse:
    """The events of one object, the latest last."""
    where = targets(request)
    resource = await resource_named(request, where.clusters)
    namespace = namespace_of(request, resource)
    about = {"kind": resource.kind, "name": name_of(request)}
    if namespace:
        about["namespace"] = namespace
    selector = ",".join(f"involvedObject.{key}={_literal(value)}" for key, value in about.items())
    given = SelectionParameters.of(joined(request.query))
    parameters = replace(given, field_selector=selector, sort=given.sort or EVENTS_SORT)
    names = [cluster.name for cluster in where.clusters]
    with selecting():
        coverage = request.app[FLEET].coverage(EVENTS, where.clusters)
        selection = select(parameters, [coverage.resource], names, request[CALLER].scope)
    return await answer_list(request, coverage, selection.query)


async def answer_list(request: web.Request, coverage: Coverage, query: Query) -> web.StreamResponse:
    """What a query finds now, in the format that is asked for. Raises Problem."""
    form = choose_format(request)
    if not _looks_into_objects(query, form):
        return await _answer_list(request, coverage, query, form)
    with request.app[SCANS].held(request):
        return await _answer_list(request, coverage, query, form)


def _looks_into_objects(query: Query, form: str) -> bool:
    return bool(query.fields or query.order.keys or query.projection) or form in DECODED


async def _answer_list(
    request: web.Request, coverage: Coverage, query: Query, form: str
) -> web.StreamResponse:
    late = await caught_up(request, coverage)
    # From here to where the query suspends is one step of the event loop: all of it agrees.
    known = statuses(coverage, late)
    stores = coverage.stores
    cursor = query.cursor or cursor_of(coverage, query.signature, request.app[FLEET].maker).encode()
    headers = _headers(request, form, cursor, known, stores)
    if etags.is_known(request, headers[hdrs.ETAG]):
        return web.Response(status=304, headers=headers)
    result = await run(query, stores)
    listing = Listing(
        coverage.resource,
        cursor,
        known,
        [(store.cluster, found) for store, found in result.runs],
        continue_=query.continue_after(result.last, cursor) if result.last is not None else None,
        remaining=result.remaining or None,
        tail_of=_tail_of(query, stores),
        printer_columns=_printer_columns(coverage),
    )
    if listing.continue_:
        headers["X-Continue"] = listing.continue_
    length = rendering.json_length(listing) if form == "json" else None
    return await send(request, rendering.LISTS[form](listing), headers, length=length)


async def get_object(request: web.Request) -> web.StreamResponse:
    """Answer ``GET /{resource}/{name}``: one object, wherever it is. Raises Problem."""
    form = choose_format(request)
    selection, coverage = await selected(request)
    query = selection.query
    late = await caught_up(request, coverage)
    known = statuses(coverage, late)
    places = _places(coverage, query.namespaces, request.match_info["name"])
    if len(places) != 1:
        raise await _not_one(request, coverage, places, known, query.namespaces)
    ((store, found),) = places
    cursor = cursor_of(coverage, query.signature, request.app[FLEET].maker).encode()
    headers = _headers(request, form, cursor, known, [store])
    if etags.is_known(request, headers[hdrs.ETAG]):
        return web.Response(status=304, headers=headers)
    listing = Listing(
        coverage.resource,
        cursor,
        known,
        [(store.cluster, [found])],
        tail_of=_tail_of(query, [store]),
        printer_columns=_printer_columns(coverage),
    )
    return await send(request, rendering.OBJECTS[form](listing), headers)


def _tail_of(query: Query, stores: Sequence[Store]) -> Callable[[CachedObject], bytes] | None:
    """What is shown of an object; None where it is all that is held."""
    if query.projection is not None:
        return query.projection.tail
    return _without_own if any(store.own_cluster for store in stores) else None


def _without_own(found: CachedObject) -> bytes:
    return without_own(found.tail)


def _literal(value: str) -> str:
    """A value as it is, in a field selector."""
    return re.sub(r"([\\,=!~<>])", r"\\\1", value)


def _printer_columns(coverage: Coverage) -> Sequence[Mapping[str, Any]] | None:
    """Those of the first cluster that defines the resource; clusters may differ, a table has but one head."""
    defined = (cluster.definitions.columns(coverage.resource) for cluster in coverage.clusters)
    return next((columns for columns in defined if columns is not None), None)


def _headers(
    request: web.Request,
    form: str,
    cursor: str,
    known: Sequence[ClusterStatus],
    stores: Sequence[Store],
) -> dict[str, str]:
    age = f" {time.time():.0f}" if form in AGEING else ""
    headers = {
        hdrs.CONTENT_TYPE: media_type(form),
        hdrs.CACHE_CONTROL: "private, no-cache",
        hdrs.ETAG: etags.tag(request, form + age, stores, known),
        "X-Cursor": cursor,
    }
    behind = [f"{status.name}={status.state}" for status in known if status.state != "synced"]
    if behind:
        headers["X-Clusters"] = shortened(behind)
    return headers


def shortened(entries: Sequence[str]) -> str:
    """Return entries between commas, cut to LONGEST_HEADER bytes."""
    text = ",".join(entries)
    return text if len(text) <= LONGEST_HEADER else text[:LONGEST_HEADER].rpartition(",")[0] + ",..."


def _places(
    coverage: Coverage, namespaces: Collection[str] | None, name: str
) -> list[tuple[Store, CachedObject]]:
    """Where there is an object of this name."""
    if not coverage.resource.namespaced:
        namespaces = [""]
    return [(store, found) for store in coverage.stores for found in store.named(name, namespaces)]


def _unreadable(coverage: Coverage, namespaces: Collection[str] | None, name: str) -> list[str]:
    """The clusters that have an object of this name which cannot be read."""
    keys = [
        (store.cluster, *key.partition(SEPARATOR)) for store in coverage.stores for key in store.unreadable
    ]
    if not coverage.resource.namespaced:
        namespaces = None
    return sorted(
        {
            cluster
            for cluster, namespace, _, named in keys
            if named == name and (namespaces is None or namespace in namespaces)
        }
    )


async def _not_one(
    request: web.Request,
    coverage: Coverage,
    places: Sequence[tuple[Store, CachedObject]],
    known: Sequence[ClusterStatus],
    namespaces: Collection[str] | None,
) -> Problem:
    name = request.match_info["name"]
    if places:
        named = [
            {"cluster": store.cluster, "namespace": found.namespace or None, "name": found.name}
            for store, found in places
        ]
        what = f"{len(named)} {coverage.resource.name} {name!r}"
        return Problem(409, f"there are {what}; cluster= and namespace= choose one", places=named)
    clusters = msgspec.to_builtins(known)
    if spoilt := _unreadable(coverage, namespaces, name):
        what = f"{coverage.resource.name} {name!r} of {', '.join(spoilt)}"
        return Problem(502, f"{what} cannot be read; the log says why", clusters=clusters)
    behind = [status.name for status in known if status.state != "synced"]
    detail = await not_found(request, coverage.resource, name, coverage.clusters, namespaces, unsure=behind)
    if behind:
        return Problem(503, detail, clusters=clusters)
    return Problem(404, detail)
