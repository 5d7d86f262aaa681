"""Create, replace, patch, scale and delete objects."""

import re
from collections.abc import Mapping
from typing import Any

from app.simulator.apiserver.api_failures import ApiFailure, bad_option, invalid
from app.simulator.apiserver.changes import field_ownership, object_defaults, patches
from app.simulator.apiserver.changes.scale_subresource import replicas_of, scale_of
from app.simulator.apiserver.object_storage import Storage
from app.simulator.apiserver.registry import Obj, ServedResource

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_PROBLEM = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character"
)
_NAMESPACE_PROBLEM = "the namespace of the provided object does not match the namespace sent on the request"
_VERSION_PROBLEM = (
    "the object has been modified; please apply your changes to the latest version and try again"
)
_POLICIES = {"Orphan": "orphan", "Foreground": "foregroundDeletion", "Background": ""}
_OWNERS = frozenset(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"))
# Whoever deletes one of these gets it back, of others only the news.
_SHOWN_DELETED = frozenset(
    (
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "resourcequotas",
        "serviceaccounts",
        "services",
        "storageclasses.storage.k8s.io",
    )
)


class ObjectWriter:
    """The writes of one cluster; each returns the object in its new state. All raise ApiFailure."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def create(
        self, served: ServedResource, namespace: str, body: bytes, query: Mapping[str, str], agent: str
    ) -> Obj:
        """Create the object of a request body."""
        obj = self._object(served, namespace, patches.parse(body))
        return self._make(served, obj, query, _manager(query, agent))

    def replace(
        self,
        served: ServedResource,
        namespace: str,
        name: str,
        sub: str,
        body: bytes,
        query: Mapping[str, str],
        agent: str,
    ) -> Obj:
        """Replace an object, or its subresource ``sub``."""
        obj = self._object(served, namespace, patches.parse(body))
        given = obj["metadata"].get("name", name)
        if given != name:
            problem = f"the name of the object ({given}) does not match the name on the URL ({name})"
            raise ApiFailure("BadRequest", problem)
        old = self._storage.get(served, namespace, name).obj
        return self._change(served, old, obj, sub, query, _manager(query, agent))

    def patch(
        self,
        served: ServedResource,
        namespace: str,
        name: str,
        sub: str,
        body: bytes,
        content_type: str,
        query: Mapping[str, str],
        agent: str,
    ) -> tuple[Obj, bool]:
        """Patch an object; return it, and whether the patch created it, as server-side apply does."""
        if content_type == patches.APPLY:
            return self._apply(served, namespace, name, sub, body, query)
        old = self._storage.get(served, namespace, name).obj
        obj = patches.patched(old, body, content_type, typed=served.typed)
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
            raise ApiFailure("Invalid", "the patch leaves no object")
        return self._change(served, old, obj, sub, query, _manager(query, agent)), False

    def scale(
        self,
        served: ServedResource,
        namespace: str,
        name: str,
        body: bytes | None,
        content_type: str,
        query: Mapping[str, str],
        agent: str,
    ) -> Obj:
        """Return the Scale of a workload, changed where there is a body."""
        obj = self._storage.get(served, namespace, name).obj
        if body is not None:
            wanted = replicas_of(scale_of(obj), body, content_type)
            _check_version(served, obj, wanted)
            changed = {**obj, "spec": {**obj["spec"], "replicas": wanted["spec"]["replicas"]}}
            obj = self._change(served, obj, changed, "", query, _manager(query, agent))
        return scale_of(obj)

    def delete(
        self, served: ServedResource, namespace: str, name: str, body: bytes, query: Mapping[str, str]
    ) -> Obj:
        """Delete an object; return it in its state after that, or before where it is gone."""
        options = {**query, **(patches.parse(body) if body else {})}
        policy = options.get("propagationPolicy")
        if policy is not None and policy not in _POLICIES:
            supported = '"Foreground", "Background", "Orphan"'
            problem = f'Unsupported value: "{policy}": supported values: {supported}'
            raise bad_option("DeleteOptions", "propagationPolicy", problem)
        obj = self._storage.get(served, namespace, name).obj
        uid = (options.get("preconditions") or {}).get("uid") or obj["metadata"]["uid"]
        if uid != obj["metadata"]["uid"]:
            problem = f"the UID in the precondition ({uid}) does not match the UID in record"
            raise _conflict(served, name, f"{problem} ({obj['metadata']['uid']})")
        if "All" in (options.get("dryRun") or ()):
            return obj
        grace = options.get("gracePeriodSeconds")
        finalizer = _POLICIES.get(str(policy))
        if finalizer and served.kind in _OWNERS:
            finalizers = [*(obj["metadata"].get("finalizers") or []), finalizer]
            obj = self._storage.update(
                served, {**obj, "metadata": {**obj["metadata"], "finalizers": finalizers}}
            )
        return self._storage.delete(obj, float(grace) if grace is not None else None)

    def deletion_answer(self, served: ServedResource, obj: Obj) -> Obj:
        """Return the answer to a DELETE: the object where it still exists, else a Status for most
        resources."""
        metadata = obj["metadata"]
        exists = "deletionTimestamp" in metadata and self._holds(served, metadata)
        if exists or served.name in _SHOWN_DELETED:
            return obj
        details = {"name": metadata["name"], "kind": served.plural, "uid": metadata["uid"]}
        if served.group:
            details["group"] = served.group
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def _holds(self, served: ServedResource, metadata: Obj) -> bool:
        return (metadata.get("namespace", ""), metadata["name"]) in self._storage.collection(served.name)

    def _apply(
        self,
        served: ServedResource,
        namespace: str,
        name: str,
        sub: str,
        body: bytes,
        query: Mapping[str, str],
    ) -> tuple[Obj, bool]:
        manager = query.get("fieldManager")
        if not manager:
            problem = "Required value: is required for apply patch"
            raise bad_option("PatchOptions", "fieldManager", problem)
        patch = self._object(served, namespace, patches.parse(body))
        patch["metadata"] = {**patch["metadata"], "name": name}
        stored = self._storage.collection(served.name).get((namespace, name))
        force = query.get("force") == "true"
        if stored is None:
            bare = {**served.head, "metadata": {}}
            return self._make(
                served, field_ownership.applied(bare, patch, manager, force=force), query, None
            ), True
        obj = field_ownership.applied(stored.obj, patch, manager, force=force)
        return self._change(served, stored.obj, obj, sub, query, None), False

    def _make(self, served: ServedResource, obj: Obj, query: Mapping[str, str], manager: str | None) -> Obj:
        """``manager`` is None where the fields' owners are settled already."""
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"].get("name", "")
        if served.namespaced:
            self._check_namespace(served, namespace, name)
        if name and not _NAME.fullmatch(name) and served.group != "rbac.authorization.k8s.io":
            problem = f'Invalid value: "{name}": {_NAME_PROBLEM}'
            raise invalid(served.kind, "metadata.name", problem, group=served.group, name=name)
        obj = object_defaults.completed(served.name, obj)
        if manager is not None:
            obj = field_ownership.updated(None, obj, manager, "")
        obj = object_defaults.started(served.name, obj)
        if query.get("dryRun") == "All":
            return {**served.head, **self._storage.completed(obj)}
        return self._storage.create(obj)

    def _change(
        self,
        served: ServedResource,
        old: Obj,
        new: Obj,
        sub: str,
        query: Mapping[str, str],
        manager: str | None,
    ) -> Obj:
        """``manager`` is None where the fields' owners are settled already."""
        _check_version(served, old, new)
        _check_finalizers(served, old, new)
        metadata = {**new["metadata"], "name": old["metadata"]["name"]}
        if served.namespaced:
            metadata["namespace"] = old["metadata"]["namespace"]
        if manager is not None:
            metadata["managedFields"] = old["metadata"].get("managedFields")
        obj = _part(served, old, {**new, **served.head, "metadata": metadata}, sub)
        obj = object_defaults.completed(served.name, obj)
        if manager is not None:
            obj = field_ownership.updated(old, obj, manager, sub)
        return obj if query.get("dryRun") == "All" else self._storage.update(served, obj)

    def _object(self, served: ServedResource, namespace: str, obj: Any) -> Obj:
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
            raise ApiFailure(
                "BadRequest", f"the object provided is unrecognized (must be of type {served.kind})"
            )
        kind, version = obj.get("kind", served.kind), obj.get("apiVersion", served.api_version)
        if (kind, version) != (served.kind, served.api_version):
            problem = f'{kind} in version "{version}" cannot be handled as a {served.kind}'
            raise ApiFailure("BadRequest", problem)
        metadata = {key: value for key, value in obj["metadata"].items() if value is not None}
        if served.namespaced:
            if metadata.get("namespace", namespace) != namespace:
                raise ApiFailure("BadRequest", _NAMESPACE_PROBLEM)
            metadata["namespace"] = namespace
        metadata.pop("managedFields", None)
        return {**obj, **served.head, "metadata": metadata}

    def _check_namespace(self, served: ServedResource, namespace: str, name: str) -> None:
        stored = self._storage.collection("namespaces").get(("", namespace))
        if stored is None:
            raise ApiFailure(
                "NotFound", f'namespaces "{namespace}" not found', name=namespace, kind="namespaces"
            )
        if "deletionTimestamp" in stored.obj["metadata"]:
            terminating = f"namespace {namespace} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": terminating, "field": "metadata.namespace"}
            message = f"unable to create new content in namespace {namespace} because it is being terminated"
            problem = f'{served.name} "{name}" is forbidden: {message}'
            raise served.failure("Forbidden", problem, name, causes=[cause])


