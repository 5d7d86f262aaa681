"""What is written where: plain text into files and pipes, colours and progress on a terminal."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TextIO

from app.commands.colours import Painter, paint, place_colour

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
