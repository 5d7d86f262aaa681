"""``k8s-mcp get``: objects of all clusters as kubectl prints them, once or as they change."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.commands import options, terminal
from app.commands.object_args import (
    Asked,
    Choice,
    Found,
    Object,
    asked,
    called,
    conclude,
    find,
    nothing_found,
    split,
)
from app.commands.server_connection import PARTIAL, WELL, Misuse, run

if TYPE_CHECKING:
    from app.client import AsyncFleet

_TEXTS: dict[str, Literal["table", "wide", "name"]] = {"table": "table", "wide": "wide", "name": "name"}
FORMS = ("table", "wide", "json", "yaml", "name")


def get(
    words: options.Words = None,
    namespace: options.Namespaces = None,
    all_namespaces: options.AllNamespaces = False,
    cluster: options.Clusters = None,
    selector: options.Labels = None,
    field_selector: options.Fields = None,
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FORM", help=f"Choose the output format: {', '.join(FORMS)}."),
    ] = "table",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Keep printing changes as they happen.")
    ] = False,
    output_watch_events: Annotated[
        bool,
        typer.Option(
            "--output-watch-events",
            help="Show whether each was ADDED, MODIFIED or DELETED; only with --watch.",
        ),
    ] = False,
    server: options.Server = None,
    token: options.Token = None,
) -> int:
    """List objects in all clusters."""
    if output not in FORMS:
        raise Misuse(f"--output: {output!r} is not accepted; accepted is {', '.join(FORMS)}")
    if output_watch_events and not watch:
        raise Misuse("--output-watch-events is for --watch")
    found = asked(words or [])
    choice = Choice(split(cluster), [] if all_namespaces else split(namespace), selector, field_selector)
    if watch:
        if len(found) > 1:
            raise Misuse("--watch is for one resource at a time")
        from app.commands.get_watch import follow

        return run(server, token, lambda fleet: follow(fleet, found[0], choice, output, output_watch_events))
    return run(server, token, lambda fleet: _show(fleet, found, choice, output))


async def _show(fleet: "AsyncFleet", groups: Sequence[Asked], choice: Choice, form: str) -> int:
    if len(groups) == 1 and not groups[0].names and form in _TEXTS:
        return await _show_text(fleet, groups[0].resource, choice, form)
    async with terminal.progress(f"reading {', '.join(each.resource for each in groups)}"):
        found = await asyncio.gather(*(find(fleet, each, choice) for each in groups))
    objects = [each for some in found for each in some.objects]
    if form == "json":
        terminal.write_json(_document(found, objects))
    elif form == "yaml":
        terminal.write_yaml(_document(found, objects))
    elif form == "name":
        for each in objects:
            terminal.write(f"{each['cluster']} {called(each)}\n")
    else:
        several = len(groups) > 1
        tables = [await _table(fleet, some, wide=form == "wide", whole_names=several) for some in found]
        for number, lines in enumerate(filter(None, tables)):
            terminal.write("\n" if number else "")
            terminal.write_table(lines)
    return await conclude(fleet, found, choice)


async def _show_text(fleet: "AsyncFleet", resource: str, choice: Choice, form: str) -> int:
    """One resource alone, as the server writes it: of a large fleet much less comes over the wire."""
    async with terminal.progress(f"reading {resource}"):
        text = await fleet.text(resource, _TEXTS[form], **choice.query())
    if form == "name":
        terminal.write(text)
    else:
        terminal.write_table(f"{line}\n" for line in text.split("\n")[:-1])
    if text and not text.behind:
        return WELL
    asked = await fleet.list(resource, fields="metadata.name", limit=1, **choice.query())
    terminal.warn([each for each in asked.clusters if each["name"] in text.behind])
    if not text:
        terminal.tell(await nothing_found(fleet, [Found(Asked(resource), [], asked.clusters)], choice))
    return PARTIAL if text.behind else WELL


def _document(found: Sequence[Found], objects: Sequence[Object]) -> Any:
    """The object where one is asked for by its name and is the only one, else a list as kubectl makes it."""
    if len(objects) == 1 and sum(len(some.asked.names) for some in found) == 1:
        return objects[0]
    clusters = {each["name"]: each for some in found for each in some.clusters}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"resourceVersion": ""},
        "clusters": [*clusters.values()],
        "items": objects,
    }


async def _table(fleet: "AsyncFleet", found: Found, *, wide: bool, whole_names: bool) -> list[str]:
    if not found.objects:
        return []
    from app.commands.table_rows import rows_of

    rows = await rows_of(fleet, found.objects[0], wide=wide, whole_names=whole_names)
    return rows.lines(found.objects, datetime.now(UTC))
