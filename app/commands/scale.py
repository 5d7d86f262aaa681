"""``k8s-mcp scale`` and ``k8s-mcp restart``: change workloads by name."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options
from app.commands.change_results import (
    ClusterChange,
    Outcome,
    changed_object_name,
    clusters_to_change,
    run_changes,
    with_dry_run,
    write_options,
)
from app.commands.object_args import parse_integer, parse_named_args, split_commas
from app.commands.server_connection import run

if TYPE_CHECKING:
    from app.client import AsyncFleet

Make = Callable[["AsyncFleet", str, str, dict[str, Any]], Awaitable[Any]]


def scale(
    replicas: Annotated[str, typer.Option("--replicas", metavar="N", help="Set the number of replicas.")],
    words: options.Words = None,
    namespace: options.Namespace = None,
    cluster: options.Targets = None,
    dry_run: options.DryRun = None,
    server: options.Server = None,
    token: options.Token = None,
) -> int:
    """Set the number of replicas of workloads."""
    number = parse_integer("--replicas", replicas)

    async def make(fleet: "AsyncFleet", resource: str, name: str, write_args: dict[str, Any]) -> Any:
        return await fleet.scale(resource, name, number, **write_args)

    return _change(words, cluster, namespace, dry_run, server, token, make, "scaled")


def restart(
    words: options.Words = None,
    namespace: options.Namespace = None,
    cluster: options.Targets = None,
    dry_run: options.DryRun = None,
    server: options.Server = None,
    token: options.Token = None,
) -> int:
    """Restart workloads, as kubectl rollout restart does."""

    async def make(fleet: "AsyncFleet", resource: str, name: str, write_args: dict[str, Any]) -> Any:
        return await fleet.restart(resource, name, **write_args)

    return _change(words, cluster, namespace, dry_run, server, token, make, "restarted")


def _change(
    words: Sequence[str] | None,
    cluster: Sequence[str] | None,
    namespace: str | None,
    dry_run: str | None,
    server: str | None,
    token: str | None,
    make: Make,
    done: str,
) -> int:
    args = parse_named_args(words or [])
    write_args = write_options(namespace, dry_run)

    async def work(fleet: "AsyncFleet") -> int:
        clusters = await clusters_to_change(fleet, split_commas(cluster))
        changes = [
            _one(fleet, cluster_name, arg.resource, name, write_args, make, with_dry_run(done, dry_run))
            for cluster_name in clusters
            for arg in args
            for name in arg.names
        ]
        return await run_changes(changes, f"{len(changes)} to be {done}")

    return run(server, token, work)


def _one(
    fleet: "AsyncFleet",
    cluster: str,
    resource: str,
    name: str,
    write_args: dict[str, Any],
    make: Make,
    done: str,
) -> ClusterChange:
    what = f"{resource}/{name}"

    async def lines() -> Sequence[Outcome]:
        answer = await make(fleet, resource, name, {"cluster": cluster, **write_args})
        return [Outcome(changed_object_name(answer, what), done)]

    return ClusterChange(cluster, what, lines)
