"""Text as kubectl aligns it. `test_against_server` compares whole tables with kubectl's own."""

from collections.abc import Sequence

import pytest

from app.cache.tables import Cell, Column, Sheet


def printed(columns: Sequence[Column], *rows: Sequence[Cell], wide: bool = False) -> list[str]:
    sheet = Sheet(columns, wide=wide)
    for row in rows:
        sheet.add(row)
    return list(sheet.lines())


NAME, AGE = Column("Name"), Column("Age")


def test_columns_are_three_wider_than_their_widest_cell_and_at_least_six() -> None:
    assert printed([Column("Cluster"), Column("N"), AGE], ["prod", "a", "5m"], ["staging-2", "b", "10d"]) == [
        "CLUSTER     N     AGE\n",
        "prod        a     5m\n",
        "staging-2   b     10d\n",
    ]


def test_without_rows_there_is_no_header() -> None:
    assert printed([NAME, AGE]) == []


def test_columns_of_low_priority_are_for_wide_output() -> None:
    columns = [NAME, Column("Node", priority=1), AGE]

    assert printed(columns, ["a", "n1", "5m"]) == ["NAME   AGE\n", "a      5m\n"]
    assert printed(columns, ["a", "n1", "5m"], wide=True) == ["NAME   NODE   AGE\n", "a      n1     5m\n"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("", ""),
        (0, "0"),
        (True, "true"),
        (False, "false"),
        (1.5, "1.5"),
        (2.0, "2"),
        (1234567.5, "1.2345675e+06"),
        (0.00001, "1e-05"),
        (1e22, "1e+22"),
        ("two\nlines", "two..."),
        ("two\r\nlines", "two..."),
        ("page\fbreak", "page..."),
        ("\x1b[31mred", "^[[31mred"),
        ("a\tb", "a b"),
        ("a\0\a\x7f\x9b2Jb", "a^@^G^?\\x9b2Jb"),
    ],
)
def test_cells(cell: Cell, text: str) -> None:
    assert printed([NAME], [cell]) == ["NAME\n", f"{text}\n"]


def test_what_is_cut_off_still_takes_its_room_as_in_kubectl() -> None:
    assert printed([NAME, AGE], ["a\n" + "x" * 10, "5m"], ["ünï", "1s"]) == [
        "NAME           AGE\n",
        "a...           5m\n",
        "ünï            1s\n",
    ]
