"""What a measurement says, and the table of all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """A figure of ours and what it is held against, both measured in this run.

    ``ratio`` is compared with ``target`` as ``bound`` says; a Row without a target is for
    information.
    """

    what: str
    ours: str
    against: str
    ratio: float
    bound: Literal["<=", ">="] = "<="
    target: float | None = None

    @property
    def met(self) -> bool:
        if self.target is None:
            return True
        return self.ratio <= self.target if self.bound == "<=" else self.ratio >= self.target


Measurement = Callable[[], list[Row]]


def show(rows: Sequence[Row]) -> None:
    table = Table(title="k8s-mcp-server, measured")
    for heading in ("what", "ours", "against"):
        table.add_column(heading)
    for heading in ("ratio", "target", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        target = "" if row.target is None else f"{row.bound} {row.target:g}"
        verdict = "" if row.target is None else "[green]met[/]" if row.met else "[red]missed[/]"
        table.add_row(row.what, row.ours, row.against, f"{row.ratio:.3g}", target, verdict)
    Console(width=150).print(table)


def percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[len(values) * percent // 100]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.3g} ms" if seconds < 1 else f"{seconds * 1e3:,.0f} ms"


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.3g} µs"


def kilobytes(size: float) -> str:
    return f"{size / 1e3:,.1f} kB"


def megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
