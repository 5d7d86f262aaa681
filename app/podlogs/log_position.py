"""How far a log has been sent, so that it can be continued after a broken connection.

An API server takes the time to go on from in whole seconds; lines may have the same time, or
stand in another order than their times. So the lines of the last second or two are counted by
their times, and when they come again as many of each are left out.
"""

import math
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

from app.podlogs.log_lines import LinePiece
from app.podlogs.log_sources import LogOptions

_SECOND = 10**9
# What stdout and stderr say is written side by side: a line may be a little older than the one before.
_OVERLAP = _SECOND
_DISORDER = _SECOND // 10
_AT_ONCE_SECONDS = 1.0
_MOST_TIMES = 20_000
_MOST_UNSTAMPED = 256


class PodLogPosition:
    """What of one log has been sent, and what of the answer to a further request is new.

    ``is_resumed`` says whether the present answer has had a line that was sent before, or need have none;
    ``last`` is the time of the last line that was sent.
    """

    def __init__(self, options: LogOptions) -> None:
        self.is_resumed = True
        self.last: int | None = None
        self._options = options
        self._is_limited = options.tail_lines is not None or options.since_seconds is not None
        self._opened: float | None = None
        self._again = False
        self._at: int | None = None
        self._counts: dict[int, int] = {}
        self._left: dict[int, int] = {}
        self._asked_from = 0
        self._forgotten = -1
        self._kept_from = 0
        self._first: tuple[int, int] | None = None
        self._met_first = False
        self._unstamped: deque[int] = deque(maxlen=_MOST_UNSTAMPED)
        self._open_line: tuple[int | None, int] | None = None
        self._skip = 0
        self._leaves_out = False

    @property
    def has_times(self) -> bool:
        """Whether the log can be continued: not where many lines came, and none with a time."""
        return self.last is not None or len(self._unstamped) < _MOST_UNSTAMPED

    def params(self) -> dict[str, str]:
        """Return the next request's parameters: at first what is wanted, then all that has come since."""
        if self.last is not None:
            return {"follow": "true", "sinceTime": self._since()}
        if self._opened is None:
            return self._options.params()
        # There was nothing of what was asked for, so everything since is new.
        seconds = self._options.since_seconds
        if seconds is None and self._options.tail_lines != 0:
            return {"follow": "true"}
        elapsed = math.ceil(time.monotonic() - self._opened) + 1
        return {"follow": "true", "sinceSeconds": str((seconds or 0) + elapsed)}

    def params_of_previous(self) -> dict[str, str]:
        """Return the parameters that get the previous run, which may have lines that were missed."""
        return {"previous": "true", "sinceTime": self._since()}

    def begin(self) -> None:
        """Note that an answer begins."""
        self._again = self._opened is not None
        if self._opened is None:
            self._opened = time.monotonic()
        self._at = None
        start = self._start() * _SECOND
        self._asked_from = start
        self._left = {stamp: count for stamp, count in self._counts.items() if stamp >= start}
        self._leaves_out, self._skip = False, 0
        self._met_first = not self._is_limited or self._first is None or self._first[0] < start
        self.is_resumed = not self._left

    def broke(self) -> None:
        """Note that the answer broke off. Where that was at once, it does not show that the log was empty."""
        heard = self.last is not None or self._unstamped
        if self._opened is not None and not heard and time.monotonic() - self._opened < _AT_ONCE_SECONDS:
            self._opened = None

    def sift(self, pieces: Sequence[LinePiece]) -> list[LinePiece]:
        """Return the pieces that are new. A line without a time has that of the line before."""
        new: list[LinePiece] = []
        for stamp, text, starts, ends in pieces:
            if starts:
                self._leaves_out = self._is_known(stamp, text)
                resumes = self._again and self._open_line is not None and self._open_line[0] == self._at
                self._skip = self._open_line[1] if self._open_line is not None and resumes else 0
            if self._leaves_out:
                continue
            if self._skip:
                rest = text[self._skip :]
                self._skip -= len(text) - len(rest)
                if rest or ends:
                    new.append((self._at, rest, False, ends))
            else:
                new.append((self._at, text, starts, ends))
        return new

    def note(self, pieces: Sequence[LinePiece]) -> None:
        """Note that these pieces are sent."""
        for stamp, text, starts, ends in pieces:
            if not ends:
                size = self._open_line[1] if self._open_line is not None and not starts else 0
                self._open_line = (stamp, size + len(text))
                continue
            self._open_line = None
            if stamp is not None:
                self._counts[stamp] = self._counts.get(stamp, 0) + 1
        stamps = [(stamp, text) for stamp, text, _, _ in pieces if stamp is not None]
        if not stamps:
            return
        if self._first is None:
            self._first = (stamps[0][0], hash(stamps[0][1]))
        self.last = stamps[-1][0]
        # After a clock was set back, what comes may be older than what has been forgotten.
        self._forgotten = min(self._forgotten, self.last - 1)
        self._forget()

    def _is_known(self, stamp: int | None, text: bytes) -> bool:
        """Whether the line that begins so was sent before, or was not wanted."""
        if stamp is None:
            repeated = self._at is None and hash(text) in self._unstamped
            if not repeated:
                self._unstamped.append(hash(text))
            if self._at is None:
                return self._again and repeated
        else:
            self._at = stamp
        at = self._at
        if not self._again or at is None:
            return False
        if at < self._asked_from or at <= self._forgotten:
            return True
        if self._is_before_first(at, text):
            return True
        if not self._left.get(at):
            return False
        self._left[at] -= 1
        self.is_resumed = True
        return True

    def _is_before_first(self, at: int, text: bytes) -> bool:
        """Whether a line is one before the first that was wanted, about as old as that."""
        if self._met_first or self._first is None:
            return False
        self._met_first = (at, hash(text)) == self._first or at > self._first[0] + _DISORDER
        return not self._met_first

    def _start(self) -> int:
        return max(0, ((self.last or 0) - _OVERLAP) // _SECOND)

    def _since(self) -> str:
        return f"{datetime.fromtimestamp(self._start(), UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _forget(self) -> None:
        """Keep no more counts than what is asked for again, nor too many."""
        # The next line may be a little older, so that what is asked for begins earlier than now.
        start = self._start() * _SECOND - _OVERLAP
        if start != self._kept_from:
            self._kept_from = start
            self._counts = {stamp: count for stamp, count in self._counts.items() if stamp >= start}
        if len(self._counts) > _MOST_TIMES:
            oldest = [*islice(self._counts, _MOST_TIMES // 2)]
            self._forgotten = max(self._forgotten, *oldest)
            for stamp in oldest:
                del self._counts[stamp]
