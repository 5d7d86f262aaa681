"""``k8s-mcp describe``: objects of all clusters in detail, with their events."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.commands import options, terminal
from app.commands.object_args import (
    ObjectFilter,
    ResourceArg,
    find_objects,
    key_of,
    parse_resource_args,
    report_missing,
    split_commas,
)
from app.commands.server_connection import run

if TYPE_CHECKING:
    from app.client import AsyncFleet


def describe(
    words: options.Words = None,
    namespace: options.Namespaces = None,
    all_namespaces: options.AllNamespaces = False,
    cluster: options.Clusters = None,
    selector: options.Labels = None,
    field_selector: options.Fields = None,
    server: options.Server = None,
    token: options.Token = None,
) -> int:
    """Show objects in detail, with their conditions and events."""
    args = parse_resource_args(words or [])
    object_filter = ObjectFilter(
        split_commas(cluster), [] if all_namespaces else split_commas(namespace), selector, field_selector
    )
    return run(server, token, lambda fleet: _describe(fleet, args, object_filter))


async def _describe(fleet: "AsyncFleet", args: Sequence[ResourceArg], object_filter: ObjectFilter) -> int:
    from app.commands.object_description import describe_object

    async with terminal.progress("reading"):
        results = [await find_objects(fleet, arg, object_filter) for arg in args]
    colour = terminal.is_colourful(sys.stdout)
    described = [(result.arg, obj) for result in results for obj in result.objects]
    for number, (arg, obj) in enumerate(described):
        cluster, namespace, name = key_of(obj)
        location = {"cluster": cluster, **({"namespace": namespace} if namespace else {})}
        events = await fleet.events(arg.resource, name, **location)
        if number:
            terminal.write("\n\n")
        for line in describe_object(obj, [*events], datetime.now(UTC), colour=colour):
            terminal.write(line)
    return await report_missing(fleet, results, object_filter)