def _manager(query: Mapping[str, str], agent: str) -> str:
    """Return the field manager: the parameter, else the beginning of the User-Agent."""
    return query.get("fieldManager") or agent.partition("/")[0] or "unknown"


def _part(served: ServedResource, old: Obj, new: Obj, sub: str) -> Obj:
    """Return the old object with what this request may change: ``/status`` the status alone, others all but
    it."""
    if sub == "status":
        version = {"resourceVersion": new["metadata"].get("resourceVersion")}
        return {**old, "status": new.get("status"), "metadata": {**old["metadata"], **version}}
    if "status" not in served.subresources:
        return new
    without = {key: value for key, value in new.items() if key != "status"}
    return {**without, "status": old["status"]} if "status" in old else without


def _check_version(served: ServedResource, old: Obj, new: Obj) -> None:
    given = (new.get("metadata") or {}).get("resourceVersion")
    if given and given != old["metadata"]["resourceVersion"]:
        raise _conflict(served, old["metadata"]["name"], _VERSION_PROBLEM)


def _conflict(served: ServedResource, name: str, problem: str) -> ApiFailure:
    message = f'Operation cannot be fulfilled on {served.name} "{name}": {problem}'
    return served.failure("Conflict", message, name)


def _check_finalizers(served: ServedResource, old: Obj, new: Obj) -> None:
    if "deletionTimestamp" not in old["metadata"]:
        return
    added = {*(new["metadata"].get("finalizers") or ())} - {*(old["metadata"].get("finalizers") or ())}
    if added:
        problem = "Forbidden: no new finalizers can be added if the object is being deleted"
        name = old["metadata"]["name"]
        raise invalid(served.kind, "metadata.finalizers", problem, group=served.group, name=name)
