"""Write to stdout and stderr: plain text for pipes; colours, progress and live tables on a terminal."""

import asyncio
import os
import re
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Any, Self, TextIO

# No progress is shown for what takes less time than this.
QUICK_SECONDS = 0.5
STEP_SECONDS = 0.1
_WARNINGS = 5


def is_terminal(stream: TextIO) -> bool:
    """Return whether the stream is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_colourful(stream: TextIO) -> bool:
    """Return whether to write colours: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def write(text: str) -> None:
    """Write to stdout. Raises OSError."""
    sys.stdout.write(text)


def write_json(document: Any) -> None:
    """Write an indented JSON document to stdout. Raises OSError."""
    from app import jsontext

    write(jsontext.encode(document, indented=True).decode() + "\n")


def write_yaml(document: Any) -> None:
    """Write a YAML document to stdout. Raises OSError."""
    from app.yamltext import dump

    write(dump(document).decode())


def painted_cluster(cluster: str) -> str:
    """Return the name of a cluster, in its colour where stdout takes colours."""
    return paint(cluster, cluster_colour(cluster)) if is_colourful(sys.stdout) else cluster


def flush() -> None:
    """Flush stdout. Raises OSError."""
    sys.stdout.flush()


def write_table(lines: Iterable[str], *, begins: bool = True) -> None:
    """Write lines, each with its end, of which the first is the header; it is left out unless ``begins``."""
    rest = iter(lines)
    header = next(rest, "")
    painter = TablePainter(header) if is_colourful(sys.stdout) else None
    if begins:
        write(header if painter is None else painter.header + "\n")
    for line in rest:
        write(line if painter is None else painter.line(line.rstrip("\n")) + "\n")


def one_line(text: str) -> str:
    """Return a text without line ends and control characters."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def print_message(text: str) -> None:
    """Write one line to stderr, after all that was written to stdout."""
    with suppress(OSError):
        flush()
    clear_progress_line()
    sys.stderr.write(f"k8s-mcp: {one_line(text)}\n")


def print_api_warning(cluster: str, warning: str) -> None:
    """Write a warning of a cluster's API server to stderr, as kubectl does."""
    with suppress(OSError):
        flush()
    clear_progress_line()
    sys.stderr.write(f"Warning: {f'{cluster}: ' if cluster else ''}{one_line(warning)}\n")


def warn_unsynced(clusters: Sequence[Mapping[str, Any]]) -> bool:
    """Warn on stderr of clusters that are not synced, whose objects may be missing or old; return whether
    there are any.

    Objects that the server could not decode are warned of too.
    """
    unsynced = [cluster for cluster in clusters if cluster["state"] != "synced"]
    for cluster in unsynced[:_WARNINGS]:
        since = f" since {cluster['since']}" if cluster.get("since") else ""
        why = f": {cluster['error']}" if cluster.get("error") else ""
        print_message(f"warning: {cluster['name']} is {cluster['state']}{since}{why}")
    if len(unsynced) > _WARNINGS:
        names = ", ".join(cluster["name"] for cluster in unsynced[_WARNINGS:])
        print_message(f"warning: {len(unsynced) - _WARNINGS} more clusters are not synced: {names}")
    for cluster in clusters:
        if number := cluster.get("unreadable", 0):
            what = "an object" if number == 1 else f"{number} objects"
            print_message(f"warning: {what} of {cluster['name']} cannot be read; the server's log says which")
    return bool(unsynced)


@asynccontextmanager
async def progress(text: str, steps: int | None = None) -> AsyncIterator[Callable[[], None]]:
    """Show ``text`` with a spinner once the block takes long, on a terminal. Yields a function that counts a
    step."""
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1

    if not is_terminal(sys.stderr):
        yield advance
        return
    showing = asyncio.create_task(_show(text, steps, lambda: done))
    try:
        yield advance
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing


