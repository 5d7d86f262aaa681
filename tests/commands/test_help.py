"""Every command and option says in plain words what it does."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from app.cli import app
from tests.commands.running import Command

# What a sentence may begin with: a verb that says what the command or the option does.
VERBS = frozenset(
    {
        *("Apply", "Ask", "Change", "Choose", "Delete", "Give", "Ignore", "Keep", "List", "Listen", "Look"),
        *("Name", "Print", "Read", "Refuse", "Require", "Restart", "Run", "Send", "Serve", "Set", "Show"),
        *("Start", "Take", "Use"),
    }
)
# Words that only this program's source uses, and such as stand for something that is not said.
UNPLAIN = re.compile(r"fleet|facade|reflector|cursor|\bstore\b|`|\bits\b|\beach is\b|\bone alone\b|come of")


def helps() -> Iterator[tuple[str, str]]:
    """The help of each command and of each of its parameters, by what it is of."""
    root: Any = typer.main.get_command(app)
    yield "k8s-mcp", str(root.help)
    for name, command in root.commands.items():
        yield name, str(command.help)
        for parameter in command.params:
            yield f"{name} {parameter.opts[0]}", str(getattr(parameter, "help", ""))


HELPS = dict(helps())


def test_all_commands_are_looked_at() -> None:
    commands = {"get", "describe", "logs", "apply", "delete", "scale", "restart", "clusters"}
    assert commands | {"serve", "demo", "version"} <= HELPS.keys()
    assert {"get --cluster", "scale --replicas", "serve --read-only", "demo number"} <= HELPS.keys()


@pytest.mark.parametrize("of", HELPS)
def test_a_help_is_a_plain_sentence(of: str) -> None:
    said = HELPS[of]
    assert said.partition(" ")[0] in VERBS, f"{of}: {said!r} does not begin with a verb"
    assert said.endswith("."), f"{of}: {said!r}"
    assert len(said) <= 100, f"{of}: {said!r}"
    assert not UNPLAIN.search(said), f"{of}: {said!r}"


async def test_the_list_of_commands_cuts_none_off() -> None:
    shown = await Command("")("--help")
    assert "..." not in shown.out.partition("Commands:")[2]


async def test_it_is_what_is_printed() -> None:
    shown = await Command("")("scale", "--help")
    assert (shown.status, shown.err) == (0, "")
    assert "Set the number of replicas of workloads." in shown.out
    assert re.search(r"--replicas N +Set the number of replicas\.", shown.out)
