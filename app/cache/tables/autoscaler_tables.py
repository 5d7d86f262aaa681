"""Rows of horizontal pod autoscalers.

From ``printHorizontalPodAutoscaler`` of kubernetes/pkg/printers/internalversion/printers.go,
1.37; of autoscaling/v1, which Kubernetes before 1.23 prefers, the target for CPU.
"""

from datetime import datetime

from app.cache.tables.row_parts import UNSET, age_of, name_of
from app.cache.tables.selector_text import NONE
from app.cache.tables.table_model import MakeRow, Row
from app.json_access import Object, at, integer, mapping, objects, printed, size, text

_UNKNOWN = "<unknown>"
_SHOWN = 2
_MEMBERS = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}


def _autoscaler(autoscaler: Object, now: datetime) -> Row:
    spec = mapping(autoscaler, "spec")
    return [
        name_of(autoscaler),
        f"{text(spec, 'scaleTargetRef', 'kind')}/{text(spec, 'scaleTargetRef', 'name')}",
        _metrics(autoscaler),
        printed(spec, "minReplicas", missing=UNSET),
        integer(spec, "maxReplicas"),
        integer(autoscaler, "status", "currentReplicas"),
        age_of(autoscaler, now),
    ]


def _metrics(autoscaler: Object) -> str:
    target = at(autoscaler, "spec", "targetCPUUtilizationPercentage")
    if target is not None:
        current = _percent(at(autoscaler, "status", "currentCPUUtilizationPercentage"), _UNKNOWN)
        return f"cpu: {current}/{_percent(target, '<auto>')}"
    specs = objects(autoscaler, "spec", "metrics")
    if not specs:
        return NONE
    statuses = objects(autoscaler, "status", "currentMetrics")
    statuses += [{}] * (len(specs) - len(statuses))
    metrics = [_metric(spec, status) for spec, status in zip(specs, statuses, strict=False)]
    shown = ", ".join(metrics[:_SHOWN])
    return f"{shown} + {len(metrics) - _SHOWN} more..." if len(metrics) > _SHOWN else shown


def _metric(spec: Object, status: Object) -> str:
    kind = text(spec, "type")
    member = _MEMBERS.get(kind)
    if member is None:
        return "<unknown type>"
    target = mapping(spec, member, "target")
    current = mapping(status, member, "current")
    average = printed(target, "averageValue")
    if kind in ("Resource", "ContainerResource"):
        name = text(spec, member, "name")
        if average:
            return f"{name}: {_reported(status, member, 'averageValue')}/{average}"
        used = _percent(at(current, "averageUtilization"), _UNKNOWN)
        return f"{name}: {used}/{_percent(at(target, 'averageUtilization'), '<auto>')}"
    if kind == "Pods":
        return f"{_reported(status, member, 'averageValue')}/{average}"
    if average:
        return f"{printed(current, 'averageValue', missing=_UNKNOWN)}/{average} (avg)"
    return f"{_reported(status, member, 'value')}/{printed(target, 'value')}"


def _reported(status: Object, member: str, value: str) -> str:
    """A current value; Go's ``<nil>`` where a metric is reported without it."""
    return printed(status, member, "current", value, missing="<nil>" if size(status, member) else _UNKNOWN)


def _percent(value: object, missing: str) -> str:
    return f"{value}%" if isinstance(value, int) and not isinstance(value, bool) else missing


ROWS: dict[str, MakeRow] = {"horizontalpodautoscalers.autoscaling": _autoscaler}
