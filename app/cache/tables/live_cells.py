"""Cells for who shows them for longer than a moment: ages go on, whatever an object looks like."""

import re
from collections.abc import Mapping

from app.cache.ages import MARK, UNCOUNTED
from app.cache.objects import CachedObject
from app.cache.tables.table_model import Cell, Table

# An age is {"since": "2026-11-27T10:00:00Z"}; where more than the age is said, "text" has {} in its place.
LiveCell = Cell | Mapping[str, str]

_AGE = re.compile(f"{MARK}([0-9T:.Z+-]+){MARK}")
# Beyond, a client that reads numbers as doubles would see another one.
_EXACT = 1 << 53


def live_cells(table: Table, cached: CachedObject) -> list[LiveCell]:
    """The row of an object; all but its name is unknown where it cannot be made."""
    (row,) = table.rows_of([cached], UNCOUNTED)
    return [_live(cell) for cell in row]


def _live(cell: Cell) -> LiveCell:
    if isinstance(cell, str):
        age = _AGE.search(cell) if MARK in cell else None
        if age is None:
            return cell
        since, text = age[1], f"{cell[: age.start()]}{{}}{cell[age.end() :]}"
        return {"since": since} if text == "{}" else {"since": since, "text": text}
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) > _EXACT:
        return str(cell)
    return cell
