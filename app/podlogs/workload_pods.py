"""A workload as far as the logs of its pods are concerned: which pods it has, and whether it is finished."""

from typing import Any

import msgspec

from app.cache.query.label_selectors import LabelSelector, Requirement, SelectorError
from app.podlogs.pod_containers import PodSpec


class _Expression(msgspec.Struct):
    key: str
    operator: str
    values: list[str] | None = None


class _Selector(msgspec.Struct):
    matchLabels: dict[str, str] | None = None
    matchExpressions: list[_Expression] | None = None


class _Template(msgspec.Struct):
    spec: PodSpec | None = None


class _Spec(msgspec.Struct):
    selector: msgspec.Raw = msgspec.Raw(b"null")
    template: _Template | None = None


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""


class _Status(msgspec.Struct):
    conditions: list[_Condition] | None = None


class _Metadata(msgspec.Struct):
    uid: str = ""


class Workload(msgspec.Struct):
    """Anything that selects pods."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status | None = None

    def container_names(self) -> list[str]:
        """Those that its pods will have; none where it does not say."""
        template = self.spec.template
        return template.spec.names() if template is not None and template.spec is not None else []

    def has_finished(self) -> bool:
        """Whether it is a job that has completed or failed."""
        conditions = self.status.conditions if self.status is not None else None
        return any(
            condition.type in ("Complete", "Failed") and condition.status == "True"
            for condition in conditions or ()
        )

    def selector(self) -> LabelSelector | None:
        """Which pods it has; None for none. Services have plain labels. Raises msgspec.DecodeError."""
        members = msgspec.json.decode(self.spec.selector, type=dict[str, Any] | None)
        if not members:
            return None
        if not {"matchLabels", "matchExpressions"} & members.keys():
            labels = msgspec.convert(members, dict[str, str])
            return LabelSelector(
                tuple(Requirement(key, "in", (value,)) for key, value in sorted(labels.items()))
            )
        selector = msgspec.convert(members, _Selector)
        parts = [f"{key}={value}" for key, value in (selector.matchLabels or {}).items()]
        parts += [_requirement(expression) for expression in selector.matchExpressions or ()]
        try:
            return LabelSelector.parse(",".join(parts))
        except SelectorError as error:
            raise msgspec.ValidationError(str(error)) from None


def _requirement(expression: _Expression) -> str:
    values = ",".join(expression.values or ())
    forms = {
        "In": f"{expression.key} in ({values})",
        "NotIn": f"{expression.key} notin ({values})",
        "Exists": expression.key,
        "DoesNotExist": f"!{expression.key}",
    }
    return forms.get(expression.operator, "")
