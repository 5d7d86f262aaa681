"""What a resource of the clusters is called, and which columns its table has."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.commands.exit_status import Complaint
from app.commands.object_words import Object

if TYPE_CHECKING:
    from app.client import AsyncFleet
    from app.commands.table_rows import Rows

_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


async def rows_of(fleet: "AsyncFleet", example: Object, **how: Any) -> "Rows":
    """The table for objects such as ``example``; ``how`` are the other arguments of Rows."""
    from app.commands.table_rows import Rows

    resource = await _resource(fleet, example)
    columns = None
    if "." in resource["name"]:
        columns = await _printer_columns(fleet, resource["name"], example["apiVersion"].rpartition("/")[2])
    return Rows(resource["name"], namespaced=resource["namespaced"], printer_columns=columns, **how)


async def _resource(fleet: "AsyncFleet", example: Object) -> Mapping[str, Any]:
    """What the server says of an object's resource. Raises Complaint."""
    group = _group(example["apiVersion"])
    for each in await fleet.resources():
        if (each["kind"], _group(each["apiVersion"])) == (example["kind"], group):
            return dict(each)
    raise Complaint(f"the clusters do not serve {example['kind']} of {example['apiVersion']} any more")


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


async def _printer_columns(fleet: "AsyncFleet", resource: str, version: str) -> Sequence[Object] | None:
    """Those of the first cluster that defines the resource; None where no definition is known."""
    definitions = await fleet.list(_DEFINITIONS, field_selector=f"metadata.name={resource}")
    for definition in definitions:
        for each in definition["spec"]["versions"]:
            if each["name"] == version:
                return list(each.get("additionalPrinterColumns") or ())
    return None
