"""Colours for the lines of a table, where a terminal shows them."""

import re
import zlib

_HEADING = re.compile(r"\S+(?: \S+)*")
_COUNT = re.compile(r"(\d+)/(\d+)")
_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"
# Of the colours of all terminals those that say nothing about health.
_PLACES = ("36", "35", "34", "96", "95", "94")
_GOOD = frozenset({"running", "ready", "active", "bound", "available", "synced", "true", "healthy"})
_OVER = frozenset({"completed", "succeeded", "complete", "normal"})
_UNDER_WAY = re.compile(
    r"pending|.*creating|.*initializing|terminating|unknown|init:\d|syncing|stale|scheduling|released|suspended"
    r"|progressing|warning",
    re.IGNORECASE,
)
_BAD = re.compile(
    r"error|err|.*fail|.*backoff|evicted|oomkilled|unreachable|forbidden|removed|notready|false|lost|invalid"
    r"|unknown|unhealthy|degraded|deadlineexceeded|containercannotrun|nodelost|init:\D",
    re.IGNORECASE,
)
_STATES = frozenset({"STATUS", "STATE", "PHASE", "HEALTH", "TYPE"})
# The types of services and secrets are no states.
_TYPES = frozenset({"normal", "warning"})


def paint(text: str, codes: str) -> str:
    return f"\x1b[{codes}m{text}\x1b[0m" if codes else text


def place_colour(name: str) -> str:
    """The same for the same name, always."""
    return _PLACES[zlib.crc32(name.encode()) % len(_PLACES)]


class Painter:
    """Colours the lines under a header. Columns are where the header has them."""

    def __init__(self, header: str) -> None:
        self._columns = [(found[0], found.start()) for found in _HEADING.finditer(header)]
        self.header = paint(header.rstrip("\n"), _BOLD)

    def line(self, line: str) -> str:
        parts = []
        starts = [start for _, start in self._columns]
        for (name, start), end in zip(self._columns, [*starts[1:], len(line)], strict=True):
            cell = line[start:end]
            text = cell.rstrip()
            parts.append(paint(text, _codes(name, text)) + cell[len(text) :] if text else cell)
        return "".join(parts)


def _codes(column: str, text: str) -> str:
    if column == "CLUSTER":
        return place_colour(text)
    if column in _STATES and (column != "TYPE" or text.lower() in _TYPES):
        return state_colour(text)
    if column == "READY" and (count := _COUNT.fullmatch(text)):
        return "" if count[1] == count[2] else _YELLOW
    if column == "RESTARTS":
        return "" if text.startswith("0") else _YELLOW
    if column == "ERROR":
        return _RED
    return ""


def state_colour(text: str) -> str:
    """Green, yellow, red or dim, as a state is well, under way, bad or over; none for other words."""
    first = text.partition(",")[0].lower()
    if first in _GOOD:
        return _GREEN if "," not in text else _YELLOW
    if first in _OVER:
        return _DIM
    if _UNDER_WAY.match(text):
        return _YELLOW
    return _RED if _BAD.match(text) else ""
