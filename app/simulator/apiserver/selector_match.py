"""Label and field selectors, as far as clients of simulated clusters use them."""

import re
from collections.abc import Callable, Iterable

from app.simulator.apiserver.api_failures import ApiFailure
from app.simulator.apiserver.registry import Obj

# What can be selected by, beyond name and namespace (the conversion functions of pkg/apis/*/v1).
_FIELDS = {
    "events": "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid "
    "involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath "
    "reason reportingComponent type",
    "jobs.batch": "status.successful",
    "namespaces": "status.phase",
    "nodes": "spec.unschedulable",
    "pods": "spec.hostNetwork spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName "
    "status.nominatedNodeName status.phase status.podIP",
    "replicasets.apps": "status.replicas",
    "secrets": "type",
    "services": "spec.clusterIP spec.type",
}

_ABSENT = {"spec.hostNetwork": "false", "spec.unschedulable": "false", "status.replicas": "0"}

Predicate = Callable[[Obj], bool]

_REQUIREMENT = re.compile(
    r"\s*(?:(?P<absent>!\s*(?P<no>[\w./-]+))"
    r"|(?P<key>[\w./-]+)\s*(?:(?P<sign>==|=|!=)\s*(?P<value>[\w.-]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?)\s*(?:,|$)"
)


def label_predicate(text: str) -> Predicate | None:
    """Return a test for a label selector, None where every object matches. Raises ApiFailure for bad
    syntax."""
    tests: list[Callable[[Obj], bool]] = []
    at = 0
    while at < len(text):
        found = _REQUIREMENT.match(text, at)
        if found is None:
            raise ApiFailure("BadRequest", f"unable to parse requirement: {text[at:]!r}")
        at = found.end()
        tests.append(_requirement(found))
    if not tests:
        return None
    return lambda obj: _all(tests, obj["metadata"].get("labels") or {})


def _all(tests: Iterable[Callable[[Obj], bool]], labels: Obj) -> bool:
    return all(test(labels) for test in tests)


def _requirement(found: re.Match[str]) -> Callable[[Obj], bool]:
    if found["absent"]:
        absent = found["no"]
        return lambda labels: absent not in labels
    key = found["key"]
    if found["sign"]:
        value = found["value"]
        if found["sign"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found["set"]:
        values = {value.strip() for value in found["values"].split(",")}
        if found["set"] == "notin":
            return lambda labels: labels.get(key) not in values
        return lambda labels: labels.get(key) in values
    return lambda labels: key in labels


def field_predicate(text: str, resource: str) -> Predicate | None:
    """Return a test for a field selector on the paths that API servers support. Raises ApiFailure for
    others."""
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(resource, "").split())
    tests = []
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", part)
        if found is None:
            raise ApiFailure("BadRequest", f"invalid selector: '{part}'; can't understand '{part}'")
        if found[1] not in known:
            raise ApiFailure("BadRequest", f"field label not supported: {found[1]}")
        tests.append((found[1].split("."), found[2] != "!=", found[3]))
    if not tests:
        return None
    return lambda obj: all((_field(obj, path) == value) is wanted for path, wanted, value in tests)


def _field(obj: Obj, path: list[str]) -> str:
    value: object = obj
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict | list):
        return _ABSENT.get(".".join(path), "")
    return str(value).lower() if isinstance(value, bool) else str(value)
