"""What a resource of the clusters is called, and which columns its table has."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.commands.rows import Object, Rows

if TYPE_CHECKING:
    from app.client import AsyncFleet

_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


async def rows_of(fleet: "AsyncFleet", example: Object, resource: str, *, wide: bool, **how: Any) -> Rows:
    """The table for objects such as ``example``, of the resource of this name (``deployments.apps``)."""
    columns = None
    if "." in resource:
        columns = await _printer_columns(fleet, resource, example["apiVersion"].rpartition("/")[2])
    namespaced = bool(example["metadata"].get("namespace"))
    return Rows(resource, namespaced=namespaced, printer_columns=columns, wide=wide, **how)


async def _printer_columns(fleet: "AsyncFleet", resource: str, version: str) -> Sequence[Object] | None:
    """Those of the first cluster that defines the resource; None where no definition is known."""
    definitions = await fleet.list(_DEFINITIONS, field_selector=f"metadata.name={resource}")
    for definition in definitions:
        for each in definition["spec"]["versions"]:
            if each["name"] == version:
                return list(each.get("additionalPrinterColumns") or ())
    return None


async def name_of(fleet: "AsyncFleet", example: Object) -> str:
    """The name of an object's resource."""
    for each in await fleet.resources():
        if (each["kind"], each["apiVersion"]) == (example["kind"], example["apiVersion"]):
            return str(each["name"])
    return example["kind"].lower() + "s"
