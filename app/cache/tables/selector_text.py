"""Labels and label selectors as text.

``labels.FormatLabels`` and ``metav1.FormatLabelSelector`` of k8s.io/apimachinery.
"""

from typing import Any

from app.json_access import Object, mapping, objects, printed, text, texts

NONE = "<none>"

_SETS = {"In": "in", "NotIn": "notin"}


def labels_text(labels: Object) -> str:
    """``a=b,c=d``; ``<none>`` where there are none."""
    return ",".join(sorted(f"{name}={printed(value)}" for name, value in labels.items())) or NONE


def selector_text(selector: Any, *, nothing: str = NONE, invalid: str = "<error>") -> str:
    """``a=b,c in (d,e),!f``; ``nothing`` for a selector without requirements, or none."""
    requirements = [
        (name, f"{name}={printed(value)}") for name, value in mapping(selector, "matchLabels").items()
    ]
    for expression in objects(selector, "matchExpressions"):
        key, operator = text(expression, "key"), text(expression, "operator")
        values = texts(expression, "values")
        if operator in _SETS and values:
            requirements.append((key, f"{key} {_SETS[operator]} ({','.join(sorted(values))})"))
        elif operator == "Exists":
            requirements.append((key, key))
        elif operator == "DoesNotExist":
            requirements.append((key, f"!{key}"))
        else:
            return invalid
    requirements.sort(key=lambda requirement: requirement[0])
    return ",".join(requirement for _, requirement in requirements) or nothing