async def _show(text: str, steps: int | None, done: Callable[[], int]) -> None:
    await asyncio.sleep(QUICK_SECONDS)
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    words = TextColumn("{task.description}", markup=False)
    counted = [MofNCompleteColumn()] if steps is not None else []
    columns = (SpinnerColumn(), words, *counted, TimeElapsedColumn())
    shown = Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    )
    with shown, _in_line():
        task = shown.add_task(text, total=steps)
        while True:
            shown.update(task, completed=done())
            await asyncio.sleep(STEP_SECONDS)


@contextmanager
def _in_line() -> Iterator[None]:
    """Mark that progress has the last line of the terminal, which other output must clear first."""
    _Progress.visible = True
    try:
        yield
    finally:
        _Progress.visible = False


class _Progress:
    visible = False


def clear_progress_line() -> None:
    """Clear the line that progress is shown in; progress draws it again below."""
    if _Progress.visible:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


_HEADING = re.compile(r"\S+(?: \S+)*")
_COUNT = re.compile(r"(\d+)/(\d+)")
_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"
# Of the colours that all terminals have, those that stand for no state.
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
    """Return the text in the colour of SGR codes (ECMA-48); "" for none."""
    return f"\x1b[{codes}m{text}\x1b[0m" if codes else text


def cluster_colour(name: str) -> str:
    """Return SGR codes for a name, always the same for the same name."""
    return _PLACES[zlib.crc32(name.encode()) % len(_PLACES)]


class TablePainter:
    """Colours the lines below a header; columns begin where the header's words begin."""

    def __init__(self, header: str) -> None:
        self._columns = [(heading[0], heading.start()) for heading in _HEADING.finditer(header)]
        self.header = paint(header.rstrip("\n"), _BOLD)

    def line(self, line: str) -> str:
        """Return a line with its cells in colours."""
        parts = []
        starts = [start for _, start in self._columns]
        for (name, start), end in zip(self._columns, [*starts[1:], len(line)], strict=True):
            cell = line[start:end]
            text = cell.rstrip()
            parts.append(paint(text, _codes(name, text)) + cell[len(text) :] if text else cell)
        return "".join(parts)


def _codes(column: str, text: str) -> str:
    if column == "CLUSTER":
        return cluster_colour(text)
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
    """Return SGR codes of a state: green if healthy, yellow in progress, red failed, dim completed; "" for
    others."""
    first = text.partition(",")[0].lower()
    if first in _GOOD:
        return _GREEN if "," not in text else _YELLOW
    if first in _OVER:
        return _DIM
    if _UNDER_WAY.match(text):
        return _YELLOW
    return _RED if _BAD.match(text) else ""


# For the line below the table, and the one that the cursor is in.
_BELOW = 2


class LiveTable:
    """A table that is redrawn in place, cut to the present size of the terminal."""

    def __init__(self, *, colour: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self._colour = colour
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._live.stop()

    @property
    def room(self) -> int:
        """The number of lines that fit below the header."""
        return max(1, self._console.size.height - _BELOW - 1)

    def show(self, lines: Sequence[str], below: str = "", flashing: frozenset[int] = frozenset()) -> None:
        """Show lines, the first of which is the header; ``flashing`` are numbers of lines that changed."""
        from rich.console import Group
        from rich.text import Text

        cut = lines[: self.room + 1]
        shown = [Text.from_ansi(text, no_wrap=True, overflow="crop") for text in self._painted(cut)]
        for number in flashing:
            shown[number].stylize("reverse")
        hidden = len(lines) - len(cut)
        foot = Text(f"{hidden} more; {below}" if hidden else below, "dim", no_wrap=True, overflow="crop")
        self._live.update(Group(*shown, foot), refresh=True)

    def _painted(self, lines: Sequence[str]) -> list[str]:
        plain = [line.rstrip("\n") for line in lines]
        if not plain or not self._colour:
            return plain
        painter = TablePainter(plain[0])
        return [painter.header, *map(painter.line, plain[1:])]
