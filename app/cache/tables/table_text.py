"""Tables as text, in the columns and with the spaces of ``kubectl get``.

Cells are printed as k8s.io/cli-runtime/pkg/printers/tableprinter.go prints them, and
aligned as its tabwriter does: each column but the last is three wider than what is widest
in it, and at least six.
"""

from collections.abc import Iterator, Sequence

from app.cache.tables.go_format import sprint
from app.cache.tables.table_model import Cell, Column

_PADDING = 3
_LEAST = 6
_BREAKS = str.maketrans(dict.fromkeys("\f\r", "\n"))
# A tab would start another column, control characters would reach the terminal.
_UNSAFE = str.maketrans(
    {chr(code): f"^{chr(code ^ 0x40)}" for code in (*range(0x20), 0x7F)}
    | {chr(code): f"\\x{code:02x}" for code in range(0x80, 0xA0)}
    | {"\t": " ", "\v": " "}
)


class Sheet:
    """Rows, gathered to be printed: their widths must all be known before the first line.

    ``columns`` of a priority other than 0 are left out unless ``wide``.
    """

    def __init__(self, columns: Sequence[Column], *, wide: bool) -> None:
        self._shown = [number for number, column in enumerate(columns) if wide or column.priority == 0]
        self._headers = [columns[number].name.upper() for number in self._shown]
        self._widths = [len(header) for header in self._headers]
        self._rows: list[list[str]] = []

    def add(self, cells: Sequence[Cell]) -> None:
        """Add a row, with a cell for each column, shown or not."""
        row = []
        for place, number in enumerate(self._shown):
            cell = cells[number]
            if cell is None:
                row.append("")
                continue
            full = cell if isinstance(cell, str) else sprint(cell)
            printed = full if full.isprintable() else _printable(full)
            row.append(printed)
            # kubectl makes room for all of a text of which it prints the first line alone, in bytes.
            width = len(full) if full.isascii() else len(full.encode(errors="replace"))
            self._widths[place] = max(self._widths[place], width, len(printed))
        self._rows.append(row)

    def lines(self) -> Iterator[str]:
        """The header and the rows, each with its line end; nothing where there are no rows."""
        if not self._rows:
            return
        widths = [max(width + _PADDING, _LEAST) for width in self._widths]
        if widths:
            widths[-1] = 0
        for row in (self._headers, *self._rows):
            yield "".join(map(str.ljust, row, widths)) + "\n"


def _printable(value: str) -> str:
    line, broken, _ = value.translate(_BREAKS).partition("\n")
    return line.translate(_UNSAFE) + ("..." if broken else "")
