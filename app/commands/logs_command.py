"""``k8s-mcp logs``: of a pod or of all pods of a workload, in one cluster or in all that have it."""

import re
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options, terminal
from app.commands.object_args import (
    Asked,
    Choice,
    absent,
    find,
    place,
    pod_or_workload,
    seconds,
    split,
    whole,
)
from app.commands.server_connection import PARTIAL, WELL, Complaint, Misuse, run
from app.commands.terminal import paint, place_colour

if TYPE_CHECKING:
    from app.client import AsyncFleet

# What the server puts before the lines of several logs.
_PLACE = re.compile(r"\[([^/\]\s]+)/([^/\]\s]+)/([^/\]\s]+)\] ")
_DIM = "2"


def logs(
    target: Annotated[
        str, typer.Argument(metavar="POD | TYPE/NAME", help="Name a pod, or a workload such as deploy/web.")
    ],
    container: Annotated[
        str | None, typer.Argument(metavar="CONTAINER", help="Name a container, as with -c.")
    ] = None,
    namespace: options.Namespace = None,
    cluster: options.Clusters = None,
    container_option: Annotated[
        str | None,
        typer.Option("--container", "-c", metavar="NAME", help="Show only this container; all if left out."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing new lines as they are written.")
    ] = False,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Show the log of the previous run of the container.")
    ] = False,
    tail: Annotated[
        str | None,
        typer.Option("--tail", metavar="N", help="Show only the last N lines of each container; -1 for all."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Show only lines younger than this: 30s, 5m, 1h30m."),
    ] = None,
    server: options.Server = None,
    token: options.Token = None,
) -> int:
    """Print the logs of a pod, or of the pods of a workload."""
    if follow and previous:
        raise Misuse("--follow and --previous: what has ended cannot be followed")
    if container and container_option:
        raise Misuse(f"two containers are named: {container!r}, and {container_option!r} with -c")
    lines = whole("--tail", tail, least=-1) if tail is not None else -1
    how: dict[str, Any] = {
        "container": container or container_option,
        "follow": follow,
        "previous": previous,
        "tail_lines": lines if lines >= 0 else None,
        "since_seconds": seconds("--since", since) if since else None,
    }
    asked = pod_or_workload(target)
    choice = Choice(split(cluster), split([namespace] if namespace else None))
    return run(server, token, lambda fleet: _logs(fleet, asked, choice, how))


async def _logs(fleet: "AsyncFleet", asked: Asked, choice: Choice, how: dict[str, Any]) -> int:
    found = await find(fleet, asked, choice, fields="metadata.name")
    behind = terminal.warn(found.clusters)
    (name,) = asked.names
    if not found.objects:
        raise Complaint(await absent(fleet, asked.resource, name, choice))
    places = sorted(map(place, found.objects))
    namespaces = sorted({namespace for _, namespace, _ in places})
    if len(namespaces) > 1:
        raise Misuse(
            f"{asked.resource} {name!r} is in the namespaces {', '.join(namespaces)}; -n chooses one"
        )
    clusters = sorted({cluster for cluster, _, _ in places})
    given = {key: value for key, value in how.items() if value is not None}
    painted = terminal.is_colourful(sys.stdout)
    written = fleet.logs(asked.resource, name, cluster=clusters, namespace=namespaces[0], **given)
    async with aclosing(aiter(written)) as lines:
        async for line in lines:
            terminal.write((_painted(line) if painted else line) + "\n")
            if how["follow"]:
                terminal.flush()
    return PARTIAL if behind else WELL


def _painted(line: str) -> str:
    """The place in front in a colour of its own."""
    found = _PLACE.match(line)
    if not found:
        return line
    cluster, pod, container = found.groups()
    where = f"{paint(cluster, place_colour(cluster))}/{paint(pod, place_colour(pod))}/{container}"
    return f"[{where}] {line[found.end() :]}"
