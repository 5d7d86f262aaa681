"""The model of a table: columns as a Kubernetes Table has them, and a row for each object."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from app import jsontext
from app.cache.ages import UNKNOWN
from app.cache.objects import CachedObject
from app.json_access import Object, text

log = logging.getLogger(__name__)

Cell = str | int | float | bool | None
Row = list[Cell]
MakeRow = Callable[[Object, datetime], Row]
MakeRows = Callable[[Sequence[Object], datetime], list[Row]]


class Column(msgspec.Struct, frozen=True):
    """A column definition, with the members of ``TableColumnDefinition`` in their order.

    ``priority`` above 0 is shown only in wide output; the column of the name has the
    ``format`` "name".
    """

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


class Table(msgspec.Struct, frozen=True):
    """The columns of a resource, and what they hold for its objects.

    ``row`` takes one decoded object, of which nothing need be as it should, and the
    time that ages count to; it gives a cell for each column (a resource of which
    kube-apiserver sends more cells than columns excepted).
    """

    columns: tuple[Column, ...]
    row: MakeRow
    of_list: MakeRows | None = None

    def rows(self, objects: Sequence[Object], now: datetime) -> list[Row]:
        """The rows of all objects of one cluster: where one of them is the default, its row says so.

        Of an object of which no row can be made all but the name is unknown.
        """
        if self.of_list is not None:
            try:
                return self.of_list(objects, now)
            except Exception as error:
                _report("", repr(error)[:200])
        return [self._row(obj, now) for obj in objects]

    def rows_of(self, cached: Sequence[CachedObject], now: datetime) -> list[Row]:
        """Return the rows of objects as the cache holds them; `rows` describes them."""
        decoded = [_decoded(held) for held in cached]
        rows = iter(self.rows([obj for obj in decoded if obj is not None], now))
        return [
            self._unknown(held.name) if obj is None else next(rows)
            for held, obj in zip(cached, decoded, strict=True)
        ]

    def _row(self, obj: Object, now: datetime) -> Row:
        try:
            return self.row(obj, now)
        except Exception as error:
            # Whatever one object does must not end the answer for all others.
            name = text(obj, "metadata", "name")
            _report(name, repr(error)[:200])
            return self._unknown(name)

    def _unknown(self, name: str) -> Row:
        return [name if column.format == "name" else UNKNOWN for column in self.columns]


def _decoded(cached: CachedObject) -> Object | None:
    try:
        document: Object = jsontext.decode(cached.json)
    except jsontext.Undecodable as error:
        _report(cached.name, str(error))
        return None
    return document


@lru_cache(maxsize=100)
def _report(name: str, error: str) -> None:
    """Once for each fault, however often the object is shown."""
    log.warning("no row can be made of an object", extra={"object": name, "error": error})
