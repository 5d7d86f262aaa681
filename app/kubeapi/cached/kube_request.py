"""A read of a cluster's own API, taken apart: what the cache would have to answer."""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec
from aiohttp import hdrs, web

from app.api.door.callers import CALLER
from app.api.http.negotiation import header_text
from app.api.http.request_selection import selecting
from app.cache.objects import CachedObject
from app.cache.query.queries import Query
from app.cache.query.query_errors import SelectorError
from app.cache.store import Store
from app.fleet.cluster import Cluster
from app.fleet.resource_watch import ResourceWatch
from app.fleet.selection import Selection, SelectionParameters, select
from app.kube.discovery.api_resource import Resource
from app.kubeapi.cached import list_pages, supported_fields
from app.kubeapi.cached.accept import Shape, shape_of
from app.kubeapi.request_line import Target

# Whatever else is asked (pretty, say) is the API server's to understand.
_UNDERSTOOD = frozenset(
    {
        "allowWatchBookmarks",
        "continue",
        "fieldSelector",
        "includeObject",
        "labelSelector",
        "limit",
        "resourceVersion",
        "resourceVersionMatch",
        "sendInitialEvents",
        "timeout",
        "timeoutSeconds",
        "watch",
    }
)
_INCLUDED = ("", "Metadata", "Object", "None")
_ONLY_LISTS = frozenset({"continue", "fieldSelector", "labelSelector", "limit", "resourceVersionMatch"})
# The tables are those of this version, and of what a definition of the cluster describes.
TABLES_OF = "v1.37."


class WatchOptions(msgspec.Struct, frozen=True):
    """What a watch is to bring besides changes: ``initial``, what there is, with a bookmark that
    ends it where that is ``marked``; ``bookmarks`` later on. ``seconds`` is how long it lasts."""

    initial: bool
    marked: bool
    bookmarks: bool
    seconds: float | None


class CachedRead(msgspec.Struct, frozen=True):
    """A list, or with a ``name`` one object, or with a ``stream`` a watch, as the cache may answer it.

    selection: the namespace and the selectors, of one resource in one cluster. store: holds all of that,
    as long as ``watch`` keeps it up to date. namespace: "" for all, and for what is in none. version: None
    asks for the latest state, 0 for any, else for one that is not older; a watch that does not begin with
    what there is begins after just that one. limit: objects a page, 0 for all. list_hash: of path and
    selectors, which pages of one list have in common.
    """

    selection: Selection
    resource: Resource
    watch: ResourceWatch
    store: Store
    namespace: str
    name: str
    shape: Shape
    included: str
    version: int | None
    limit: int
    token: list_pages.PageToken | None
    list_hash: str
    stream: WatchOptions | None = None

    @property
    def query(self) -> Query:
        """The namespace and the selectors."""
        return self.selection.query

    @property
    def has_selector(self) -> bool:
        """Whether labels or fields decide what is listed."""
        return self.query.labels is not None or self.query.fields is not None

    def matches(self, found: CachedObject | None) -> bool:
        """Whether it is one of those that are asked for; None never is."""
        return found is not None and self.selection.query.matches(found, self.store.cluster)


def resource_of(cluster: Cluster, target: Target) -> Resource | None:
    """Return the resource that a path names, where it can be watched, in the version that is watched."""
    info = target.info
    resource = cluster.catalog.get(info.qualified)
    if resource is None or resource.version != info.version:
        return None
    return resource


