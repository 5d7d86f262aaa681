"""Print objects as lines of a table: kubectl's columns, with CLUSTER in front."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from app.cache.tables import Cell, Column, Sheet, table_for
from app.commands.object_args import Object, qualified_name
from app.commands.server_connection import CommandError

if TYPE_CHECKING:
    from app.client import AsyncFleet

_cluster = operator.itemgetter("cluster")


class ResourceTable:
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
        """Return the header and a line for each object, with line ends; nothing for no objects."""
        sheet = Sheet(self._columns, wide=self._wide)
        for row in self._rows(objects, now):
            sheet.add(row)
        return [*sheet.lines()]

    def more(
        self, objects: Iterable[Object], now: datetime, firsts: Sequence[str] | None = None
    ) -> list[str]:
        """Return the same to be printed below earlier lines: columns never get narrower.

        ``firsts`` are the cells of the column ``first``, one for each object.
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
        for cluster, group in groupby(objects, key=_cluster):
            of_cluster = [*group]
            for obj, cells in zip(of_cluster, self._table.rows(of_cluster, now), strict=True):
                row = [*cells]
                if self._whole_names and self._name_at is not None:
                    row[self._name_at] = qualified_name(obj)
                namespace = [obj["metadata"].get("namespace", "")] if self._namespaced else []
                yield [cluster, *namespace, *row]


_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


async def resource_table(fleet: "AsyncFleet", example: Object, **options: Any) -> ResourceTable:
    """Return the table for objects of the kind of ``example``; ``options`` go to ResourceTable. Raises
    CommandError."""
    resource = await _resource(fleet, example)
    columns = None
    if "." in resource["name"]:
        columns = await _printer_columns(fleet, resource["name"], example["apiVersion"].rpartition("/")[2])
    return ResourceTable(
        resource["name"], namespaced=resource["namespaced"], printer_columns=columns, **options
    )


async def _resource(fleet: "AsyncFleet", example: Object) -> Mapping[str, Any]:
    """Return the entry of /resources for an object's kind. Raises CommandError where none serves it."""
    group = _group(example["apiVersion"])
    for resource in await fleet.resources():
        if (resource["kind"], _group(resource["apiVersion"])) == (example["kind"], group):
            return dict(resource)
    raise CommandError(f"the clusters do not serve {example['kind']} of {example['apiVersion']} any more")


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


async def _printer_columns(fleet: "AsyncFleet", resource: str, version: str) -> Sequence[Object] | None:
    """Return a CRD's printer columns, as the first cluster with it defines them; None where no cluster has
    it."""
    definitions = await fleet.list(_DEFINITIONS, field_selector=f"metadata.name={resource}")
    for definition in definitions:
        for version_spec in definition["spec"]["versions"]:
            if version_spec["name"] == version:
                return list(version_spec.get("additionalPrinterColumns") or ())
    return None
