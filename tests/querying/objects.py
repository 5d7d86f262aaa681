"""Stores and objects for the tests of this folder."""

import json
from typing import Any

from hypothesis import HealthCheck, settings

from app.cache.objects import CachedObject, key_of
from app.cache.store import Store

# A busy machine is no failure of what is tested.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cached(store: Store, document: dict[str, Any], version: int = 1) -> CachedObject:
    """The document as the cache holds it, with what is missing in its metadata filled in."""
    metadata = {"name": "n", "namespace": "", "uid": "u", "resourceVersion": str(version)}
    metadata |= document.get("metadata", {})
    whole = {"kind": "Pod", "apiVersion": "v1", **document, "metadata": metadata}
    labels = _json(metadata["labels"]) if metadata.get("labels") else b""
    key = key_of(metadata["namespace"], metadata["name"])
    tail = _json(whole)[1:]
    return CachedObject(key, metadata["uid"], version, store.labels(labels), tail)


def _json(value: Any) -> bytes:
    """The standard library's, since it writes integers of any size."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def make(document: dict[str, Any], version: int = 1) -> CachedObject:
    return cached(Store("c", "pods"), document, version)


def put(store: Store, namespace: str, name: str, **document: Any) -> CachedObject:
    """Into the store, as the next change."""
    metadata = {"name": name, "namespace": namespace, **document.pop("metadata", {})}
    found = cached(store, {**document, "metadata": metadata}, store.version + 1)
    store.apply(found)
    return found
