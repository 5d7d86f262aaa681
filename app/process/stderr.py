"""Lines to stderr that never block the process: not with a full disk, nor a pipe that nobody reads.

A line that cannot be written at once waits, up to a bound, and is written by a thread of its own. Lines
that are lost are counted.
"""

import contextlib
import os
import select
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import TextIO

# So much a pipe takes at once or not at all, where it takes anything (POSIX).
_PIECE_BYTES = 512 if sys.platform == "darwin" else select.PIPE_BUF
WAITING_BYTES = 256 * 1024
# How long lines may wait before `error` says that nobody reads them.
SLOW_SECONDS = 5.0
_LOOK_MILLISECONDS = 200
# The kind of the line about those that are missing.
_OWN = "missing"


class StderrWriter:
    """Writes lines to stderr. ``lost`` counts the lines that were not written, by their kind.

    As soon as lines can be written again, ``missing`` is called with these counts, and makes a line of them.
    """

    def __init__(self, stream: TextIO | None, missing: Callable[[Mapping[str, int]], str]) -> None:
        self._missing = missing
        self._reported = 0
        self.lost: Counter[str] = Counter()
        self._stream = stream
        self._descriptor = _descriptor(stream)
        self._lock = threading.Lock()
        self._emptied = threading.Condition(self._lock)
        self._waiting: deque[tuple[bytes, str]] = deque()
        self._waiting_bytes = 0
        self._draining = False
        self._waiting_since = 0.0
        self._error = "" if stream is not None else "stderr is closed"
        # Whether the last line ended early, so that the next one would go on with it.
        self._broken = False

    @property
    def error(self) -> str:
        """The reason why nothing can be written now; "" where it can."""
        with self._lock:
            slow = self._waiting and time.monotonic() - self._waiting_since > SLOW_SECONDS
            return self._error or ("nobody reads what is written" if slow else "")

    def write(self, line: str, kind: str) -> None:
        """Write a line, now or later. Never waits, and never raises."""
        data = f"{line}\n".encode(errors="backslashreplace")
        with self._lock:
            if self._stream is None:
                self.lost[kind] += 1
            elif self._descriptor < 0:
                # No file, as in tests, where nothing can go wrong that matters.
                with contextlib.suppress(OSError, ValueError):
                    self._stream.write(data.decode())
                    self._stream.flush()
            elif self._waiting:
                self._wait(data, kind)
            else:
                left = self._write_now(data, kind)
                if left:
                    self._wait(left, kind)
                else:
                    self._report_missing()

    def close(self, seconds: float) -> None:
        """Wait until all lines are written, at most for ``seconds``."""
        with self._lock:
            self._emptied.wait_for(lambda: not self._waiting, seconds)

    def _write_now(self, data: bytes, kind: str) -> bytes:
        """Write as much as goes at once; return the rest."""
        if self._broken:
            data = b"\n" + data
            self._broken = False
        left = data
        try:
            while left and _takes(self._descriptor, 0):
                left = left[os.write(self._descriptor, left[:_PIECE_BYTES]) :]
                self._error = ""
        except BlockingIOError:
            pass
        except OSError as error:
            self._fail(error, kind)
            self._broken = len(left) < len(data)
            return b""
        return left

    def _fail(self, error: OSError, kind: str) -> None:
        self._error = os.strerror(error.errno or 0)
        self.lost[kind] += 1

    def _report_missing(self) -> None:
        total = self.lost.total()
        if total == self._reported or self._error:
            return
        data = f"{self._missing(self.lost)}\n".encode()
        self._reported = total
        left = self._write_now(data, _OWN)
        if left:
            self._wait(left, _OWN)

    def _wait(self, data: bytes, kind: str) -> None:
        if self._waiting_bytes + len(data) > WAITING_BYTES:
            self.lost[kind] += 1
            return
        if not self._draining:
            self._draining = True
            self._waiting_since = time.monotonic()
            threading.Thread(target=self._drain, name="stderr", daemon=True).start()
        self._waiting.append((data, kind))
        self._waiting_bytes += len(data)

    def _drain(self) -> None:
        """Write the lines that wait, in a thread, until none is left."""
        while True:
            with contextlib.suppress(OSError):
                _takes(self._descriptor, _LOOK_MILLISECONDS)
            with self._lock:
                data, kind = self._waiting.popleft()
                self._waiting_bytes -= len(data)
                left = self._write_now(data, kind)
                if left:
                    self._waiting.appendleft((left, kind))
                    self._waiting_bytes += len(left)
                if len(left) < len(data):
                    self._waiting_since = time.monotonic()
                if not self._waiting:
                    self._report_missing()
                if not self._waiting:
                    self._draining = False
                    self._emptied.notify_all()
                    return


def _descriptor(stream: TextIO | None) -> int:
    """Return the file descriptor of a stream, -1 where it has none."""
    with contextlib.suppress(OSError, ValueError):
        return stream.fileno() if stream is not None else -1
    return -1


def _takes(descriptor: int, milliseconds: int) -> bool:
    """Return whether a write would not block, be it that it would fail."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(milliseconds))