def cached_read(
    request: web.Request, cluster: Cluster, target: Target, resource: Resource
) -> CachedRead | None:
    """Return the read that a request asks for; None where the cache cannot know the API server's answer.

    Raises Problem (403).
    """
    info, given = target.info, target.parameters
    watch = cluster.watches.get(resource.name)
    store = _store(watch, resource, info.namespace) if watch is not None else None
    if watch is None or store is None or not _is_understood(target, resource):
        return None
    many = not info.name and not target.is_watch
    shape = shape_of(header_text(request, hdrs.ACCEPT), many=many)
    if shape is None or (shape == "table" and not _knows_table(cluster, resource)):
        return None
    selection = _selection(request, cluster, target, resource)
    if selection is None:
        return None
    version, limit = _number(given.get("resourceVersion")), _number(given.get("limit")) or 0
    token = list_pages.decode(given["continue"]) if given.get("continue") else None
    stream = _stream(given, version) if target.is_watch else None
    fits = stream is not None if target.is_watch else _is_plain_list(given, version, limit, token)
    if not fits:
        return None
    listed = (target.path, given.get("labelSelector", ""), given.get("fieldSelector", ""))
    return CachedRead(
        selection,
        resource,
        watch,
        store,
        info.namespace if resource.namespaced else "",
        info.name,
        shape,
        given.get("includeObject", "") or "Metadata",
        version,
        # With any version, kube-apiserver does not page either.
        0 if version == 0 and token is None else limit,
        token,
        blake2b(msgspec.json.encode(listed), digest_size=6).hexdigest(),
        stream,
    )


def _selection(
    request: web.Request, cluster: Cluster, target: Target, resource: Resource
) -> Selection | None:
    """Return the namespace and the selectors of a request; None where only the API server understands them.

    Raises Problem (403).
    """
    given, namespace = target.parameters, target.info.namespace
    parameters = SelectionParameters(
        clusters=(cluster.name,),
        namespaces=(namespace,) if namespace else None,
        label_selector=given.get("labelSelector", ""),
        field_selector=given.get("fieldSelector", ""),
    )
    with selecting():
        try:
            selection = select(parameters, [resource], (cluster.name,), request[CALLER].scope)
        except SelectorError:
            return None
    supported = supported_fields.are_supported(
        parameters.field_selector, selection.query.fields, resource.name, namespaced=resource.namespaced
    )
    return selection if supported else None


def _is_understood(target: Target, resource: Resource) -> bool:
    """Whether path and query are of a shape that leaves no question."""
    info, given = target.info, target.parameters
    if (
        target.path.endswith("/")
        or not target.is_read_alike
        or info.subresource
        or info.prefix
        or len(set(given)) != len(given)
        or not _UNDERSTOOD.issuperset(given)
    ):
        return False
    if info.name and (target.is_watch or _ONLY_LISTS.intersection(given)):
        return False
    if info.name and resource.namespaced and not info.namespace:
        return False
    numbers = ("limit", "resourceVersion", "timeoutSeconds")
    readable = all(_number(given[name]) is not None for name in numbers if given.get(name))
    return readable and given.get("includeObject", "") in _INCLUDED


def _is_plain_list(
    given: Mapping[str, str], version: int | None, limit: int, token: list_pages.PageToken | None
) -> bool:
    """Whether version, limit and continue go together in a way that needs no API server."""
    if given.get("sendInitialEvents"):
        return False
    if given.get("continue"):
        return token is not None and not version and not given.get("resourceVersionMatch")
    match given.get("resourceVersionMatch", ""):
        case "":
            # Of a version with a limit is meant exactly that one.
            return not (version and limit)
        case "NotOlderThan":
            return version is not None
    return False


def _stream(given: Mapping[str, str], version: int | None) -> WatchOptions | None:
    """What a watch asks for; None where that is for the API server to refuse."""
    if given.get("limit") or given.get("continue"):
        return None
    match given.get("sendInitialEvents", ""), given.get("resourceVersionMatch", ""):
        case "", "":
            initial, marked = not version, False
        case (("true" | "1"), "NotOlderThan"):
            initial, marked = True, True
        case (("false" | "0"), "NotOlderThan"):
            initial, marked = False, False
        case _:
            return None
    seconds = _number(given.get("timeoutSeconds"))
    bookmarks = given.get("allowWatchBookmarks", "0").lower() not in ("0", "false")
    return WatchOptions(initial, marked and bookmarks, bookmarks, float(seconds) if seconds else None)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 19 else None


def _store(watch: ResourceWatch, resource: Resource, namespace: str) -> Store | None:
    """The one that holds all that is asked for."""
    if namespace and not resource.namespaced and resource.name != "namespaces":
        return None
    return next((store for store in watch.stores if store.namespace in (None, namespace or "\0")), None)


def _knows_table(cluster: Cluster, resource: Resource) -> bool:
    if cluster.definitions.columns(resource) is not None:
        return True
    return (cluster.version or "").startswith(TABLES_OF)
