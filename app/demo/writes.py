"""Creating, replacing, patching, scaling and deleting."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.demo import patches
from app.demo.failures import Failure
from app.demo.registry import Obj, Served
from app.demo.storage import Storage


class Writes:
    """The writes of one cluster, each answered with the object as it is then."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def create(self, served: Served, namespace: str, body: bytes, query: Mapping[str, str]) -> Obj:
        obj = self._object(served, namespace, body)
        if namespace and served.namespaced and self._terminating(namespace):
            raise Failure("Forbidden", f"namespace {namespace} is being terminated")
        if _dry(query):
            name = obj["metadata"].get("name") or obj["metadata"].get("generateName", "")
            if (namespace, name) in self._storage.collection(served.name):
                raise Failure("AlreadyExists", f'{served.name} "{name}" already exists')
            return {"kind": served.kind, "apiVersion": served.api_version, **obj}
        return self._storage.create(_owned(obj, query, "Update"))

    def replace(
        self, served: Served, namespace: str, name: str, sub: str, body: bytes, query: Mapping[str, str]
    ) -> Obj:
        obj = self._object(served, namespace, body)
        old = self._storage.get(served, namespace, name).obj
        return self._change(served, old, _part(old, obj, sub), query, "Update")

    def patch(
        self,
        served: Served,
        namespace: str,
        name: str,
        sub: str,
        body: bytes,
        content_type: str,
        query: Mapping[str, str],
    ) -> tuple[Obj, bool]:
        """The object, and whether the patch created it, as server-side apply does."""
        found = self._storage.collection(served.name).get((namespace, name))
        if found is None:
            if content_type != patches.APPLY:
                raise served.missing(name)
            applied = patches.parse(body)
            if not isinstance(applied, dict):
                raise Failure("BadRequest", "a patch must be an object")
            applied["metadata"] = {**(applied.get("metadata") or {}), "name": name}
            if served.namespaced:
                applied["metadata"]["namespace"] = namespace
            obj = {"kind": served.kind, "apiVersion": served.api_version, **applied}
            return (obj if _dry(query) else self._storage.create(_owned(obj, query, "Apply"))), True
        obj = patches.patched(found.obj, body, content_type, typed=served.typed)
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
            raise Failure("Invalid", "the patch leaves no object")
        operation = "Apply" if content_type == patches.APPLY else "Update"
        return self._change(served, found.obj, _part(found.obj, obj, sub), query, operation), False

    def scale(
        self,
        served: Served,
        namespace: str,
        name: str,
        body: bytes | None,
        content_type: str,
        query: Mapping[str, str],
    ) -> Obj:
        """The Scale of a workload, changed where there is a body."""
        obj = self._storage.get(served, namespace, name).obj
        if body is not None:
            scale = _scale_of(obj)
            wanted = patches.parse(body) if content_type == "application/json" else None
            if wanted is None:
                wanted = patches.patched(scale, body, content_type, typed=True)
            replicas = (wanted.get("spec") or {}).get("replicas", 0)
            if not isinstance(replicas, int) or replicas < 0:
                raise Failure("Invalid", f"spec.replicas: Invalid value: {replicas!r}: must be non-negative")
            changed = {**obj, "spec": {**obj["spec"], "replicas": replicas}}
            _check_version(obj, wanted)
            obj = self._change(served, obj, changed, query, "Update")
        return _scale_of(obj)

    def delete(self, served: Served, namespace: str, name: str, body: bytes, query: Mapping[str, str]) -> Obj:
        options = patches.parse(body) if body else {}
        obj = self._storage.get(served, namespace, name).obj
        preconditions = options.get("preconditions") or {}
        if preconditions.get("uid", obj["metadata"]["uid"]) != obj["metadata"]["uid"]:
            raise Failure("Conflict", f"the UID in the precondition does not match that of {name}")
        if _dry(query) or "All" in (options.get("dryRun") or ()):
            return obj
        given = options.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
        policy = options.get("propagationPolicy") or query.get("propagationPolicy")
        held = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}.get(str(policy))
        if held and served.kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"):
            finalizers = [*(obj["metadata"].get("finalizers") or []), held]
            obj = self._storage.update(
                served, {**obj, "metadata": {**obj["metadata"], "finalizers": finalizers}}
            )
        return self._storage.delete(obj, float(given) if given is not None else None)

    def _change(self, served: Served, old: Obj, new: Obj, query: Mapping[str, str], operation: str) -> Obj:
        _check_version(old, new)
        metadata = {**new["metadata"], "name": old["metadata"]["name"]}
        if served.namespaced:
            metadata["namespace"] = old["metadata"]["namespace"]
        obj = {**new, "kind": served.kind, "apiVersion": served.api_version, "metadata": metadata}
        return obj if _dry(query) else self._storage.update(served, _owned(obj, query, operation))

    def _object(self, served: Served, namespace: str, body: bytes) -> Obj:
        obj = patches.parse(body)
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
            raise Failure("BadRequest", "the body is no Kubernetes object")
        if obj.get("kind", served.kind) != served.kind:
            raise Failure(
                "BadRequest", f"{obj['kind']} in version {obj.get('apiVersion')} cannot be handled here"
            )
        metadata = {**obj["metadata"]}
        if served.namespaced:
            if metadata.get("namespace", namespace) != namespace:
                raise Failure("BadRequest", "the namespace of the provided object does not match the request")
            metadata["namespace"] = namespace
        return {**obj, "kind": served.kind, "apiVersion": served.api_version, "metadata": metadata}

    def _terminating(self, namespace: str) -> bool:
        found = self._storage.collection("namespaces").get(("", namespace))
        return found is not None and "deletionTimestamp" in found.obj["metadata"]


def _part(old: Obj, new: Obj, sub: str) -> Obj:
    """``/status`` changes the status alone, everything else all but it where there is that subresource."""
    if sub == "status":
        return {**old, "status": new.get("status"), "metadata": {**old["metadata"], **_version_of(new)}}
    return {**new, "status": old["status"]} if "status" in old else new


def _version_of(obj: Obj) -> Obj:
    version = obj["metadata"].get("resourceVersion")
    return {"resourceVersion": version} if version else {}


def _check_version(old: Obj, new: Obj) -> None:
    given = (new.get("metadata") or {}).get("resourceVersion")
    if given and given != old["metadata"]["resourceVersion"]:
        name = old["metadata"]["name"]
        raise Failure(
            "Conflict",
            f'Operation cannot be fulfilled on "{name}": the object has been modified; '
            "please apply your changes to the latest version and try again",
            name=name,
        )


def _dry(query: Mapping[str, str]) -> bool:
    return query.get("dryRun") == "All"


def _owned(obj: Obj, query: Mapping[str, str], operation: str) -> Obj:
    """With a managedFields entry for who wrote last; who owns which field is not kept apart."""
    entry: dict[str, Any] = {
        "manager": query.get("fieldManager") or "unknown",
        "operation": operation,
        "apiVersion": obj["apiVersion"],
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "fieldsType": "FieldsV1",
        "fieldsV1": {f"f:{key}": {} for key in obj if key not in ("kind", "apiVersion", "metadata")},
    }
    others = [
        each
        for each in obj["metadata"].get("managedFields") or []
        if (each.get("manager"), each.get("operation")) != (entry["manager"], operation)
    ]
    return {**obj, "metadata": {**obj["metadata"], "managedFields": [*others, entry]}}


def _scale_of(obj: Obj) -> Obj:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    metadata = {
        key: obj["metadata"][key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if key in obj["metadata"]
    }
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {
            "replicas": status.get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in labels.items()),
        },
    }
