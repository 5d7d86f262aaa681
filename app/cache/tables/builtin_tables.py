"""Which table a resource has.

``columns.json`` holds the column definitions of the resources that Kubernetes itself
defines, word for word as kube-apiserver 1.37 gives them; ``$name`` and
``$creationTimestamp`` stand for the two descriptions that nearly all tables share.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files

import msgspec

from app.cache.tables import (
    api_tables,
    autoscaler_tables,
    core_tables,
    network_tables,
    rbac_tables,
    storage_tables,
    workload_tables,
)
from app.cache.tables.crd_columns import custom_table
from app.cache.tables.row_parts import created_at, name_and_age, name_of
from app.cache.tables.table_model import Column, MakeRow, MakeRows, Row, Table
from app.json_access import Object

_ROWS: dict[str, MakeRow] = {
    **workload_tables.ROWS,
    **autoscaler_tables.ROWS,
    **core_tables.ROWS,
    **network_tables.ROWS,
    **storage_tables.ROWS,
    **rbac_tables.ROWS,
    **api_tables.ROWS,
}
_OF_LISTS: dict[str, MakeRows] = storage_tables.OF_LISTS


class _Definitions(msgspec.Struct):
    descriptions: dict[str, str]
    columns: dict[str, list[Column]]


def table_for(resource: str, columns: Sequence[Object] | None = None) -> Table:
    """The table of a resource by its name, ``pods`` or ``deployments.apps``.

    ``columns`` are the additionalPrinterColumns where a CustomResourceDefinition defines
    it, an empty sequence where that has none. Without, what Kubernetes does not define
    itself has its name and its age, which is what kubectl prints of it.
    """
    tables = _tables()
    name, created = tables["serviceaccounts"].columns
    if columns is not None:
        return custom_table(columns, name, created)
    return tables.get(resource) or Table((name, created), name_and_age)


@cache
def _tables() -> dict[str, Table]:
    document = (files("app.cache.tables") / "columns.json").read_bytes()
    definitions = msgspec.json.decode(document, type=_Definitions)
    shared = definitions.descriptions
    return {
        resource: Table(
            tuple(
                msgspec.structs.replace(
                    column, description=shared.get(column.description, column.description)
                )
                for column in columns
            ),
            _ROWS.get(resource, _name_and_time),
            _OF_LISTS.get(resource),
        )
        for resource, columns in definitions.columns.items()
    }


def _name_and_time(obj: Object, now: datetime) -> Row:
    """Of roles and limit ranges, say: ``rest.NewDefaultTableConvertor`` of k8s.io/apiserver."""
    return [name_of(obj), created_at(obj)]
