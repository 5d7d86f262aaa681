"""Lists: which objects, as of which version, in which pages."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.demo.failures import Failure, expired, too_large
from app.demo.registry import Served
from app.demo.selection import Predicate, field_predicate, label_predicate
from app.demo.storage import Key, Storage, Stored


@dataclass(frozen=True)
class Scope:
    """One resource, in one namespace or all ("")."""

    served: Served
    namespace: str

    def key_matches(self, key: Key) -> bool:
        return not self.namespace or key[0] == self.namespace


def selection(query: Mapping[str, str]) -> Predicate | None:
    """What the two selectors of a request match together; None for everything."""
    labels = label_predicate(query.get("labelSelector", ""))
    fields = field_predicate(query.get("fieldSelector", ""))
    if labels is None or fields is None:
        return labels or fields
    return lambda obj: labels(obj) and fields(obj)


def answer(storage: Storage, scope: Scope, query: Mapping[str, str]) -> bytes:
    """The body of a list. Raises Failure."""
    version, start = _version_and_start(storage, query)
    limit = _number(query, "limit")
    if query.get("resourceVersion") == "0":
        # From the watch cache, which has always answered these whole.
        limit = 0
    objects = _at(storage, scope, version)
    matches = selection(query)
    keys = sorted(key for key in objects if scope.key_matches(key) and key > start)
    if matches is not None:
        keys = [key for key in keys if matches(objects[key].obj)]
    page = keys[:limit] if limit else keys
    metadata: dict[str, object] = {"resourceVersion": str(version)}
    if len(page) < len(keys):
        metadata["continue"] = _token(version, page[-1])
        if matches is None:
            metadata["remainingItemCount"] = len(keys) - len(page)
    return _document(scope.served, metadata, [objects[key] for key in page])


def item_prefix(served: Served) -> bytes:
    """What the JSON of every stored object of this resource begins with."""
    return orjson.dumps({"kind": served.kind, "apiVersion": served.api_version})[:-1] + b","


def _document(served: Served, metadata: dict[str, object], objects: list[Stored]) -> bytes:
    head = orjson.dumps(
        {"kind": f"{served.kind}List", "apiVersion": served.api_version, "metadata": metadata, "items": []}
    )
    # Lists of built-in kinds say the kind once.
    cut = len(item_prefix(served)) if served.typed else 1
    items = b",{".join([stored.json[cut:] for stored in objects])
    return head[:-2] + (b"{" + items if objects else b"") + b"]}"


def _version_and_start(storage: Storage, query: Mapping[str, str]) -> tuple[int, Key]:
    """As of which version to answer, and after which key."""
    token = query.get("continue", "")
    if token:
        if query.get("resourceVersion", "") not in ("", "0"):
            raise Failure("BadRequest", "specifying resource version is not allowed when using continue")
        version, key = _read_token(token)
        if version < storage.compacted:
            raise Failure(
                "Expired", "The provided continue parameter is too old to display a consistent list result."
            )
        return version, key
    asked = _number(query, "resourceVersion")
    match = query.get("resourceVersionMatch", "")
    if match and not query.get("resourceVersion"):
        raise Failure("Invalid", "resourceVersionMatch is forbidden unless resourceVersion is provided")
    if asked > storage.version:
        raise too_large(asked, storage.version)
    exact = match == "Exact" or (asked and not match and _number(query, "limit"))
    if not exact:
        return storage.version, ("", "")
    if asked < storage.compacted:
        raise expired(asked, storage.compacted)
    return asked, ("", "")


def _at(storage: Storage, scope: Scope, version: int) -> dict[Key, Stored]:
    """The objects of a resource as they were: the present, and what has changed since undone."""
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


def _token(version: int, key: Key) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([version, *key])).decode()


def _read_token(text: str) -> tuple[int, Key]:
    try:
        version, namespace, name = orjson.loads(base64.urlsafe_b64decode(text))
    except (binascii.Error, ValueError):
        raise Failure("BadRequest", f"continue key is not valid: {text!r}") from None
    return version, (namespace, name)


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if text and not text.isdecimal():
        raise Failure("BadRequest", f"invalid {name}: {text!r}")
    return int(text or 0)
