"""``k8s-mcp get``: objects of all clusters as kubectl prints them, once or as they change."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.commands import options, terminal
from app.commands.object_args import (
    Object,
    ObjectFilter,
    ResourceArg,
    SearchResult,
    explain_empty,
    find_objects,
    parse_resource_args,
    qualified_name,
    report_missing,
    split_commas,
)
from app.commands.server_connection import PARTIAL, SUCCEEDED, UsageError, run

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
        raise UsageError(f"--output: {output!r} is not accepted; accepted is {', '.join(FORMS)}")
    if output_watch_events and not watch:
        raise UsageError("--output-watch-events is for --watch")
    args = parse_resource_args(words or [])
    object_filter = ObjectFilter(
        split_commas(cluster), [] if all_namespaces else split_commas(namespace), selector, field_selector
    )
    if watch:
        if len(args) > 1:
            raise UsageError("--watch is for one resource at a time")
        from app.commands.get_watch import follow

        return run(
            server, token, lambda fleet: follow(fleet, args[0], object_filter, output, output_watch_events)
        )
    return run(server, token, lambda fleet: _show(fleet, args, object_filter, output))


async def _show(
    fleet: "AsyncFleet", args: Sequence[ResourceArg], object_filter: ObjectFilter, form: str
) -> int:
    if len(args) == 1 and not args[0].names and form in _TEXTS:
        return await _show_text(fleet, args[0].resource, object_filter, form)
    async with terminal.progress(f"reading {', '.join(arg.resource for arg in args)}"):
        results = await asyncio.gather(*(find_objects(fleet, arg, object_filter) for arg in args))
    objects = [obj for result in results for obj in result.objects]
    if form == "json":
        terminal.write_json(_document(results, objects))
    elif form == "yaml":
        terminal.write_yaml(_document(results, objects))
    elif form == "name":
        for obj in objects:
            terminal.write(f"{obj['cluster']} {qualified_name(obj)}\n")
    else:
        several = len(args) > 1
        tables = [await _table(fleet, result, wide=form == "wide", whole_names=several) for result in results]
        for number, lines in enumerate(filter(None, tables)):
            terminal.write("\n" if number else "")
            terminal.write_table(lines)
    return await report_missing(fleet, results, object_filter)


async def _show_text(fleet: "AsyncFleet", resource: str, object_filter: ObjectFilter, form: str) -> int:
    """Print one resource as the server formats it, which sends much less than the objects."""
    async with terminal.progress(f"reading {resource}"):
        text = await fleet.text(resource, _TEXTS[form], **object_filter.query())
    if form == "name":
        terminal.write(text)
    else:
        terminal.write_table(f"{line}\n" for line in text.split("\n")[:-1])
    if text and not text.behind:
        return SUCCEEDED
    first_object = await fleet.list(resource, fields="metadata.name", limit=1, **object_filter.query())
    terminal.warn_unsynced([cluster for cluster in first_object.clusters if cluster["name"] in text.behind])
    if not text:
        terminal.print_message(
            await explain_empty(
                fleet, [SearchResult(ResourceArg(resource), [], first_object.clusters)], object_filter
            )
        )
    return PARTIAL if text.behind else SUCCEEDED


def _document(results: Sequence[SearchResult], objects: Sequence[Object]) -> Any:
    """Return the object itself where one name was given and one object found, else a List as kubectl's."""
    if len(objects) == 1 and sum(len(result.arg.names) for result in results) == 1:
        return objects[0]
    clusters = {cluster["name"]: cluster for result in results for cluster in result.clusters}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"resourceVersion": ""},
        "clusters": [*clusters.values()],
        "items": objects,
    }


async def _table(fleet: "AsyncFleet", result: SearchResult, *, wide: bool, whole_names: bool) -> list[str]:
    if not result.objects:
        return []
    from app.commands.table_rows import resource_table

    table = await resource_table(fleet, result.objects[0], wide=wide, whole_names=whole_names)
    return table.lines(result.objects, datetime.now(UTC))
