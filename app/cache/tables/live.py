"""Cells for who shows them for longer than a moment: ages go on, whatever an object looks like."""

import logging
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from app.cache.ages import MARK, UNCOUNTED, UNKNOWN
from app.cache.objects import CachedObject, decoded
from app.cache.tables.model import Cell, Table

log = logging.getLogger(__name__)

# An age is {"since": "2026-11-27T10:00:00Z"}; where more than the age is said, "text" has {} in its place.
LiveCell = Cell | Mapping[str, str]

_AGE = re.compile(f"{MARK}([0-9T:.Z+-]+){MARK}")
# Beyond, a client that reads numbers as doubles would see another one.
_EXACT = 1 << 53


def live_cells(table: Table, found: CachedObject) -> list[LiveCell]:
    """The row of an object; all but its name is unknown where it cannot be made."""
    try:
        obj: Any = decoded(found.json)
        (row,) = table.rows([obj], UNCOUNTED)
    except Exception as error:
        # Whatever one object does must not end the stream of all others.
        _report(found.name, repr(error)[:200])
        return [found.name if column.format == "name" else UNKNOWN for column in table.columns]
    return [_live(cell) for cell in row]


@lru_cache(maxsize=100)
def _report(name: str, error: str) -> None:
    """Once for each fault, however often the object changes."""
    log.warning("no row can be made of an object", extra={"object": name, "error": error})


def _live(cell: Cell) -> LiveCell:
    if isinstance(cell, str):
        age = _AGE.search(cell) if MARK in cell else None
        if age is None:
            return cell
        since, text = age[1], f"{cell[: age.start()]}{{}}{cell[age.end() :]}"
        return {"since": since} if text == "{}" else {"since": since, "text": text}
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) > _EXACT:
        return str(cell)
    # JSON has no other numbers.
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
