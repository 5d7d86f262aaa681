"""Objects as lines of a table: kubectl's columns, and CLUSTER in front."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from app.cache.tables import Cell, Column, Sheet, table_for
from app.commands.object_args import Object, called
from app.commands.server_connection import Complaint

if TYPE_CHECKING:
    from app.client import AsyncFleet

_cluster = operator.itemgetter("cluster")


class Rows:
    """The table of one resource, called ``pods`` or ``deployments.apps``.

    ``printer_columns`` are those of its CustomResourceDefinition, where one defines it. ``first`` is a
    column in front of all others; ``whole_names`` puts the kind before each name.
    """

    def __init__(
        self,
        resource: str,
        *,
        namespaced: bool,
        printer_columns: Sequence[Object] | None = None,
        wide: bool = False,
        first: str = "",
        whole_names: bool = False,
    ) -> None:
        self._table = table_for(resource, printer_columns)
        self._namespaced = namespaced
        self._wide = wide
        self._whole_names = whole_names
        places = [*([first] if first else []), "Cluster", *(["Namespace"] if namespaced else [])]
        self._columns = [*map(Column, places), *self._table.columns]
        self._name_at = next(
            (at for at, column in enumerate(self._table.columns) if column.format == "name"), None
        )
        self._widest: list[Cell] = ["" for _ in self._columns]

    def lines(self, objects: Iterable[Object], now: datetime) -> list[str]:
        """The header and a line for each object, each with its line end; nothing where there are none."""
        sheet = Sheet(self._columns, wide=self._wide)
        for row in self._rows(objects, now):
            sheet.add(row)
        return [*sheet.lines()]

    def more(
        self, objects: Iterable[Object], now: datetime, firsts: Sequence[str] | None = None
    ) -> list[str]:
        """The same below what was printed before: columns never get narrower.

        ``firsts`` are the cells of the column in front, one for each object.
        """
        rows = [*self._rows(objects, now)]
        if firsts is not None:
            rows = [[cell, *row] for cell, row in zip(firsts, rows, strict=True)]
        for row in rows:
            self._widest = [
                max(before, cell, key=lambda each: len(str(each)))
                # Of some resources there are more cells than columns, as kube-apiserver has it.
                for before, cell in zip(self._widest, row, strict=False)
            ]
        sheet = Sheet(self._columns, wide=self._wide)
        for row in (self._widest, *rows):
            sheet.add(row)
        header, _, *lines = sheet.lines()
        return [header, *lines]

    def _rows(self, objects: Iterable[Object], now: datetime) -> Iterable[list[Cell]]:
        for cluster, some in groupby(objects, key=_cluster):
            found = [*some]
            for each, cells in zip(found, self._table.rows(found, now), strict=True):
                row = [*cells]
                if self._whole_names and self._name_at is not None:
                    row[self._name_at] = called(each)
                namespace = [each["metadata"].get("namespace", "")] if self._namespaced else []
                yield [cluster, *namespace, *row]


_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


async def rows_of(fleet: "AsyncFleet", example: Object, **how: Any) -> Rows:
    """The table for objects such as ``example``; ``how`` are the other arguments of Rows."""
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
