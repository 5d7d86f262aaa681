"""A table that is redrawn in place, on a terminal."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from app.commands.colours import Painter

# For the line below the table, and the one that the cursor is in.
_BELOW = 2


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

    @property
    def room(self) -> int:
        """For so many lines below the header."""
        return max(1, self._console.size.height - _BELOW - 1)

    def show(self, lines: Sequence[str], below: str = "", flashing: frozenset[int] = frozenset()) -> None:
        """Show lines, the first of which is the header; ``flashing`` are numbers of lines that changed."""
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
