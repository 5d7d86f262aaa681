"""Writing to stdout and stderr: plain text for pipes; colours, progress and live tables on a terminal."""

import asyncio
import os
import re
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Any, Self, TextIO

# Whoever gets an answer within this sees no progress.
QUICK_SECONDS = 0.5
STEP_SECONDS = 0.1
_WARNINGS = 5


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_colourful(stream: TextIO) -> bool:
    """Whether colours are wanted there; https://no-color.org says how not."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def write(text: str) -> None:
    sys.stdout.write(text)


def write_json(document: Any) -> None:
    from app import jsontext

    write(jsontext.encode(document, indented=True).decode() + "\n")


def write_yaml(document: Any) -> None:
    from app.yamltext import dump

    write(dump(document).decode())


def painted_place(cluster: str) -> str:
    """The name of a cluster, in its colour where colours are wanted."""
    return paint(cluster, place_colour(cluster)) if is_colourful(sys.stdout) else cluster


def flush() -> None:
    sys.stdout.flush()


def write_table(lines: Iterable[str], *, begins: bool = True) -> None:
    """Lines of which the first is the header, each with its end; it is shown where a table ``begins``."""
    rest = iter(lines)
    header = next(rest, "")
    painter = Painter(header) if is_colourful(sys.stdout) else None
    if begins:
        write(header if painter is None else painter.header + "\n")
    for line in rest:
        write(line if painter is None else painter.line(line.rstrip("\n")) + "\n")


def one_line(text: str) -> str:
    """Without line ends, and without what a terminal would obey."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())


def tell(text: str) -> None:
    """One line on stderr, after all that was written to stdout."""
    with suppress(OSError):
        flush()
    make_room()
    sys.stderr.write(f"k8s-mcp: {one_line(text)}\n")


def pass_on(cluster: str, warning: str) -> None:
    """What the API server of a cluster warns of, on stderr, in kubectl's words."""
    with suppress(OSError):
        flush()
    make_room()
    sys.stderr.write(f"Warning: {f'{cluster}: ' if cluster else ''}{one_line(warning)}\n")


def warn(clusters: Sequence[Mapping[str, Any]]) -> bool:
    """Tell of those that are not synced: what they have may be missing or old. Whether there are any.

    What cannot be read of them is told too.
    """
    behind = [each for each in clusters if each["state"] != "synced"]
    for each in behind[:_WARNINGS]:
        since = f" since {each['since']}" if each.get("since") else ""
        why = f": {each['error']}" if each.get("error") else ""
        tell(f"warning: {each['name']} is {each['state']}{since}{why}")
    if len(behind) > _WARNINGS:
        names = ", ".join(each["name"] for each in behind[_WARNINGS:])
        tell(f"warning: {len(behind) - _WARNINGS} more clusters are not synced: {names}")
    for each in clusters:
        if number := each.get("unreadable", 0):
            what = "an object" if number == 1 else f"{number} objects"
            tell(f"warning: {what} of {each['name']} cannot be read; the server's log says which")
    return bool(behind)


@asynccontextmanager
async def progress(text: str, steps: int | None = None) -> AsyncIterator[Callable[[], None]]:
    """Show what is under way once it takes long, on a terminal. What it gives counts a step."""
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
    """While progress has the last line of the terminal, whoever writes has to take it."""
    _Progress.visible = True
    try:
        yield
    finally:
        _Progress.visible = False


class _Progress:
    visible = False


def make_room() -> None:
    """Clear the line that progress is shown in; it is drawn again below."""
    if _Progress.visible:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


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


# For the line below the table, and the one that the cursor is in.
_BELOW = 2


class Screen:
    """What is shown is cut to the size of the terminal, whatever that is at the moment."""

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
        """For so many lines below the header."""
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
        painter = Painter(plain[0])
        return [painter.header, *map(painter.line, plain[1:])]
