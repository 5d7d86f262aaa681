"""``k8s-mcp logs``: the logs of a pod or of all pods of a workload, in each cluster that has it."""

import re
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options, terminal
from app.commands.object_args import (
    ObjectFilter,
    ResourceArg,
    explain_absence,
    find_objects,
    key_of,
    parse_duration,
    parse_integer,
    parse_log_target,
    split_commas,
)
from app.commands.server_connection import PARTIAL, SUCCEEDED, CommandError, UsageError, run
from app.commands.terminal import cluster_colour, paint

if TYPE_CHECKING:
    from app.client import AsyncFleet

# The prefix that the server puts before each line where several containers write.
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
        raise UsageError("--follow and --previous: what has ended cannot be followed")
    if container and container_option:
        raise UsageError(f"two containers are named: {container!r}, and {container_option!r} with -c")
    lines = parse_integer("--tail", tail, least=-1) if tail is not None else -1
    log_args: dict[str, Any] = {
        "container": container or container_option,
        "follow": follow,
        "previous": previous,
        "tail_lines": lines if lines >= 0 else None,
        "since_seconds": parse_duration("--since", since) if since else None,
    }
    arg = parse_log_target(target)
    object_filter = ObjectFilter(split_commas(cluster), split_commas([namespace] if namespace else None))
    return run(server, token, lambda fleet: _logs(fleet, arg, object_filter, log_args))


async def _logs(
    fleet: "AsyncFleet", arg: ResourceArg, object_filter: ObjectFilter, log_args: dict[str, Any]
) -> int:
    result = await find_objects(fleet, arg, object_filter, fields="metadata.name")
    unsynced = terminal.warn_unsynced(result.clusters)
    (name,) = arg.names
    if not result.objects:
        raise CommandError(await explain_absence(fleet, arg.resource, name, object_filter))
    keys = sorted(map(key_of, result.objects))
    namespaces = sorted({namespace for _, namespace, _ in keys})
    if len(namespaces) > 1:
        raise UsageError(
            f"{arg.resource} {name!r} is in the namespaces {', '.join(namespaces)}; -n chooses one"
        )
    clusters = sorted({cluster for cluster, _, _ in keys})
    log_options = {key: value for key, value in log_args.items() if value is not None}
    colourful = terminal.is_colourful(sys.stdout)
    log = fleet.logs(arg.resource, name, cluster=clusters, namespace=namespaces[0], **log_options)
    async with aclosing(aiter(log)) as lines:
        async for line in lines:
            terminal.write((_painted(line) if colourful else line) + "\n")
            if log_args["follow"]:
                terminal.flush()
    return PARTIAL if unsynced else SUCCEEDED


def _painted(line: str) -> str:
    """Colour the cluster and the pod in the prefix of a line."""
    prefix = _PLACE.match(line)
    if not prefix:
        return line
    cluster, pod, container = prefix.groups()
    location = f"{paint(cluster, cluster_colour(cluster))}/{paint(pod, cluster_colour(pod))}/{container}"
    return f"[{location}] {line[prefix.end() :]}"
