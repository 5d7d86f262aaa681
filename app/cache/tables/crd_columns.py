"""The table of a custom resource, from the additionalPrinterColumns of its definition.

As ``tableconvertor.New`` of
k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor/tableconvertor.go.
"""

from collections.abc import Sequence
from datetime import datetime

from app.cache.ages import UNKNOWN, parse_time, since
from app.cache.query.jsonpath import JsonPath, JsonPathError, compiled
from app.cache.tables.go_format import marshal, sprint
from app.cache.tables.row_parts import name_of
from app.cache.tables.table_model import Cell, Column, Row, Table
from app.json_access import Object, integer, text
from app.jsontext import HugeNumber

_DEFAULT: Sequence[Object] = ({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},)


def custom_table(definitions: Sequence[Object], name: Column, created: Column) -> Table:
    """``definitions`` are the additionalPrinterColumns of the version that is shown.

    The first column is ``name``; where nothing is defined, the second has the
    description of ``created``. A path that cannot be read ends the table before it.
    """
    columns, paths = [name], []
    for definition in definitions or _DEFAULT:
        path = text(definition, "jsonPath")
        try:
            paths.append(compiled(path))
        except JsonPathError:
            break
        described = text(definition, "description")
        if not described and definitions:
            described = f"Custom resource definition column (in JSONPath format): {path}"
        columns.append(
            Column(
                name=text(definition, "name"),
                type=text(definition, "type"),
                format=text(definition, "format"),
                description=described or created.description,
                priority=integer(definition, "priority"),
            )
        )
    kinds = [column.type for column in columns[1:]]

    def row(obj: Object, now: datetime) -> Row:
        return [name_of(obj), *(_cell(kind, path, obj, now) for kind, path in zip(kinds, paths, strict=True))]

    return Table(tuple(columns), row)


def _cell(kind: str, path: JsonPath, obj: Object, now: datetime) -> Cell:
    values = path.find(obj)
    if not values:
        return None
    value = values[0]
    match kind, value:
        case "string", None:
            return "<no value>"
        case (("string" | "integer" | "number"), HugeNumber()):
            return str(value)
        case "string", dict() | list():
            return marshal(value)
        case "string", _:
            return sprint(value)
        case "boolean", bool():
            return value
        case "date", str():
            return _age(value, now)
        case (("integer" | "number"), bool()):
            return None
        case (("integer" | "number"), int()):
            return value
        case "integer", float():
            return int(value)
        case "number", float():
            return int(value) if value.is_integer() and abs(value) < 1e21 else value
    return None


def _age(value: str, now: datetime) -> str:
    if value in ("", "null"):
        return UNKNOWN
    moment = parse_time(value)
    if moment is not None:
        return since(moment, now)
    return UNKNOWN if value == "0001-01-01T00:00:00Z" else "<invalid>"
