"""Answer lists: select the objects, as of a version, in pages."""

import base64
import binascii
from collections.abc import Mapping

import msgspec
import orjson

from app.simulator.apiserver.api_failures import ApiFailure, bad_option, expired, too_large
from app.simulator.apiserver.object_storage import Storage, StoredObject
from app.simulator.apiserver.registry import ServedResource
from app.simulator.apiserver.request_routes import whole_number
from app.simulator.apiserver.selector_match import Predicate, field_predicate, label_predicate
from app.simulator.seed.object_factory import Key

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results."
)


class ListScope(msgspec.Struct, frozen=True):
    """One resource, in one namespace or all ("")."""

    served: ServedResource
    namespace: str

    def key_matches(self, key: Key) -> bool:
        """Return whether an object with this key is in the scope."""
        return not self.namespace or key[0] == self.namespace


def selector_predicate(served: ServedResource, query: Mapping[str, str]) -> Predicate | None:
    """Return a test for the label and field selector of a request; None for everything. Raises ApiFailure."""
    labels = label_predicate(query.get("labelSelector", ""))
    fields = field_predicate(query.get("fieldSelector", ""), served.name)
    if labels is None or fields is None:
        return labels or fields
    return lambda obj: labels(obj) and fields(obj)


def list_body(storage: Storage, scope: ListScope, query: Mapping[str, str]) -> bytes:
    """Return the body of a list. Raises ApiFailure."""
    version, start = _version_and_start(storage, scope, query)
    limit = whole_number(query, "limit")
    if query.get("resourceVersion") == "0":
        # From the watch cache, which has always answered these whole.
        limit = 0
    objects = _at(storage, scope, version)
    matches = selector_predicate(scope.served, query)
    keys = sorted(key for key in objects if scope.key_matches(key) and key > start)
    if matches is not None:
        keys = [key for key in keys if matches(objects[key].obj)]
    page = keys[:limit] if limit else keys
    metadata: dict[str, object] = {"resourceVersion": str(version)}
    if len(page) < len(keys):
        metadata["continue"] = _token(scope, version, page[-1])
        if matches is None:
            metadata["remainingItemCount"] = len(keys) - len(page)
    return _document(scope.served, metadata, [objects[key] for key in page])


def _document(served: ServedResource, metadata: dict[str, object], objects: list[StoredObject]) -> bytes:
    kind, api_version = f"{served.kind}List", served.api_version
    if not served.typed:
        metadata.setdefault("continue", "")
        head = orjson.dumps({"apiVersion": api_version, "items": []})[:-2]
        tail = orjson.dumps({"kind": kind, "metadata": metadata}, option=orjson.OPT_SORT_KEYS)
        return head + b",".join([stored.json for stored in objects]) + b"]," + tail[1:]
    head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": []})[:-2]
    # Lists of built-in kinds say the kind once.
    cut = len(orjson.dumps(served.head))
    items = b",{".join([stored.json[cut:] for stored in objects])
    return head + (b"{" + items if objects else b"") + b"]}"


def _version_and_start(storage: Storage, scope: ListScope, query: Mapping[str, str]) -> tuple[int, Key]:
    """Return the version as of which to answer, and the key after which the page starts. Raises
    ApiFailure."""
    match = query.get("resourceVersionMatch", "")
    _check_match(match, query)
    token = query.get("continue", "")
    if token:
        if query.get("resourceVersion", "") not in ("", "0"):
            raise ApiFailure("BadRequest", "specifying resource version is not allowed when using continue")
        version, key = _read_token(scope, token)
        if version < 0:
            return storage.version, key
        if version < storage.compacted:
            raise ApiFailure("Expired", _TOO_OLD, {"continue": _token(scope, -1, key)})
        return version, key
    asked = whole_number(query, "resourceVersion") or 0
    if asked > storage.version:
        raise too_large(asked, storage.version)
    exact = match == "Exact" or (asked and not match and whole_number(query, "limit"))
    if not exact:
        return storage.version, ("", "")
    if asked < storage.compacted:
        raise expired(asked, storage.compacted)
    return asked, ("", "")


def _at(storage: Storage, scope: ListScope, version: int) -> dict[Key, StoredObject]:
    """Return the objects of a resource at a version: the present ones, with all later changes undone."""
    objects = storage.collection(scope.served.name)
    if version >= storage.version:
        return objects
    objects = {**objects}
    for change in reversed(storage.since(version)):
        if change.resource != scope.served.name:
            continue
        stored = change.new or change.before
        assert stored is not None
        key = (stored.obj["metadata"].get("namespace", ""), stored.obj["metadata"]["name"])
        if change.before is None:
            del objects[key]
        else:
            objects[key] = change.before
    return objects


def _check_match(match: str, query: Mapping[str, str]) -> None:
    version = query.get("resourceVersion", "")
    problem = ""
    if match and not version:
        problem = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif match not in ("", "Exact", "NotOlderThan"):
        problem = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
    elif match == "Exact" and version == "0":
        problem = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    if problem:
        raise bad_option("ListOptions", "resourceVersionMatch", problem)


def _token(scope: ListScope, version: int, key: Key) -> str:
    """As kube-apiserver writes them: where to start, below the prefix of the collection. The version -1
    goes on with what is there now."""
    path = key[1] if scope.namespace or not scope.served.namespaced else "/".join(key)
    token = orjson.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": f"{path}\0"})
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _read_token(scope: ListScope, text: str) -> tuple[int, Key]:
    try:
        token = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        version, start = int(token["rv"]), str(token["start"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        problem = "invalid continue token: continue key is not valid"
        raise ApiFailure("BadRequest", f"{problem}: {text!r}") from None
    namespace, _, name = start.rstrip("\0").rpartition("/")
    return version, (scope.namespace or namespace, name)
