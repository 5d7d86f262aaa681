"""Words for shell completion, from the server: quick, and silent where it does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.client import AsyncFleet

# typer hands over its own context, of a click that is its own or not, as its version goes.
_Context = Any
# Somebody waits with a finger on the tabulator key.
_SECONDS = 1.5


def complete_clusters(ctx: _Context, incomplete: str) -> list[str]:
    before, comma, word = incomplete.rpartition(",")

    async def names(fleet: "AsyncFleet") -> Iterable[str]:
        return [each["name"] for each in await fleet.clusters()]

    return _starting(word, _ask(ctx, names), before + comma)


def complete_namespaces(ctx: _Context, incomplete: str) -> list[str]:
    return _starting(incomplete, _names(ctx, "namespaces"))


def complete_resources(ctx: _Context, args: list[str], incomplete: str) -> list[str]:
    """A resource, then the names of its objects."""
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


def _starting(word: str, found: Iterable[str], before: str = "") -> list[str]:
    return sorted({before + each for each in found if each.startswith(word)})


def _ask(ctx: _Context, work: Callable[["AsyncFleet"], Awaitable[Iterable[str]]]) -> Iterable[str]:
    """What the server says, or nothing: whatever goes wrong must not end up in a line that is being typed."""
    from app.commands.server_connection import with_client

    async def in_time(fleet: "AsyncFleet") -> Iterable[str]:
        async with asyncio.timeout(_SECONDS):
            return await work(fleet)

    try:
        with redirect_stderr(StringIO()):
            return asyncio.run(with_client(ctx.params.get("server"), ctx.params.get("token"), in_time))
    except Exception:
        return []
