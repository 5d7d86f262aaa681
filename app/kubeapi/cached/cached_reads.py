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
from app.kubeapi.cached.kube_request import CachedRead
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


async def is_current(request: web.Request, cluster: Cluster, read: CachedRead) -> bool:
    """Whether the cache may answer without the API server being asked, perhaps after waiting a little."""
    if not _is_served(cluster, read):
        return False
    if read.token is not None and read.token.list_id:
        return True
    live = cluster.condition_of(read.resource.name).state == "synced"
    if read.version is None and (request.app[SERVING].consistent_reads or not live):
        return False
    if read.stream is not None and not read.stream.initial:
        return live and await _reached(read) and _is_served(cluster, read)
    if cluster.written.pending(read.resource.name) and not await cluster.written.seen(read.resource.name):
        return False
    if not await _reached(read):
        return False
    # It may have ended meanwhile.
    return _is_served(cluster, read)


async def _reached(read: CachedRead) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await read.store.reached(read.version or 0)
    except TimeoutError:
        return False
    return True


def _is_served(cluster: Cluster, read: CachedRead) -> bool:
    """What is known of Secrets is not what they are; of one object, not who manages what of it."""
    options = cluster.options
    if options.redacts(read.resource):
        return False
    if read.name and read.shape == "json" and not options.managed_fields:
        return False
    # Of what cannot be read, the API server has all.
    return not read.store.unreadable and _is_held(cluster, read)


def _is_held(cluster: Cluster, read: CachedRead) -> bool:
    if cluster.watches.get(read.resource.name) is not read.watch or not read.store.version:
        return False
    if read.stream is not None and not read.stream.initial:
        return not read.version or read.store.exact.since(read.version) is not None
    return not read.name or _one(read) is not None


def can_stand_in(cluster: Cluster, read: CachedRead) -> bool:
    """Whether what is held is better than no answer, where the API server cannot be asked.

    A list or watch that silently lacks the objects that cannot be read is not.
    """
    if cluster.options.redacts(read.resource) or (read.store.unreadable and not read.name):
        return False
    return _is_held(cluster, read) and (read.version or 0) <= read.store.version


async def answer(
    request: web.Request, cluster: Cluster, read: CachedRead, *, stale: bool = False
) -> web.StreamResponse:
    """From the cache, as it is in this step of the event loop. Raises Problem."""
    headers = {
        hdrs.CONTENT_TYPE: "application/json",
        hdrs.CACHE_CONTROL: "no-cache, private",
        "X-Cache": "hit",
    }
    if stale:
        since = cluster.condition_of(read.resource.name).since
        headers["Warning"] = f'299 - "stale {max(time.time() - since, 0):.0f}s"'
    if read.stream is not None:
        columns = cluster.definitions.columns(read.resource)
        with request.app[STREAMS].held(request):
            cluster.watches.hold(read.resource.name)
            try:
                return await cached_watch.watch(request, read, read.stream, columns, headers)
            finally:
                cluster.watches.let_go(read.resource.name)
    if read.name:
        return await send(request, _object(cluster, read), headers)
    if read.query.fields is None and read.shape == "json":
        return await _answer_list(request, cluster, read, headers)
    with request.app[SCANS].held(request):
        return await _answer_list(request, cluster, read, headers)


async def _answer_list(
    request: web.Request, cluster: Cluster, read: CachedRead, headers: Mapping[str, str]
) -> web.StreamResponse:
    listed = await _list(request, cluster, read)
    length = cached_body.list_length(listed) if read.shape == "json" else None
    return await send(request, _body(read, listed), headers, length=length)


def _body(read: CachedRead, listed: Listed) -> Pieces:
    match read.shape:
        case "table":
            return cached_body.table(listed, read.included)
        case "metadata":
            return cached_body.metadata_list(listed)
    return cached_body.json_list(listed)


def _listed(
    cluster: Cluster, read: CachedRead, objects: Sequence[CachedObject], metadata: Mapping[str, Any]
) -> Listed:
    known, resource = cluster.definitions, read.resource
    return Listed(resource, known.list_kind(resource), objects, metadata, known.columns(resource))


def _object(cluster: Cluster, read: CachedRead) -> Pieces:
    found = _one(read)
    assert found is not None
    match read.shape:
        case "table":
            metadata = {"resourceVersion": str(found.version)}
            return cached_body.table(_listed(cluster, read, [found], metadata), read.included)
        case "metadata":
            return cached_body.metadata_object(found)
    return cached_body.json_object(found)


def _one(read: CachedRead) -> CachedObject | None:
    return read.store.get(key_of(read.namespace, read.name))


async def _list(request: web.Request, cluster: Cluster, read: CachedRead) -> Listed:
    """Raises Problem."""
    kept = request.app[list_pages.PAGES]
    list_id = read.token.list_id if read.token is not None else ""
    if read.token is not None and read.token.query != read.list_hash:
        raise Problem(400, "continue key is not valid: it belongs to another list")
    if list_id:
        known = kept.get(list_id)
        if known is None:
            assert read.token is not None
            raise Problem(410, _EXPIRED, metadata={"continue": read.token.elsewhere().encode()})
        objects, version = known.objects, known.version
    else:
        version = read.store.version
        objects = await selected(read)
    start = bisect_right(objects, read.token.start, key=_path_of) if read.token is not None else 0
    end = start + read.limit if read.limit else len(objects)
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if end < len(objects):
        list_id = list_id or kept.keep(objects, version)
        token = list_pages.PageToken(_path_of(objects[end - 1]), read.list_hash, list_id)
        metadata["continue"] = token.encode()
        if not read.has_selector:
            metadata["remainingItemCount"] = len(objects) - end
    page = objects[start:end] if start or end < len(objects) else objects
    return _listed(cluster, read, page, metadata)


def _path_of(found: CachedObject) -> str:
    return f"{found.namespace}/{found.name}"
