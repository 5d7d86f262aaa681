"""Rows of what extends and guards the API itself.

From ``printMutatingWebhook`` and its neighbours in
kubernetes/pkg/printers/internalversion/printers.go, of definitions from
k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition/tableconvertor, of API
services from k8s.io/kube-aggregator/pkg/registry/apiservice/etcd/etcd.go, all 1.37.
"""

from datetime import datetime

from app.cache.tables.row_parts import UNSET, age_of, condition_of, created_at, name_of
from app.cache.tables.selector_text import NONE
from app.cache.tables.table_model import Cell, MakeRow, Row
from app.json_access import Object, at, boolean, integer, mapping, objects, printed, size, text, texts


def _definition(definition: Object, now: datetime) -> Row:
    spec = mapping(definition, "spec")
    versions = [
        text(version, "name") + ("(storage)" if boolean(version, "storage") else "")
        for version in objects(spec, "versions")
        if boolean(version, "served")
    ]
    return [
        name_of(definition),
        text(spec, "scope"),
        ",".join(sorted(versions)),
        created_at(definition),
        text(spec, "group"),
        text(spec, "names", "kind"),
        ",".join(texts(spec, "names", "shortNames")),
        text(condition_of(definition, "Established"), "status") == "True",
    ]


def _api_service(service: Object, now: datetime) -> Row:
    backend = at(service, "spec", "service")
    available = condition_of(service, "Available")
    status, reason = text(available, "status"), text(available, "reason")
    return [
        name_of(service),
        "Local" if backend is None else f"{text(backend, 'namespace')}/{text(backend, 'name')}",
        "Unknown" if available is None else f"{status} ({reason})" if status != "True" and reason else status,
        age_of(service, now),
    ]


def _webhooks(configuration: Object, now: datetime) -> Row:
    return [name_of(configuration), size(configuration, "webhooks"), age_of(configuration, now)]


def _validating_policy(policy: Object, now: datetime) -> Row:
    return [
        name_of(policy),
        size(policy, "spec", "validations"),
        _kind_of_parameters(policy),
        age_of(policy, now),
    ]


def _mutating_policy(policy: Object, now: datetime) -> Row:
    return [
        name_of(policy),
        size(policy, "spec", "mutations"),
        _kind_of_parameters(policy),
        age_of(policy, now),
    ]


def _kind_of_parameters(policy: Object) -> str:
    kind = at(policy, "spec", "paramKind")
    return UNSET if kind is None else f"{text(kind, 'apiVersion')}/{text(kind, 'kind')}"


def _policy_binding(binding: Object, now: datetime) -> Row:
    return [
        name_of(binding),
        text(binding, "spec", "policyName"),
        _parameters(mapping(binding, "spec", "paramRef")),
        age_of(binding, now),
    ]


def _parameters(reference: Object) -> str:
    if name := text(reference, "name"):
        return f"{text(reference, 'namespace') or '*'}/{name}"
    selector = at(reference, "selector")
    return UNSET if selector is None else _selector(selector)


def _selector(selector: object) -> str:
    """As the generated ``String`` of ``metav1.LabelSelector``, for want of a better one there."""
    labels = "".join(
        f"{key}: {printed(value)}," for key, value in sorted(mapping(selector, "matchLabels").items())
    )
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{text(expression, 'key')},Operator:{text(expression, 'operator')},"
        f"Values:[{' '.join(texts(expression, 'values'))}],}},"
        for expression in objects(selector, "matchExpressions")
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


def _flow_schema(schema: Object, now: datetime) -> Row:
    spec = mapping(schema, "spec")
    dangling = condition_of(schema, "Dangling")
    method = at(spec, "distinguisherMethod")
    return [
        name_of(schema),
        text(spec, "priorityLevelConfiguration", "name"),
        integer(spec, "matchingPrecedence"),
        NONE if method is None else text(method, "type"),
        age_of(schema, now),
        "?" if dangling is None else text(dangling, "status"),
    ]


def _priority_level(level: Object, now: datetime) -> Row:
    limited = at(level, "spec", "limited")
    queuing = at(limited, "limitResponse", "queuing")
    return [
        name_of(level),
        text(level, "spec", "type"),
        _count(limited, "nominalConcurrencyShares"),
        _count(queuing, "queues"),
        _count(queuing, "handSize"),
        _count(queuing, "queueLengthLimit"),
        age_of(level, now),
    ]


def _count(holder: object, member: str) -> Cell:
    return NONE if holder is None else integer(holder, member)


def _storage_migration(migration: Object, now: datetime) -> Row:
    group = text(migration, "spec", "resource", "group")
    status = "Unknown"
    for condition in objects(migration, "status", "conditions"):
        kind = text(condition, "type")
        if text(condition, "status") == "True" and kind in ("Running", "Failed", "Succeeded"):
            status = kind
    resource = text(migration, "spec", "resource", "resource")
    return [name_of(migration), f"{resource}.{group}" if group else resource, status]


ROWS: dict[str, MakeRow] = {
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
    "apiservices.apiregistration.k8s.io": _api_service,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _webhooks,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _webhooks,
    "validatingadmissionpolicies.admissionregistration.k8s.io": _validating_policy,
    "mutatingadmissionpolicies.admissionregistration.k8s.io": _mutating_policy,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": _policy_binding,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": _policy_binding,
    "flowschemas.flowcontrol.apiserver.k8s.io": _flow_schema,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": _priority_level,
    "storageversionmigrations.storagemigration.k8s.io": _storage_migration,
}
