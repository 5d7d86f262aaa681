"""``k8s-mcp delete``: delete objects by name, by labels, or those that manifests name."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from app.commands import options, terminal
from app.commands.apply import read_manifests
from app.commands.change_results import (
    ClusterChange,
    Outcome,
    changed_object_name,
    clusters_to_change,
    run_changes,
    with_dry_run,
    write_options,
)
from app.commands.object_args import (
    ObjectFilter,
    explain_empty,
    find_objects,
    key_of,
    parse_integer,
    parse_named_args,
    parse_resource_args,
    split_commas,
)
from app.commands.server_connection import SUCCEEDED, CommandError, UsageError, run

if TYPE_CHECKING:
    from app.client import AsyncFleet

_CASCADES = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}
_NOT_FOUND = 404


class _Target(NamedTuple):
    """One object to delete."""

    resource: str
    name: str
    namespace: str | None
    cluster: str


_Choose = Callable[["AsyncFleet", Sequence[str]], Awaitable[list[_Target]]]


def delete(
    words: options.Words = None,
    filename: options.Files = None,
    recursive: options.Recursive = False,
    namespace: options.Namespace = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Delete in all namespaces; only with -l.")
    ] = False,
    selector: options.Labels = None,
    cluster: options.Targets = None,
    dry_run: options.DryRun = None,
    cascade: Annotated[
        str,
        typer.Option(
            "--cascade", metavar="HOW", help=f"Choose how dependents are deleted: {', '.join(_CASCADES)}."
        ),
    ] = "background",
    grace_period: Annotated[
        str | None,
        typer.Option("--grace-period", metavar="SECONDS", help="Give pods so long to end; 0 for at once."),
    ] = None,
    ignore_not_found: Annotated[
        bool, typer.Option("--ignore-not-found", help="Ignore objects that are not there.")
    ] = False,
    server: options.Server = None,
    token: options.Token = None,
) -> int:
    """Delete objects by name, by labels, or from manifests."""
    delete_args = _how(dry_run, cascade, grace_period)
    choose = _chooser(words or [], filename or [], recursive, selector, namespace, all_namespaces)

    async def work(fleet: "AsyncFleet") -> int:
        targets = await choose(fleet, await clusters_to_change(fleet, split_commas(cluster)))
        if not targets:
            return SUCCEEDED
        done = with_dry_run("deleted", dry_run)
        changes = [_one(fleet, target, delete_args, done, ignore_not_found) for target in targets]
        return await run_changes(changes, f"{len(changes)} to be deleted")

    return run(server, token, work)


def _chooser(
    words: Sequence[str],
    filenames: Sequence[str],
    recursive: bool,
    selector: str | None,
    namespace: str | None,
    all_namespaces: bool,
) -> _Choose:
    """Return a function that finds the objects to delete in given clusters. Raises UsageError."""
    if filenames and (words or selector):
        raise UsageError("-f says what to delete; no resource, name or selector can be given next to it")
    if not selector and all_namespaces:
        raise UsageError("-A is for -l: a name is deleted in one namespace")
    if filenames:
        manifests = read_manifests(filenames, recursive=recursive)
        return _everywhere([(each.resource, each.name, each.namespace or namespace) for each in manifests])
    if not selector:
        args = parse_named_args(words)
        return _everywhere([(arg.resource, name, namespace) for arg in args for name in arg.names])
    args = parse_resource_args(words)
    if any(arg.names for arg in args):
        raise UsageError("-l says which to delete; no name can be given next to it")
    if not namespace and not all_namespaces:
        raise UsageError("-l deletes in one namespace, -n NAME, or in all, -A; say which")

    async def selected(fleet: "AsyncFleet", clusters: Sequence[str]) -> list[_Target]:
        object_filter = ObjectFilter(
            [*clusters], [namespace] if namespace and not all_namespaces else [], selector
        )
        results = [await find_objects(fleet, arg, object_filter, fields="metadata.name") for arg in args]
        for result in results:
            unknown = [cluster["name"] for cluster in result.clusters if cluster["state"] != "synced"]
            if unknown:
                raise CommandError(f"what -l selects is not known in {', '.join(unknown)}: not synced")
        if not any(result.objects for result in results):
            terminal.print_message(await explain_empty(fleet, results, object_filter))
        return [
            _Target(result.arg.resource, name, object_namespace or None, cluster)
            for result in results
            for cluster, object_namespace, name in map(key_of, result.objects)
        ]

    return selected


def _everywhere(targets: Sequence[tuple[str, str, str | None]]) -> _Choose:
    async def listed(fleet: "AsyncFleet", clusters: Sequence[str]) -> list[_Target]:
        return [_Target(*target, cluster) for cluster in clusters for target in targets]

    return listed


def _one(fleet: "AsyncFleet", target: _Target, how: dict[str, Any], done: str, ignore: bool) -> ClusterChange:
    what = f"{target.resource}/{target.name}"

    async def lines() -> Sequence[Outcome]:
        from app.client import FleetError

        try:
            answer = await fleet.delete(
                target.resource, target.name, cluster=target.cluster, namespace=target.namespace, **how
            )
        except FleetError as error:
            if ignore and error.status == _NOT_FOUND:
                return []
            raise
        return [Outcome(changed_object_name(answer, what), done)]

    return ClusterChange(target.cluster, what, lines)


def _how(dry_run: str | None, cascade: str, grace_period: str | None) -> dict[str, Any]:
    if cascade not in _CASCADES:
        raise UsageError(f"--cascade: {cascade!r} is not accepted; accepted is {', '.join(_CASCADES)}")
    how = {**write_options(None, dry_run), "propagation_policy": _CASCADES[cascade]}
    if grace_period is None:
        return how
    return {**how, "grace_period_seconds": parse_integer("--grace-period", grace_period)}
