"""The lines of a log that was requested with ``timestamps=true``, as its chunks come."""

import re
from calendar import timegm
from datetime import datetime
from functools import lru_cache

# In bytes. Longer lines are cut, so that a log without line ends is not held in memory.
LONGEST_LINE = 256 * 1024
_STAMP = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)(?: |\Z)", re.ASCII
)
_BEGUN_STAMP = re.compile(rb"\d[0-9T:.,+-]{0,40}\Z", re.ASCII)
_NANOSECONDS = 10**9
_LEAP_SECOND = b":60"

# Of a line, or of a part of one that is too long: its time in nanoseconds since 1970, None where none stands
# in front; the text; whether the line begins with it; whether the line ends with it.
LinePiece = tuple[int | None, bytes, bool, bool]


class LogSplitter:
    """Cuts chunks into lines, and lines that are too long into pieces of ``LONGEST_LINE``."""

    def __init__(self) -> None:
        self._rest = b""
        self._within = False
        self._stamped = False

    def feed(self, chunk: bytes) -> list[LinePiece]:
        """Return the lines that end in a chunk; what follows the last line end is kept for the next one."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        pieces: list[LinePiece] = []
        for line in lines:
            self._piece(self._cut(line, pieces), pieces, ends=True)
        self._rest = self._cut(rest, pieces)
        return pieces

    def rest(self) -> list[LinePiece]:
        """Return the last line where its end did not come; nothing where not even its time is whole."""
        pieces: list[LinePiece] = []
        begun = self._stamped and not self._within and _BEGUN_STAMP.match(self._rest)
        if self._rest and not (begun and _parse(self._rest) is None):
            self._piece(self._rest, pieces, ends=False)
        return pieces

    def _cut(self, line: bytes, pieces: list[LinePiece]) -> bytes:
        while len(line) > LONGEST_LINE:
            end = LONGEST_LINE
            # Between characters, unless these are none.
            while end > LONGEST_LINE - 3 and line[end] & 0xC0 == 0x80:
                end -= 1
            self._piece(line[:end], pieces, ends=False)
            line = line[end:]
        return line

    def _piece(self, line: bytes, pieces: list[LinePiece], *, ends: bool) -> None:
        starts, self._within = not self._within, not ends
        if starts and (parsed := _parse(line)) is not None:
            self._stamped = True
            pieces.append((parsed[0], line[parsed[1] :], True, ends))
        else:
            pieces.append((None, line, starts, ends))


def _parse(line: bytes) -> tuple[int, int] | None:
    """The time in front of a line, and where the text begins behind it."""
    match = _STAMP.match(line)
    if match is None:
        return None
    moment, fraction, zone = match.groups()
    seconds = _seconds(moment)
    if seconds is None:
        return None
    nanoseconds = int(fraction.ljust(9, b"0")) if fraction else 0
    return (seconds - _offset(zone)) * _NANOSECONDS + nanoseconds, match.end()


@lru_cache(1024)
def _seconds(moment: bytes) -> int | None:
    """Seconds since 1970 of a moment without a zone; None for one that is in no calendar."""
    leap = moment.endswith(_LEAP_SECOND)
    try:
        at = datetime.fromisoformat((moment[:-3] + b":59" if leap else moment).decode())
    except ValueError:
        return None
    return timegm(at.timetuple()) + leap


@lru_cache(64)
def _offset(zone: bytes) -> int:
    """Seconds that a zone is ahead of UTC."""
    if zone == b"Z":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return seconds if zone[:1] == b"+" else -seconds
