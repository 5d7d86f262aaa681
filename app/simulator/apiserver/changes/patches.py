"""The ways to patch an object: JSON patch, merge, strategic merge; and the merging of an apply."""

import contextlib
import copy
import json
from typing import Any

from app.simulator.apiserver.api_failures import ApiFailure
from app.simulator.apiserver.registry import Obj
from app.yaml_reader import Rules, Unreadable, yaml_documents

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
_YAML_RULES = Rules(lossless=False, may_repeat=True)

# By which member the elements of a list are the same one (the patchMergeKey of Kubernetes' types);
# where a name stands for several lists, the first key that the elements have counts.
_MERGE_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
    "secrets": ("name",),
    "addresses": ("type",),
    "taints": ("key",),
    "topologySpreadConstraints": ("topologyKey",),
}


def patched(obj: Obj, body: bytes, content_type: str, *, typed: bool) -> Obj:
    """Return the object after the patch. Raises ApiFailure."""
    patch = parse(body)
    if content_type == JSON_PATCH:
        return _json_patched(obj, patch)
    if not isinstance(patch, dict):
        raise ApiFailure("BadRequest", "a patch must be an object")
    if content_type == MERGE:
        merged: Obj = _merged(obj, patch)
        return merged
    if content_type == STRATEGIC and typed:
        obj_after: Obj = _strategic(obj, patch)
        return obj_after
    raise ApiFailure(
        "UnsupportedMediaType", f"the body of the request was in an unknown format: {content_type}"
    )


def applied(obj: Obj, patch: Obj) -> Obj:
    """Return the object with all members of an apply set, lists merged by their keys; nothing is removed."""
    without = {key: value for key, value in patch.items() if key not in ("kind", "apiVersion")}
    result: Obj = _strategic(obj, without)
    return result


def parse(body: bytes) -> Any:
    """Parse JSON or YAML. Raises ApiFailure."""
    with contextlib.suppress(ValueError):
        return json.loads(body)
    try:
        return next(yaml_documents(body, _YAML_RULES), None)
    except Unreadable as error:
        raise ApiFailure("BadRequest", f"cannot read the body: {error}") from None


def _merged(value: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, member in patch.items():
        if member is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), member)
    return result


def _strategic(value: Any, patch: Any) -> Any:
    """Lists of elements with a merge key are merged by it, other lists are replaced."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {key: member for key, member in patch.items() if key != "$patch"}
    result = dict(value) if isinstance(value, dict) else {}
    for key, member in patch.items():
        if key.startswith("$setElementOrder/") or key == "$patch":
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [element for element in result.get(name) or [] if element not in member]
        elif key.startswith("$retainKeys"):
            result = {name: element for name, element in result.items() if name in member}
        elif member is None:
            result.pop(key, None)
        elif isinstance(member, list):
            result[key] = _strategic_list(key, result.get(key) or [], member)
        else:
            result[key] = _strategic(result.get(key), member)
    return result


def _strategic_list(name: str, values: list[Any], patch: list[Any]) -> list[Any]:
    if name == "finalizers":
        return [*values, *(element for element in patch if element not in values)]
    if {"$patch": "replace"} in patch:
        return [element for element in patch if element != {"$patch": "replace"}]
    key = merge_key(name, patch)
    if key is None:
        return patch
    by_key = {element.get(key): element for element in values}
    for element in patch:
        if element.get("$patch") == "delete":
            by_key.pop(element.get(key), None)
        else:
            by_key[element.get(key)] = _strategic(by_key.get(element.get(key)), element)
    return [*by_key.values()]


def merge_key(name: str, elements: list[Any]) -> str | None:
    """Return the member that tells the elements of a list of that name apart; None where the list is one
    value."""
    keys = _MERGE_KEYS.get(name, ())
    if not all(isinstance(element, dict) for element in elements):
        return None
    return next((key for key in keys if all(key in element for element in elements)), None)


def _json_patched(obj: Obj, patch: Any) -> Obj:
    """RFC 6902."""
    if not isinstance(patch, list):
        raise ApiFailure("BadRequest", "a JSON patch must be a list of operations")
    result = copy.deepcopy(obj)
    for operation in patch:
        try:
            _operate(result, operation)
        except (KeyError, IndexError, TypeError, ValueError):
            message = "the server rejected our request due to an error in our request"
            raise ApiFailure("Invalid", message) from None
    return result


def _operate(document: Obj, operation: Obj) -> None:
    kind, path = operation["op"], _pointer(operation["path"])
    if kind == "test":
        # kube-apiserver takes null for what is not there.
        parent = _at(document, path[:-1])
        missing = bool(path) and isinstance(parent, dict) and path[-1] not in parent
        if (None if missing else _at(document, path)) != operation["value"]:
            raise ValueError(path)
    elif kind == "remove":
        _remove(document, path)
    elif kind == "replace":
        # kube-apiserver takes it for a member that is not there as well.
        _set(document, path, operation["value"], insert=False)
    elif kind == "add":
        _set(document, path, operation["value"], insert=True)
    elif kind in ("copy", "move"):
        source = _pointer(operation["from"])
        value = copy.deepcopy(_at(document, source))
        if kind == "move":
            _remove(document, source)
        _set(document, path, value, insert=True)
    else:
        raise ValueError(kind)


def _pointer(text: str) -> list[str]:
    """RFC 6901."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _at(value: Any, path: list[str]) -> Any:
    for part in path:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _remove(document: Obj, path: list[str]) -> None:
    parent = _at(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]


def _set(document: Obj, path: list[str], value: Any, *, insert: bool) -> None:
    parent = _at(document, path[:-1])
    if not isinstance(parent, list):
        parent[path[-1]] = value
    elif path[-1] == "-":
        parent.append(value)
    elif insert:
        parent.insert(int(path[-1]), value)
    else:
        parent[int(path[-1])] = value
