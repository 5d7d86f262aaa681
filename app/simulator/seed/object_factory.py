"""The seeded source of names, uids and times of a simulated cluster, and the metadata that every object
has."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

Obj = dict[str, Any]
# Namespace ("" for cluster-scoped objects) and name.
Key = tuple[str, str]

# Kubernetes leaves vowels and what looks like them out of generated names (apimachinery, util/rand).
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def key_of(obj: Obj) -> Key:
    """Return the namespace, "" where there is none, and the name of an object."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def stamp(moment: datetime) -> str:
    """Return a time as metav1.Time: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(moment: datetime) -> str:
    """Return a time as metav1.MicroTime, which leases and newer events use."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """Parse the text of :func:`stamp` or :func:`micro_stamp`. Raises ValueError."""
    return datetime.fromisoformat(text)


class ObjectFactory:
    """The source of everything random in one cluster, so that a seed repeats it.

    now: the time from which ages are counted back.
    """

    def __init__(self, seed: int | str, now: datetime) -> None:
        self.rng = random.Random(seed)
        self.now = now

    def uid(self) -> str:
        """Return a new uid, a random UUID."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        """Return the random end of a generated name."""
        return "".join(self.rng.choices(ALPHABET, k=length))

    def ago(self, seconds: float) -> str:
        """Return the time so many seconds before ``now``, as metav1.Time."""
        return stamp(self.now - timedelta(seconds=seconds))

    def meta(
        self,
        name: str,
        namespace: str | None = None,
        *,
        created: str,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        owner: Obj | None = None,
        generation: int | None = None,
        generate_name: str | None = None,
    ) -> Obj:
        """Return ObjectMeta without the resourceVersion, which the storage sets."""
        meta: Obj = {"name": name}
        if generate_name:
            meta["generateName"] = generate_name
        if namespace is not None:
            meta["namespace"] = namespace
        meta["uid"] = self.uid()
        if generation is not None:
            meta["generation"] = generation
        meta["creationTimestamp"] = created
        if labels:
            meta["labels"] = dict(labels)
        if annotations:
            meta["annotations"] = dict(annotations)
        if owner is not None:
            meta["ownerReferences"] = [owner_reference(owner)]
        return meta


def owner_reference(owner: Obj) -> Obj:
    """Return the reference with which a controller marks an object as its own."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Obj) -> Obj | None:
    """Return the owner reference of the object's controller, None where it has none."""
    for reference in obj["metadata"].get("ownerReferences", ()):
        if reference.get("controller"):
            return dict(reference)
    return None


def json_digest(value: object) -> str:
    """Return the SHA-256 of a JSON value as 64 hex digits."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def template_hash(template: Obj) -> str:
    """Return the hash of a pod template as controllers write it: decimal digits in the alphabet of names."""
    number = str(int(json_digest(template)[:8], 16))
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in number)


# What tells the elements of a list apart in managedFields (the listMapKeys of the built-in types).
_LIST_KEYS: dict[str, Sequence[str]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "protocol"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
}
_OWNED_BY_SERVER = frozenset(
    {"name", "namespace", "uid", "creationTimestamp", "generation", "managedFields", "resourceVersion"}
)


def _fields(value: Any, key: str = "") -> Obj:
    if isinstance(value, dict) and value:
        return {f"f:{name}": _fields(inner, name) for name, inner in value.items()}
    keys = _LIST_KEYS.get(key, ())
    if isinstance(value, list) and keys and all(isinstance(item, dict) for item in value):
        fields: Obj = {}
        for item in value:
            key_values = {name: item[name] for name in keys if name in item}
            if key_values:
                fields["k:" + orjson.dumps(key_values).decode()] = {".": {}, **_fields(item)}
        return fields
    return {}


def managed_entry(
    manager: str,
    obj: Obj,
    parts: Iterable[str],
    *,
    time: str,
    operation: str = "Update",
    subresource: str | None = None,
) -> Obj:
    """Return the managedFields entry of a manager that set these top-level parts of the object.

    The encoding is Kubernetes' FieldsV1 (sigs.k8s.io/structured-merge-diff).
    """
    owned: Obj = {}
    for part in parts:
        value = obj.get(part)
        if not isinstance(value, dict):
            continue
        if part == "metadata":
            value = {name: inner for name, inner in value.items() if name not in _OWNED_BY_SERVER}
        if value:
            owned[f"f:{part}"] = _fields(value)
    entry: Obj = {
        "manager": manager,
        "operation": operation,
        "apiVersion": obj["apiVersion"],
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": owned,
    }
    if subresource is not None:
        entry["subresource"] = subresource
    return entry
