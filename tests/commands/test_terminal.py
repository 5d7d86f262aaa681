"""Colours and live tables, where there is a terminal."""

import re
import signal

import pytest

from app.commands.terminal import warn_unsynced
from app.simulator.apiserver.faults import Fault
from tests.builders import running_pod
from tests.commands.conftest import Clusters
from tests.commands.running import Command
from tests.commands.terminal import CTRL_C, Terminal

COLOURS = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")


async def test_a_terminal_gets_colours_and_the_same_text(command: Command) -> None:
    plain = await command("get", "pods", "-o", "name")
    async with Terminal(command.url, "get", "pods") as terminal:
        assert await terminal.ended() == 0
    assert "\x1b[32mRunning\x1b[0m" in terminal.shown
    assert re.findall(r"^(\w+) +\w+ +(\S+)", terminal.text, re.MULTILINE)[1:] == [
        (cluster, name.removeprefix("pod/"))
        for cluster, name in (line.split() for line in plain.out.splitlines())
    ]


async def test_no_color_is_honoured(command: Command) -> None:
    async with Terminal(command.url, "get", "pods", NO_COLOR="1") as terminal:
        assert await terminal.ended() == 0
    assert "\x1b" not in terminal.shown


async def test_a_watch_is_a_table_in_place_that_ctrl_c_ends(command: Command, clusters: Clusters) -> None:
    async with Terminal(command.url, "get", "pods", "-w") as terminal:
        seen = await terminal.until("3 objects; Ctrl-C ends")
        clusters["prod"].storage.create(running_pod("web-2"))
        after = await terminal.until("4 objects", seen)
        assert "web-2" in terminal.text[seen:after]
        clusters["staging"].storage.remove(
            clusters["staging"].storage.collection("pods")["default", "web-1"].obj
        )
        await terminal.until("3 objects", after)
        terminal.press(CTRL_C)
        assert await terminal.ended() == 130
    assert "Traceback" not in terminal.text
    assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l"), "the cursor is back"


async def test_where_not_all_has_room_the_latest_changes_come_first(
    command: Command, clusters: Clusters
) -> None:
    for number in range(30):
        clusters["prod"].storage.create(running_pod(f"many-{number:02}"))
    while (await command("get", "pods", "-o", "name")).out.count("\n") < 33:
        pass
    async with Terminal(command.url, "get", "pods", "-w", lines=10, NO_COLOR="1") as terminal:
        seen = await terminal.until("7 of 33, the latest changes first")
        assert "many-29" not in terminal.text[:seen]
        changed = running_pod("many-29", touched="yes")
        clusters["prod"].storage.replace(changed)
        at = await terminal.until("many-29", seen)
        header = terminal.text.rindex("CLUSTER", 0, at)
        assert terminal.text[header:at].count("\n") == 1
        assert not COLOURS.search(terminal.shown)


async def test_the_clusters_are_live_on_a_terminal(command: Command, clusters: Clusters) -> None:
    async with Terminal(command.url, "clusters") as terminal:
        seen = await terminal.until("Ctrl-C ends")
        assert re.search(r"prod +synced .*\n.*staging +synced", terminal.text.replace("\r", ""))
        await clusters["staging"].stop()
        for cluster in clusters.values():
            cluster.faults.clear()
        at = await terminal.until("staging   unreachable", seen)
        assert at > seen
        terminal.press(CTRL_C)
        assert await terminal.ended() == 130
    assert "Traceback" not in terminal.text


async def test_being_told_to_end_gives_the_cursor_back(command: Command) -> None:
    async with Terminal(command.url, "clusters") as terminal:
        await terminal.until("Ctrl-C ends")
        terminal.process.send_signal(signal.SIGTERM)
        assert await terminal.ended() == 143
    assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l")


async def test_long_work_shows_its_progress_and_what_is_done_already(
    command: Command, clusters: Clusters
) -> None:
    clusters["staging"].faults.add(Fault.HANG, verb="patch")
    work = ("restart", "deploy/web", "-n", "default", "--cluster", "*")
    async with Terminal(command.url, *work) as terminal:
        await terminal.until("prod deployment.apps/web restarted")
        await terminal.until("2 to be restarted 1/2")
        assert "staging deployment" not in terminal.text
        clusters["staging"].faults.clear()
        assert await terminal.ended() in (0, 3)
    assert "staging" in terminal.text


def test_what_cannot_be_read_is_told_beside_the_clusters_that_are_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    well = {"state": "synced", "objects": 7, "error": None}
    assert not warn_unsynced([{"name": "a", **well}, {"name": "b", **well, "unreadable": 1}])
    assert not warn_unsynced([{"name": "c", **well, "unreadable": 30}])
    assert capsys.readouterr().err.splitlines() == [
        "k8s-mcp: warning: an object of b cannot be read; the server's log says which",
        "k8s-mcp: warning: 30 objects of c cannot be read; the server's log says which",
    ]
