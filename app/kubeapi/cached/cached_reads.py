"""Answers reads of a cluster's own API from the cache, where that is right."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import hdrs, web

from app.api.door.quotas import SCANS, STREAMS
from app.api.http.app_keys import SERVING
from app.api.http.body_sender import send
from app.api.http.problem import Problem
from app.api.http.rendering import Pieces
from app.cache.objects import CachedObject, key_of
from app.fleet.cluster import Cluster
from app.kubeapi.cached import cached_body, cached_watch, list_pages
from app.kubeapi.cached.cached_body import Listed
from app.kubeapi.cached.kube_request import Ask
from app.kubeapi.cached.store_selection import selected

# How long a version that is newer than the cache may take to arrive.
PATIENCE_SECONDS = 1.0
_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


async def is_current(request: web.Request, cluster: Cluster, ask: Ask) -> bool:
    """Whether the cache may answer without the API server being asked, perhaps after waiting a little."""
    if not _is_served(cluster, ask):
        return False
    if ask.token is not None and ask.token.list_id:
        return True
    live = cluster.condition_of(ask.resource.name).state == "synced"
    if ask.version is None and (request.app[SERVING].consistent_reads or not live):
        return False
    if ask.stream is not None and not ask.stream.initial:
        return live and await _reached(ask) and _is_served(cluster, ask)
    if cluster.written.pending(ask.resource.name) and not await cluster.written.seen(ask.resource.name):
        return False
    if not await _reached(ask):
        return False
    # It may have ended meanwhile.
    return _is_served(cluster, ask)


async def _reached(ask: Ask) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await ask.store.reached(ask.version or 0)
    except TimeoutError:
        return False
    return True


def _is_served(cluster: Cluster, ask: Ask) -> bool:
    """What is known of Secrets is not what they are; of one object, not who manages what of it."""
    options = cluster.options
    if ask.resource.name == "secrets" and not options.secret_values:
        return False
    if ask.name and ask.shape == "json" and not options.managed_fields:
        return False
    # Of what cannot be read, the API server has all.
    return not ask.store.unreadable and _is_held(cluster, ask)


def _is_held(cluster: Cluster, ask: Ask) -> bool:
    if cluster.watches.get(ask.resource.name) is not ask.watch or not ask.store.version:
        return False
    if ask.stream is not None and not ask.stream.initial:
        return not ask.version or ask.store.exact.since(ask.version) is not None
    return not ask.name or _one(ask) is not None


def can_stand_in(cluster: Cluster, ask: Ask) -> bool:
    """Whether what is held is better than no answer, where the API server cannot be asked."""
    if ask.resource.name == "secrets" and not cluster.options.secret_values:
        return False
    return _is_held(cluster, ask) and (ask.version or 0) <= ask.store.version


async def answer(
    request: web.Request, cluster: Cluster, ask: Ask, *, stale: bool = False
) -> web.StreamResponse:
    """From the cache, as it is in this step of the event loop. Raises Problem."""
    headers = {
        hdrs.CONTENT_TYPE: "application/json",
        hdrs.CACHE_CONTROL: "no-cache, private",
        "X-Cache": "hit",
    }
    if stale:
        since = cluster.condition_of(ask.resource.name).since
        headers["Warning"] = f'299 - "stale {max(time.time() - since, 0):.0f}s"'
    if ask.stream is not None:
        columns = cluster.definitions.columns(ask.resource)
        with request.app[STREAMS].held(request):
            cluster.watches.hold(ask.resource.name)
            try:
                return await cached_watch.watch(request, ask, ask.stream, columns, headers)
            finally:
                cluster.watches.let_go(ask.resource.name)
    if ask.name:
        return await send(request, _object(cluster, ask), headers)
    if ask.fields is None and ask.shape == "json":
        return await _answer_list(request, cluster, ask, headers)
    with request.app[SCANS].held(request):
        return await _answer_list(request, cluster, ask, headers)


async def _answer_list(
    request: web.Request, cluster: Cluster, ask: Ask, headers: Mapping[str, str]
) -> web.StreamResponse:
    listed = await _list(request, cluster, ask)
    length = cached_body.list_length(listed) if ask.shape == "json" else None
    return await send(request, _body(ask, listed), headers, length=length)


def _body(ask: Ask, listed: Listed) -> Pieces:
    match ask.shape:
        case "table":
            return cached_body.table(listed, ask.included)
        case "metadata":
            return cached_body.metadata_list(listed)
    return cached_body.json_list(listed)


def _listed(
    cluster: Cluster, ask: Ask, objects: Sequence[CachedObject], metadata: Mapping[str, Any]
) -> Listed:
    known, resource = cluster.definitions, ask.resource
    return Listed(resource, known.list_kind(resource), objects, metadata, known.columns(resource))


def _object(cluster: Cluster, ask: Ask) -> Pieces:
    found = _one(ask)
    assert found is not None
    match ask.shape:
        case "table":
            metadata = {"resourceVersion": str(found.version)}
            return cached_body.table(_listed(cluster, ask, [found], metadata), ask.included)
        case "metadata":
            return cached_body.metadata_object(found)
    return cached_body.json_object(found)


def _one(ask: Ask) -> CachedObject | None:
    return ask.store.get(key_of(ask.namespace, ask.name))


async def _list(request: web.Request, cluster: Cluster, ask: Ask) -> Listed:
    """Raises Problem."""
    kept = request.app[list_pages.PAGES]
    list_id = ask.token.list_id if ask.token is not None else ""
    if ask.token is not None and ask.token.query != ask.query:
        raise Problem(400, "continue key is not valid: it belongs to another list")
    if list_id:
        known = kept.get(list_id)
        if known is None:
            assert ask.token is not None
            raise Problem(410, _EXPIRED, metadata={"continue": ask.token.elsewhere().encode()})
        objects, version = known.objects, known.version
    else:
        version = ask.store.version
        objects = await selected(ask)
    start = bisect_right(objects, ask.token.start, key=_path_of) if ask.token is not None else 0
    end = start + ask.limit if ask.limit else len(objects)
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if end < len(objects):
        list_id = list_id or kept.keep(objects, version)
        metadata["continue"] = list_pages.Token(_path_of(objects[end - 1]), ask.query, list_id).encode()
        if not ask.selects:
            metadata["remainingItemCount"] = len(objects) - end
    page = objects[start:end] if start or end < len(objects) else objects
    return _listed(cluster, ask, page, metadata)


def _path_of(found: CachedObject) -> str:
    return f"{found.namespace}/{found.name}"
