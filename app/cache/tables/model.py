"""What a table is: columns as a Kubernetes Table has them, and a row for each object."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from app.lenient import Object

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
        """The rows of all objects of one cluster: where one of them is the default, its row says so."""
        if self.of_list is not None:
            return self.of_list(objects, now)
        return [self.row(each, now) for each in objects]
