"""``k8s-mcp clusters``: the state of the clusters, once or live."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options, terminal
from app.commands.object_args import split_commas
from app.commands.server_connection import PARTIAL, SUCCEEDED, CommandError, UsageError, run
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
        raise UsageError(f"--output: {output!r} is not accepted; accepted is {', '.join(FORMS)}")
    chosen = split_commas(cluster)
    if output in ("table", "wide") and not once and terminal.is_terminal(sys.stdout):
        return run(server, token, lambda fleet: _live(fleet, chosen, wide=output == "wide"))
    return run(server, token, lambda fleet: _once(fleet, chosen, output))


async def _once(fleet: "AsyncFleet", chosen: Sequence[str], form: str) -> int:
    async with terminal.progress("asking for the clusters"):
        clusters = await _asked(fleet, chosen)
    if form == "json":
        terminal.write_json({"clusters": clusters})
    elif form == "name":
        terminal.write("".join(f"{cluster['name']}\n" for cluster in clusters))
    elif clusters:
        terminal.write_table(table(clusters, datetime.now(UTC), wide=form == "wide"))
    else:
        terminal.print_message("the server has no clusters")
    return SUCCEEDED if all(cluster["state"] == "synced" for cluster in clusters) else PARTIAL


async def _live(fleet: "AsyncFleet", chosen: Sequence[str], *, wide: bool) -> int:
    """Redraw the table until Ctrl-C; while the server does not answer, its last answer stays in view."""
    from app.client import FleetError

    clusters = await _asked(fleet, chosen)
    trouble = ""
    with terminal.LiveTable(colour=terminal.is_colourful(sys.stdout)) as screen:
        while True:
            now = datetime.now(UTC)
            screen.show(table(clusters, now, wide=wide), trouble or f"{now:%H:%M:%S} UTC; Ctrl-C ends")
            await asyncio.sleep(_SECONDS)
            try:
                clusters = await _asked(fleet, chosen)
                trouble = ""
            except FleetError as error:
                trouble = terminal.one_line(str(error))


async def _asked(fleet: "AsyncFleet", chosen: Sequence[str]) -> list[Mapping[str, Any]]:
    clusters = [*await fleet.clusters()]
    names = [cluster["name"] for cluster in clusters]
    for name in chosen:
        if name not in names:
            raise CommandError(no_cluster(name, names))
    return [cluster for cluster in clusters if not chosen or cluster["name"] in chosen]


def table(clusters: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool) -> list[str]:
    """Return the lines of the table. AGE is how long a cluster has been in its state, or how old its data
    is."""
    from app.cache.ages import since
    from app.cache.tables import Column, Sheet

    counted = [name.partition(".")[0] for name in _COUNTED]
    heads = ["CLUSTER", "STATE", "AGE", "VERSION", *counted, "OBJECTS", "ERROR"]
    sheet = Sheet([*map(Column, heads), Column("RESOURCES", priority=1)], wide=wide)
    for cluster in clusters:
        numbers = {resource["name"]: resource["objects"] for resource in cluster["resources"]}
        states = ",".join(
            f"{resource['name']}={resource['state']}"
            for resource in cluster["resources"]
            if resource["state"] != cluster["state"]
        )
        sheet.add(
            [
                cluster["name"],
                cluster["state"],
                since(cluster["since"], now),
                cluster["version"] or "",
                *(str(numbers.get(name, "")) for name in _COUNTED),
                str(cluster["objects"]),
                terminal.one_line(cluster["error"] or ""),
                states or f"{len(numbers)} watched",
            ]
        )
    return [*sheet.lines()]
