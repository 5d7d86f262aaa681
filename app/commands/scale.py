"""``k8s-mcp scale`` and ``restart``: changes of workloads by their names."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options
from app.commands.change_results import Change, Line, called_or, carry_out, clusters_to_change, given, said
from app.commands.object_args import named, split, whole
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
    number = whole("--replicas", replicas)

    async def make(fleet: "AsyncFleet", resource: str, name: str, how: dict[str, Any]) -> Any:
        return await fleet.scale(resource, name, number, **how)

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

    async def make(fleet: "AsyncFleet", resource: str, name: str, how: dict[str, Any]) -> Any:
        return await fleet.restart(resource, name, **how)

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
    found = named(words or [])
    how = given(namespace, dry_run)

    async def work(fleet: "AsyncFleet") -> int:
        places = await clusters_to_change(fleet, split(cluster))
        changes = [
            _one(fleet, place, each.resource, name, how, make, said(done, dry_run))
            for place in places
            for each in found
            for name in each.names
        ]
        return await carry_out(changes, f"{len(changes)} to be {done}")

    return run(server, token, work)


def _one(
    fleet: "AsyncFleet", cluster: str, resource: str, name: str, how: dict[str, Any], make: Make, done: str
) -> Change:
    what = f"{resource}/{name}"

    async def lines() -> Sequence[Line]:
        answer = await make(fleet, resource, name, {"cluster": cluster, **how})
        return [Line(called_or(answer, what), done)]

    return Change(cluster, what, lines)
