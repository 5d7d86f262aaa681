"""The options that commands share, as typer declares them, and their shell completion.

Completion asks the server for names; where it does not answer in time, nothing is offered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.server_connection import with_client

if TYPE_CHECKING:
    from app.client import AsyncFleet

# The context is of click, or of typer's own copy of click, as the version of typer has it.
_Context = Any
# A user who has pressed the tabulator key waits for this.
_SECONDS = 1.5


def complete_clusters(ctx: _Context, incomplete: str) -> list[str]:
    """Return the clusters whose names start with the last of several between commas."""
    before, comma, word = incomplete.rpartition(",")

    async def names(fleet: "AsyncFleet") -> Iterable[str]:
        return [each["name"] for each in await fleet.clusters()]

    return _starting(word, _ask(ctx, names), before + comma)


def complete_namespaces(ctx: _Context, incomplete: str) -> list[str]:
    """Return the namespaces whose names start with ``incomplete``."""
    return _starting(incomplete, _names(ctx, "namespaces"))


def complete_resources(ctx: _Context, args: list[str], incomplete: str) -> list[str]:
    """Return resources for the first argument, then names of objects of that resource."""
    resource, slash, name = incomplete.rpartition("/")
    if slash:
        return _starting(name, _names(ctx, resource), resource + slash)
    given = [word for word in ctx.params.get("words") or args or () if word != incomplete]
    if given:
        return _starting(incomplete, _names(ctx, given[0])) if "/" not in given[0] else []
    before, comma, word = incomplete.rpartition(",")

    async def plurals(fleet: "AsyncFleet") -> Iterable[str]:
        return [each["plural"] for each in await fleet.resources()]

    return _starting(word, _ask(ctx, plurals), before + comma)


def _names(ctx: _Context, resource: str) -> Iterable[str]:
    async def names(fleet: "AsyncFleet") -> Iterable[str]:
        return [each["metadata"]["name"] for each in await fleet.list(resource, fields="metadata.name")]

    return _ask(ctx, names)


def _starting(word: str, words: Iterable[str], before: str = "") -> list[str]:
    return sorted({before + candidate for candidate in words if candidate.startswith(word)})


def _ask(ctx: _Context, work: Callable[["AsyncFleet"], Awaitable[Iterable[str]]]) -> Iterable[str]:
    """Return the answer of ``work``, or nothing on any error: it would be printed into the line being
    typed."""

    async def in_time(fleet: "AsyncFleet") -> Iterable[str]:
        async with asyncio.timeout(_SECONDS):
            return await work(fleet)

    try:
        with redirect_stderr(StringIO()):
            return asyncio.run(with_client(ctx.params.get("server"), ctx.params.get("token"), in_time))
    except Exception:
        return []


Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Ask the server at this URL; else K8S_MCP_URL, then http://127.0.0.1:8000.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option("--token", metavar="T", help="Send this token to the server; else K8S_MCP_TOKEN."),
]
Clusters = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="Look only in this cluster; may repeat. All if left out.",
        autocompletion=complete_clusters,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="Change this cluster, '*' for all; may repeat. Required unless there is only one.",
        autocompletion=complete_clusters,
    ),
]
Namespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Look only in this namespace; may repeat. All if left out.",
        autocompletion=complete_namespaces,
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", metavar="NAME", help="Use this namespace.", autocompletion=complete_namespaces
    ),
]
AllNamespaces = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="Look in all namespaces, which is the default.")
]
Labels = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Choose only objects with these labels."),
]
Fields = Annotated[
    str | None,
    typer.Option(
        "--field-selector", metavar="FIELDS", help="Choose only objects whose fields meet these conditions."
    ),
]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TYPE [NAME]... | TYPE/NAME...",
        show_default=False,
        autocompletion=complete_resources,
        help="Name resources and objects as for kubectl: pods, pods,svc, pod web-1, deploy/web.",
    ),
]
DryRun = Annotated[
    str | None,
    typer.Option(
        "--dry-run",
        metavar="[server]",
        help="Show what would be done, as the clusters check it, and change nothing.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE",
        help="Read manifests from this file, directory or URL, or - for stdin; may repeat.",
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-R", help="Read subdirectories too.")]
