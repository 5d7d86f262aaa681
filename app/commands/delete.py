"""``k8s-mcp delete``: objects by their names, by labels, or those of manifests."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from app.commands import options, terminal
from app.commands.apply import read
from app.commands.change_results import Change, Line, called_or, carry_out, clusters_to_change, given, said
from app.commands.object_args import Choice, asked, find, named, nothing_found, place, split, whole
from app.commands.server_connection import WELL, Complaint, Misuse, run

if TYPE_CHECKING:
    from app.client import AsyncFleet

_CASCADES = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}
_NOT_FOUND = 404


class _Doomed(NamedTuple):
    """One object to delete."""

    resource: str
    name: str
    namespace: str | None
    cluster: str


_Choose = Callable[["AsyncFleet", Sequence[str]], Awaitable[list[_Doomed]]]


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
    how = _how(dry_run, cascade, grace_period)
    choose = _chooser(words or [], filename or [], recursive, selector, namespace, all_namespaces)

    async def work(fleet: "AsyncFleet") -> int:
        doomed = await choose(fleet, await clusters_to_change(fleet, split(cluster)))
        if not doomed:
            return WELL
        done = said("deleted", dry_run)
        changes = [_one(fleet, each, how, done, ignore_not_found) for each in doomed]
        return await carry_out(changes, f"{len(changes)} to be deleted")

    return run(server, token, work)


def _chooser(
    words: Sequence[str],
    filenames: Sequence[str],
    recursive: bool,
    selector: str | None,
    namespace: str | None,
    all_namespaces: bool,
) -> _Choose:
    """What finds the objects to delete in clusters of these names. Raises Complaint."""
    if filenames and (words or selector):
        raise Misuse("-f says what to delete; no resource, name or selector can be given next to it")
    if not selector and all_namespaces:
        raise Misuse("-A is for -l: a name is deleted in one namespace")
    if filenames:
        written = read(filenames, recursive=recursive)
        return _everywhere([(each.resource, each.name, each.namespace or namespace) for each in written])
    if not selector:
        found = named(words)
        return _everywhere([(each.resource, name, namespace) for each in found for name in each.names])
    kinds = asked(words)
    if any(each.names for each in kinds):
        raise Misuse("-l says which to delete; no name can be given next to it")
    if not namespace and not all_namespaces:
        raise Misuse("-l deletes in one namespace, -n NAME, or in all, -A; say which")

    async def selected(fleet: "AsyncFleet", clusters: Sequence[str]) -> list[_Doomed]:
        choice = Choice([*clusters], [namespace] if namespace and not all_namespaces else [], selector)
        found = [await find(fleet, each, choice, fields="metadata.name") for each in kinds]
        for some in found:
            unknown = [each["name"] for each in some.clusters if each["state"] != "synced"]
            if unknown:
                raise Complaint(f"what -l selects is not known in {', '.join(unknown)}: not synced")
        if not any(some.objects for some in found):
            terminal.tell(await nothing_found(fleet, found, choice))
        return [
            _Doomed(some.asked.resource, name, space or None, place_)
            for some in found
            for place_, space, name in map(place, some.objects)
        ]

    return selected


def _everywhere(targets: Sequence[tuple[str, str, str | None]]) -> _Choose:
    async def listed(fleet: "AsyncFleet", clusters: Sequence[str]) -> list[_Doomed]:
        return [_Doomed(*target, cluster) for cluster in clusters for target in targets]

    return listed


def _one(fleet: "AsyncFleet", doomed: _Doomed, how: dict[str, Any], done: str, ignore: bool) -> Change:
    what = f"{doomed.resource}/{doomed.name}"

    async def lines() -> Sequence[Line]:
        from app.client import FleetError

        try:
            answer = await fleet.delete(
                doomed.resource, doomed.name, cluster=doomed.cluster, namespace=doomed.namespace, **how
            )
        except FleetError as error:
            if ignore and error.status == _NOT_FOUND:
                return []
            raise
        return [Line(called_or(answer, what), done)]

    return Change(doomed.cluster, what, lines)


def _how(dry_run: str | None, cascade: str, grace_period: str | None) -> dict[str, Any]:
    if cascade not in _CASCADES:
        raise Misuse(f"--cascade: {cascade!r} is not accepted; accepted is {', '.join(_CASCADES)}")
    how = {**given(None, dry_run), "propagation_policy": _CASCADES[cascade]}
    if grace_period is None:
        return how
    return {**how, "grace_period_seconds": whole("--grace-period", grace_period)}
