"""Run the changes of a command, one request each, and print the result of each object as soon as it is known.

A cluster that hangs does not delay the results of the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.commands import terminal
from app.commands.object_args import qualified_name
from app.commands.server_connection import CommandError, UsageError, combined_status, name_flags
from app.suggestions import no_cluster

if TYPE_CHECKING:
    from app.client import AsyncFleet

ALL = "*"
# Concurrent requests of one command, so that the server and its clusters stay quick for others.
_AT_ONCE = 32


class ClusterChange(NamedTuple):
    """A change in one cluster. ``what`` names the object as the user did, ``make`` sends the request."""

    cluster: str
    what: str
    make: Callable[[], Awaitable[Sequence["Outcome"]]]


class Outcome(NamedTuple):
    """The result for one object: its name, and ``done`` ("scaled") or the text of an error."""

    what: str
    done: str = ""
    error: str = ""


async def clusters_to_change(fleet: "AsyncFleet", chosen: Sequence[str]) -> list[str]:
    """Return the names of the clusters that ``--cluster`` selects; it may be left out where there is only
    one.

    Raises CommandError for a name that the server does not have.
    """
    if ALL in chosen and [*chosen] != [ALL]:
        raise UsageError(f"--cluster: {','.join(chosen)!r} is not accepted; accepted is '*' alone, or names")
    names = [cluster["name"] for cluster in await fleet.clusters()]
    if chosen and ALL not in chosen:
        # Before anything is changed: a mistake in one name is not to leave the others changed.
        for name in chosen:
            if name not in names:
                raise CommandError(no_cluster(name, names))
        return [*dict.fromkeys(chosen)]
    if not chosen and len(names) != 1:
        raise UsageError(f"--cluster must say where; accepted is '*' for all, or some of {', '.join(names)}")
    return names


async def run_changes(changes: Sequence[ClusterChange], doing: str) -> int:
    """Make all changes, print each outcome as it arrives, and return the exit status. ``doing`` is shown
    meanwhile."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def make(change: ClusterChange) -> tuple[ClusterChange, Sequence[Outcome]]:
        from app.client import FleetError
        from app.client.errors import ServerUnreachable

        async with limit:
            try:
                return change, await change.make()
            except ServerUnreachable:
                raise  # which is no matter of this change alone
            except FleetError as error:
                return change, [Outcome(change.what, error=error_text(error.members, error.detail))]

    went_well = []
    async with terminal.progress(doing, len(changes)) as advance:
        for finished in asyncio.as_completed([make(change) for change in changes]):
            change, outcomes = await finished
            for outcome in outcomes:
                went_well.append(not outcome.error)
                _print_outcome(change.cluster, outcome)
            advance()
    return combined_status(went_well)


def _print_outcome(cluster: str, outcome: Outcome) -> None:
    if outcome.error:
        terminal.print_message(f"{cluster}: {outcome.what}: {outcome.error}")
        return
    painted = terminal.painted_cluster(cluster)
    terminal.clear_progress_line()
    terminal.write(f"{painted} {outcome.what} {outcome.done}\n")
    terminal.flush()


def error_text(problem: Mapping[str, Any], detail: str) -> str:
    """Return the detail of a problem, with Kubernetes' reason (``NotFound``) in front where there is one."""
    reason = f"{problem['reason']}: " if problem.get("reason") else ""
    return name_flags(f"{reason}{detail}")


def changed_object_name(answer: Any, otherwise: str) -> str:
    """Return the name of the object in an answer, or ``otherwise`` where the answer is a Status or a
    Scale."""
    kind = answer.get("kind") if isinstance(answer, dict) else None
    return otherwise if kind in (None, "Status", "Scale") else qualified_name(answer)


def write_options(namespace: str | None, dry_run: str | None) -> dict[str, Any]:
    """Return the keyword arguments of the client's writes, without the cluster. Raises UsageError."""
    if dry_run not in (None, "server", "none"):
        raise UsageError(f"--dry-run: {dry_run!r} is not accepted; accepted is server, or none")
    return {
        **({"namespace": namespace} if namespace else {}),
        **({"dry_run": True} if dry_run == "server" else {}),
    }


def with_dry_run(done: str, dry_run: str | None) -> str:
    """Return ``done`` with kubectl's remark where nothing was changed in fact."""
    return f"{done} (server dry run)" if dry_run == "server" else done
