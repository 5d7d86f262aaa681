"""Parts of rows that many kinds share."""

from collections.abc import Sequence
from datetime import datetime

from app.cache.ages import since
from app.cache.tables.selector_text import NONE
from app.cache.tables.table_model import Row
from app.json_access import Object, at, objects, text

UNSET = "<unset>"


def name_of(obj: Object) -> str:
    """The name of an object; empty where it has none."""
    return text(obj, "metadata", "name")


def age_of(obj: Object, now: datetime) -> str:
    """Return how long ago an object was created, as ``5d``: the AGE of most tables."""
    return since(at(obj, "metadata", "creationTimestamp"), now)


def name_and_age(obj: Object, now: datetime) -> Row:
    """The row of a resource of which only the name and the age are printed."""
    return [name_of(obj), age_of(obj, now)]


def created_at(obj: Object) -> str:
    """When it was made; kube-apiserver prints Go's zero time where that is not known."""
    return text(obj, "metadata", "creationTimestamp") or "0001-01-01T00:00:00Z"


def is_deleted(obj: Object) -> bool:
    """Whether an object is being deleted."""
    return at(obj, "metadata", "deletionTimestamp") is not None


def containers_of(spec: object) -> tuple[str, str]:
    """The names and the images of the containers of a pod's spec."""
    containers = objects(spec, "containers")
    return ",".join(text(container, "name") for container in containers), ",".join(
        text(container, "image") for container in containers
    )


def some(values: Sequence[str], most: int = 3) -> str:
    """The first few, and how many more there are; ``<unset>`` where there are none."""
    shown = ",".join(values[:most])
    return f"{shown} + {len(values) - most} more..." if len(values) > most else shown or UNSET


def condition_of(obj: Object, kind: str) -> Object | None:
    """The first condition of a type."""
    return next(
        (condition for condition in objects(obj, "status", "conditions") if text(condition, "type") == kind),
        None,
    )


def or_none(value: str) -> str:
    """The value, ``<none>`` in place of an empty one."""
    return value or NONE
