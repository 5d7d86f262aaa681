"""Rows of the core group's other kinds, and of nodes, events, leases and classes.

From ``printNode``, ``printEvent`` and their neighbours in
kubernetes/pkg/printers/internalversion/printers.go, 1.37.
"""

from datetime import datetime

from app.cache.ages import parse_time, since
from app.cache.tables.row_parts import age_of, name_and_age, name_of, or_none
from app.cache.tables.selector_text import NONE
from app.cache.tables.table_model import MakeRow, Row
from app.json_access import Object, at, boolean, integer, mapping, objects, printed, size, text

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE = "kubernetes.io/role"


def _namespace(namespace: Object, now: datetime) -> Row:
    return [name_of(namespace), text(namespace, "status", "phase"), age_of(namespace, now)]


def _config_map(config_map: Object, now: datetime) -> Row:
    return [
        name_of(config_map),
        size(config_map, "data") + size(config_map, "binaryData"),
        age_of(config_map, now),
    ]


def _secret(secret: Object, now: datetime) -> Row:
    return [name_of(secret), text(secret, "type"), size(secret, "data"), age_of(secret, now)]


def _resource_quota(quota: Object, now: datetime) -> Row:
    used = mapping(quota, "status", "used")
    requests: list[str] = []
    limits: list[str] = []
    for resource, hard in sorted(mapping(quota, "status", "hard").items()):
        column = limits if resource.startswith("limits.") else requests
        column.append(f"{resource}: {printed(used, resource, missing='0')}/{printed(hard, missing='0')}")
    return [name_of(quota), ", ".join(requests), ", ".join(limits), age_of(quota, now)]


def _node(node: Object, now: datetime) -> Row:
    info = mapping(node, "status", "nodeInfo")
    kernel = text(info, "kernelVersion") or "<unknown>"
    architecture = text(info, "architecture")
    return [
        name_of(node),
        _node_status(node),
        _node_roles(mapping(node, "metadata", "labels")),
        age_of(node, now),
        text(info, "kubeletVersion"),
        _address(node, "InternalIP"),
        _address(node, "ExternalIP"),
        text(info, "osImage") or "<unknown>",
        f"{kernel} ({architecture})" if architecture else kernel,
        text(info, "containerRuntimeVersion") or "<unknown>",
    ]


def _node_status(node: Object) -> str:
    ready = [
        condition for condition in objects(node, "status", "conditions") if text(condition, "type") == "Ready"
    ]
    status = "Unknown"
    if ready:
        status = "Ready" if text(ready[-1], "status") == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if boolean(node, "spec", "unschedulable") else status


def _node_roles(labels: Object) -> str:
    roles = {label.removeprefix(_ROLE_PREFIX) for label in labels if label.startswith(_ROLE_PREFIX)}
    roles.add(text(labels, _ROLE))
    return or_none(",".join(sorted(roles - {""})))


def _address(node: Object, kind: str) -> str:
    for address in objects(node, "status", "addresses"):
        if text(address, "type") == kind:
            return text(address, "address")
    return NONE


def _event(event: Object, now: datetime) -> Row:
    """Of both groups: events.k8s.io has its own names for what the core group's events hold."""
    involved = mapping(event, "involvedObject") or mapping(event, "regarding")
    first = _first_time(event, ("firstTimestamp", "deprecatedFirstTimestamp", "eventTime"), now)
    last = _first_time(
        event,
        (
            "lastTimestamp",
            "deprecatedLastTimestamp",
            "firstTimestamp",
            "deprecatedFirstTimestamp",
            "eventTime",
        ),
        now,
    )
    count = integer(event, "count") or integer(event, "deprecatedCount") or 1
    if isinstance(at(event, "series"), dict):
        last = since(at(event, "series", "lastObservedTime"), now)
        count = integer(event, "series", "count")
    kind, name = text(involved, "kind").lower(), text(involved, "name")
    return [
        last,
        text(event, "type"),
        text(event, "reason"),
        f"{kind}/{name}" if name else kind,
        text(involved, "fieldPath"),
        _source(event),
        (text(event, "message") or text(event, "note")).strip(),
        first,
        count,
        name_of(event),
    ]


def _first_time(event: Object, members: tuple[str, ...], now: datetime) -> str:
    return next(
        (since(event[member], now) for member in members if parse_time(event.get(member)) is not None),
        since(None, now),
    )


def _source(event: Object) -> str:
    source = mapping(event, "source") or mapping(event, "deprecatedSource")
    component = (
        text(source, "component") or text(event, "reportingComponent") or text(event, "reportingController")
    )
    instance = text(source, "host") or text(event, "reportingInstance")
    return f"{component}, {instance}" if instance else component


def _lease(lease: Object, now: datetime) -> Row:
    return [name_of(lease), text(lease, "spec", "holderIdentity"), age_of(lease, now)]


def _priority_class(priority: Object, now: datetime) -> Row:
    return [
        name_of(priority),
        integer(priority, "value"),
        boolean(priority, "globalDefault"),
        age_of(priority, now),
        text(priority, "preemptionPolicy"),
    ]


def _runtime_class(runtime: Object, now: datetime) -> Row:
    return [name_of(runtime), text(runtime, "handler"), age_of(runtime, now)]


ROWS: dict[str, MakeRow] = {
    "namespaces": _namespace,
    "configmaps": _config_map,
    "secrets": _secret,
    "serviceaccounts": name_and_age,
    "resourcequotas": _resource_quota,
    "nodes": _node,
    "events": _event,
    "events.events.k8s.io": _event,
    "leases.coordination.k8s.io": _lease,
    "priorityclasses.scheduling.k8s.io": _priority_class,
    "runtimeclasses.node.k8s.io": _runtime_class,
}
