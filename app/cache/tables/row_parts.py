"""Parts of rows that many kinds share."""

from collections.abc import Sequence
from datetime import datetime

from app.cache.ages import since
from app.cache.tables.selector_text import NONE
from app.json_access import Object, at, objects, text

UNSET = "<unset>"


def name_of(obj: Object) -> str:
    return text(obj, "metadata", "name")


def age_of(obj: Object, now: datetime) -> str:
    return since(at(obj, "metadata", "creationTimestamp"), now)


def created_at(obj: Object) -> str:
    """When it was made; kube-apiserver prints Go's zero time where that is not known."""
    return text(obj, "metadata", "creationTimestamp") or "0001-01-01T00:00:00Z"


def is_deleted(obj: Object) -> bool:
    return at(obj, "metadata", "deletionTimestamp") is not None


def containers_of(spec: object) -> tuple[str, str]:
    """The names and the images of the containers of a pod's spec."""
    containers = objects(spec, "containers")
    return ",".join(text(each, "name") for each in containers), ",".join(
        text(each, "image") for each in containers
    )


def some(values: Sequence[str], most: int = 3) -> str:
    """The first few, and how many more there are; ``<unset>`` where there are none."""
    shown = ",".join(values[:most])
    return f"{shown} + {len(values) - most} more..." if len(values) > most else shown or UNSET


def condition_of(obj: Object, kind: str) -> Object | None:
    """The first condition of a type."""
    return next((each for each in objects(obj, "status", "conditions") if text(each, "type") == kind), None)


def or_none(value: str) -> str:
    return value or NONE
