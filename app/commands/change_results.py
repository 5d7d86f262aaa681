"""Changes of clusters: one request for each change in each cluster, and a line for what became of it.

A cluster that hangs keeps nobody from reading what became of the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.commands import terminal
from app.commands.object_args import called
from app.commands.server_connection import Complaint, Misuse, in_words, status_of
from app.suggestions import no_cluster

if TYPE_CHECKING:
    from app.client import AsyncFleet

ALL = "*"
# Of one command; the server and its clusters are to stay quick for others.
_AT_ONCE = 32


class Change(NamedTuple):
    """One change of one cluster. ``what`` is what it changes, as the user called it."""

    cluster: str
    what: str
    make: Callable[[], Awaitable[Sequence["Line"]]]


class Line(NamedTuple):
    """What became of one object. ``error`` is "" where all went well."""

    what: str
    done: str = ""
    error: str = ""


async def clusters_to_change(fleet: "AsyncFleet", chosen: Sequence[str]) -> list[str]:
    """Names of clusters. They may be left out only where there is but one. Raises Complaint."""
    if ALL in chosen and [*chosen] != [ALL]:
        raise Misuse(f"--cluster: {','.join(chosen)!r} is not accepted; accepted is '*' alone, or names")
    there = [each["name"] for each in await fleet.clusters()]
    if chosen and ALL not in chosen:
        # Before anything is changed: a mistake in one name is not to leave the others changed.
        for name in chosen:
            if name not in there:
                raise Complaint(no_cluster(name, there))
        return [*dict.fromkeys(chosen)]
    if not chosen and len(there) != 1:
        raise Misuse(f"--cluster must say where; accepted is '*' for all, or some of {', '.join(there)}")
    return there


async def carry_out(changes: Sequence[Change], doing: str) -> int:
    """Make all changes, and tell of each as soon as it is known; the exit status."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def make(change: Change) -> tuple[Change, Sequence[Line]]:
        from app.client import FleetError
        from app.client.errors import NoServer

        async with limit:
            try:
                return change, await change.make()
            except NoServer:
                raise  # which is no matter of this change alone
            except FleetError as error:
                return change, [Line(change.what, error=told(error.members, error.detail))]

    went_well = []
    async with terminal.progress(doing, len(changes)) as advance:
        for ended in asyncio.as_completed([make(change) for change in changes]):
            change, lines = await ended
            for line in lines:
                went_well.append(not line.error)
                _tell(change.cluster, line)
            advance()
    return status_of(went_well)


def _tell(cluster: str, line: Line) -> None:
    if line.error:
        terminal.tell(f"{cluster}: {line.what}: {line.error}")
        return
    place = terminal.painted_place(cluster)
    terminal.make_room()
    terminal.write(f"{place} {line.what} {line.done}\n")
    terminal.flush()


def told(problem: Mapping[str, Any], detail: str) -> str:
    """An error in one line, with the reason that Kubernetes gives."""
    reason = f"{problem['reason']}: " if problem.get("reason") else ""
    return in_words(f"{reason}{detail}")


def called_or(answer: Any, otherwise: str) -> str:
    """What an answer calls the object that was changed; a Status and a Scale are not that object."""
    kind = answer.get("kind") if isinstance(answer, dict) else None
    return otherwise if kind in (None, "Status", "Scale") else called(answer)


def given(namespace: str | None, dry_run: str | None) -> dict[str, Any]:
    """The arguments that all writes of the client have, but for the cluster. Raises Misuse."""
    if dry_run not in (None, "server", "none"):
        raise Misuse(f"--dry-run: {dry_run!r} is not accepted; accepted is server, or none")
    return {
        **({"namespace": namespace} if namespace else {}),
        **({"dry_run": True} if dry_run == "server" else {}),
    }


def said(done: str, dry_run: str | None) -> str:
    return f"{done} (server dry run)" if dry_run == "server" else done
