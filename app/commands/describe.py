"""``k8s-mcp describe``: objects and their events, wherever they are."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.commands import options, terminal
from app.commands.object_args import Asked, Choice, asked, conclude, find, place, split
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
    found = asked(words or [])
    choice = Choice(split(cluster), [] if all_namespaces else split(namespace), selector, field_selector)
    return run(server, token, lambda fleet: _describe(fleet, found, choice))


async def _describe(fleet: "AsyncFleet", groups: Sequence[Asked], choice: Choice) -> int:
    from app.commands.object_description import lines_of

    async with terminal.progress("reading"):
        found = [await find(fleet, each, choice) for each in groups]
    colour = terminal.is_colourful(sys.stdout)
    for number, (kind, each) in enumerate((some.asked, each) for some in found for each in some.objects):
        cluster, namespace, name = place(each)
        where = {"cluster": cluster, **({"namespace": namespace} if namespace else {})}
        events = await fleet.events(kind.resource, name, **where)
        if number:
            terminal.write("\n\n")
        for line in lines_of(each, [*events], datetime.now(UTC), colour=colour):
            terminal.write(line)
    return await conclude(fleet, found, choice)
