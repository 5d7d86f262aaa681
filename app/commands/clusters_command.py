"""``k8s-mcp clusters``: how the clusters are, once or live."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options, terminal
from app.commands.object_args import split
from app.commands.server_connection import PARTIAL, WELL, Complaint, Misuse, run
from app.suggestions import no_cluster

if TYPE_CHECKING:
    from app.client import AsyncFleet

FORMS = ("table", "wide", "json", "name")
_COUNTED = ("nodes", "pods", "deployments.apps")
_SECONDS = 1.0


def clusters(
    cluster: options.Clusters = None,
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FORM", help=f"Choose the output format: {', '.join(FORMS)}."),
    ] = "table",
    once: Annotated[bool, typer.Option("--once", help="Print the clusters once instead of live.")] = False,
    server: options.Server = None,
    token: options.Token = None,
) -> int:
    """Show the state of the clusters, live on a terminal."""
    if output not in FORMS:
        raise Misuse(f"--output: {output!r} is not accepted; accepted is {', '.join(FORMS)}")
    chosen = split(cluster)
    if output in ("table", "wide") and not once and terminal.is_terminal(sys.stdout):
        return run(server, token, lambda fleet: _live(fleet, chosen, wide=output == "wide"))
    return run(server, token, lambda fleet: _once(fleet, chosen, output))


async def _once(fleet: "AsyncFleet", chosen: Sequence[str], form: str) -> int:
    async with terminal.progress("asking for the clusters"):
        found = await _asked(fleet, chosen)
    if form == "json":
        terminal.write_json({"clusters": found})
    elif form == "name":
        terminal.write("".join(f"{each['name']}\n" for each in found))
    elif found:
        terminal.write_table(table(found, datetime.now(UTC), wide=form == "wide"))
    else:
        terminal.tell("the server has no clusters")
    return WELL if all(each["state"] == "synced" for each in found) else PARTIAL


async def _live(fleet: "AsyncFleet", chosen: Sequence[str], *, wide: bool) -> int:
    """Until Ctrl-C. A server that does not answer is waited for, with what it said last in view."""
    from app.client import FleetError

    found = await _asked(fleet, chosen)
    trouble = ""
    with terminal.Screen(colour=terminal.is_colourful(sys.stdout)) as screen:
        while True:
            now = datetime.now(UTC)
            screen.show(table(found, now, wide=wide), trouble or f"{now:%H:%M:%S} UTC; Ctrl-C ends")
            await asyncio.sleep(_SECONDS)
            try:
                found = await _asked(fleet, chosen)
                trouble = ""
            except FleetError as error:
                trouble = terminal.one_line(str(error))


async def _asked(fleet: "AsyncFleet", chosen: Sequence[str]) -> list[Mapping[str, Any]]:
    found = [*await fleet.clusters()]
    there = [each["name"] for each in found]
    for name in chosen:
        if name not in there:
            raise Complaint(no_cluster(name, there))
    return [each for each in found if not chosen or each["name"] in chosen]


def table(found: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool) -> list[str]:
    """The lines of it. AGE is how long a cluster has been in its state, or how old its data is."""
    from app.cache.ages import since
    from app.cache.tables import Column, Sheet

    counted = [name.partition(".")[0] for name in _COUNTED]
    heads = ["CLUSTER", "STATE", "AGE", "VERSION", *counted, "OBJECTS", "ERROR"]
    sheet = Sheet([*map(Column, heads), Column("RESOURCES", priority=1)], wide=wide)
    for each in found:
        numbers = {resource["name"]: resource["objects"] for resource in each["resources"]}
        states = ",".join(
            f"{resource['name']}={resource['state']}"
            for resource in each["resources"]
            if resource["state"] != each["state"]
        )
        sheet.add(
            [
                each["name"],
                each["state"],
                since(each["since"], now),
                each["version"] or "",
                *(str(numbers.get(name, "")) for name in _COUNTED),
                str(each["objects"]),
                terminal.one_line(each["error"] or ""),
                states or f"{len(numbers)} watched",
            ]
        )
    return [*sheet.lines()]
