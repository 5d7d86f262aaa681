"""Colours change nothing of the text, and say what is well and what is not."""

import re

import pytest

from app.commands.terminal import TablePainter, state_colour

GREEN, YELLOW, RED, DIM = "32", "33", "31", "2"
HEADER = "CLUSTER   NAME    READY   STATUS             RESTARTS      LAST SEEN   NOMINATED NODE\n"
LINE = "prod      web-1   0/1     CrashLoopBackOff   3 (2m ago)    5m          <none>"


@pytest.mark.parametrize(
    ("state", "colour"),
    [
        ("Running", GREEN),
        ("Ready", GREEN),
        ("Ready,SchedulingDisabled", YELLOW),
        ("NotReady", RED),
        ("Completed", DIM),
        ("Pending", YELLOW),
        ("ContainerCreating", YELLOW),
        ("Init:0/1", YELLOW),
        ("Init:Error", RED),
        ("CrashLoopBackOff", RED),
        ("ImagePullBackOff", RED),
        ("synced", GREEN),
        ("stale", YELLOW),
        ("unreachable", RED),
        ("Whatever", ""),
        ("", ""),
    ],
)
def test_states(state: str, colour: str) -> None:
    assert state_colour(state) == colour


def test_a_line_keeps_its_text() -> None:
    painted = TablePainter(HEADER).line(LINE)
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == LINE
    assert f"\x1b[{RED}mCrashLoopBackOff\x1b[0m" in painted
    assert f"\x1b[{YELLOW}m0/1\x1b[0m" in painted
    assert f"\x1b[{YELLOW}m3 (2m ago)\x1b[0m" in painted
    assert painted.endswith("<none>")


def test_the_same_cluster_has_the_same_colour_and_shorter_lines_are_no_trouble() -> None:
    painter = TablePainter(HEADER)
    first, second = painter.line("prod      web-1"), painter.line("prod      web-2")
    assert first.partition("prod")[0] == second.partition("prod")[0] != ""
    assert painter.line("") == ""
