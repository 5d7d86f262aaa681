"""A table that is redrawn in place, on a terminal."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from app.commands.painting import Painter

# For the line below the table, and for that with the cursor.
_BELOW = 2
_FLASH = "7"


class Screen:
    """What is shown is cut to the size of the terminal, whatever that is at the moment."""

    def __init__(self, *, colour: bool) -> None:
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

    def show(self, lines: Sequence[str], below: str = "", flashing: frozenset[int] = frozenset()) -> None:
        """Show lines, the first of which is the header; ``flashing`` are numbers of lines that changed."""
        room = max(1, self._console.size.height - _BELOW)
        shown = [Text.from_ansi(text, no_wrap=True, overflow="crop") for text in self._painted(lines[:room])]
        for number in flashing:
            if number < len(shown):
                shown[number].stylize("reverse" if self._colour else "")
        hidden = len(lines) - room
        notes = [f"{hidden} more" if hidden > 0 else "", below]
        foot = Text("; ".join(note for note in notes if note), style="dim", no_wrap=True, overflow="crop")
        self._live.update(Group(*shown, foot), refresh=True)

    def _painted(self, lines: Sequence[str]) -> list[str]:
        plain = [line.rstrip("\n") for line in lines]
        if not plain or not self._colour:
            return plain
        painter = Painter(plain[0])
        return [painter.header, *map(painter.line, plain[1:])]
