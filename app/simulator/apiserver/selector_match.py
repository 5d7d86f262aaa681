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
        match = _REQUIREMENT.match(text, at)
        if match is None:
            raise ApiFailure("BadRequest", f"unable to parse requirement: {text[at:]!r}")
        at = match.end()
        tests.append(_requirement(match))
    if not tests:
        return None
    return lambda obj: _all(tests, obj["metadata"].get("labels") or {})


def _all(tests: Iterable[Callable[[Obj], bool]], labels: Obj) -> bool:
    return all(test(labels) for test in tests)


def _requirement(match: re.Match[str]) -> Callable[[Obj], bool]:
    if match["absent"]:
        absent = match["no"]
        return lambda labels: absent not in labels
    key = match["key"]
    if match["sign"]:
        value = match["value"]
        if match["sign"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match["set"]:
        values = {value.strip() for value in match["values"].split(",")}
        if match["set"] == "notin":
            return lambda labels: labels.get(key) not in values
        return lambda labels: labels.get(key) in values
    return lambda labels: key in labels


def field_predicate(text: str, resource: str) -> Predicate | None:
    """Return a test for a field selector on the paths that API servers support. Raises ApiFailure for
    others."""
    supported = ("metadata.name", "metadata.namespace", *_FIELDS.get(resource, "").split())
    tests = []
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", part)
        if match is None:
            raise ApiFailure("BadRequest", f"invalid selector: '{part}'; can't understand '{part}'")
        if match[1] not in supported:
            raise ApiFailure("BadRequest", f"field label not supported: {match[1]}")
        tests.append((match[1].split("."), match[2] != "!=", match[3]))
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
