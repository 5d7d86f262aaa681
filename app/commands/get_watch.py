"""``k8s-mcp get --watch``: what there is and then each change, as lines, or as a live table on a terminal."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app import jsontext
from app.commands import terminal
from app.commands.empty_list import nothing_found
from app.commands.exit_status import WELL
from app.commands.object_args import Choice, conclude, find
from app.commands.object_words import Place, called, place
from app.commands.resource_args import Asked
from app.commands.resource_columns import rows_of
from app.commands.watch_state import Known, Told

if TYPE_CHECKING:
    from app.client import AsyncFleet, Event
    from app.commands.table_rows import Rows

TABLES = ("table", "wide")
# A live table is drawn so often at most, and once a second where only ages change.
_FRAME_SECONDS = 0.2
_IDLE_SECONDS = 1.0
_FLASH_SECONDS = 1.5


async def follow(fleet: "AsyncFleet", asked: Asked, choice: Choice, form: str, events: bool) -> int:
    """Until Ctrl-C. A broken stream is resumed, by the client, and nothing is told twice."""
    query = choice.query(asked.names[0] if len(asked.names) == 1 else None)
    # The watch waits for a server that is away and for a resource that is not there yet; here they are wrong.
    there = await find(fleet, asked, choice, fields="metadata.name", limit=1)
    if there.missing:
        return await conclude(fleet, [there], choice)
    terminal.warn(there.clusters)
    if not there.objects:
        terminal.tell(await nothing_found(fleet, [there], choice))
    known = Known(frozenset(asked.names))
    async with aclosing(fleet.watch(asked.resource, **query)) as stream:
        if form in TABLES and not events and terminal.is_terminal(sys.stdout):
            await _live(fleet, stream, known, wide=form == "wide")
        else:
            await _Lines(fleet, known, form, events=events).print(stream)
    return WELL


class _Lines:
    """A line for each change, for whoever reads them one after the other."""

    def __init__(self, fleet: "AsyncFleet", known: Known, form: str, *, events: bool) -> None:
        self._fleet = fleet
        self._known = known
        self._form = form
        self._events = events
        self._rows: Rows | None = None

    async def print(self, stream: AsyncIterator["Event"]) -> None:
        first: list[Told] | None = []
        async for event in stream:
            if trouble := self._known.hear(event):
                terminal.tell(f"warning: {trouble}")
            told = [*self._known.take(event)]
            if first is None:
                await self._print(told)
                continue
            first += told
            if event.type == "SYNCED":
                # What there is at the start is printed at once: its columns are as wide as all of it needs.
                await self._print(sorted(first, key=lambda each: place(each.object)))
                first = None

    async def _print(self, told: Sequence[Told]) -> None:
        if told and self._form in TABLES:
            await self._print_rows(told)
        else:
            for each in told:
                self._print_object(each)
        terminal.flush()

    async def _print_rows(self, told: Sequence[Told]) -> None:
        begins = self._rows is None
        if self._rows is None:
            how = {"wide": self._form == "wide", "first": "Event" if self._events else ""}
            self._rows = await rows_of(self._fleet, told[0].object, **how)
        types = [each.type for each in told] if self._events else None
        lines = self._rows.more([each.object for each in told], datetime.now(UTC), types)
        terminal.write_table(lines, begins=begins)

    def _print_object(self, told: Told) -> None:
        found: Any = {"type": told.type, "object": told.object} if self._events else told.object
        if self._form == "json":
            terminal.write(jsontext.encode(found).decode() + "\n")
        elif self._form == "yaml":
            terminal.write("---\n")
            terminal.write_yaml(found)
        else:
            what = f"{told.type} " if self._events else ""
            terminal.write(f"{what}{told.object['cluster']} {called(told.object)}\n")


async def _live(fleet: "AsyncFleet", stream: AsyncIterator["Event"], known: Known, *, wide: bool) -> None:
    """A table in place. What changed is marked for a moment, and comes first where not all has room."""
    from app.commands.live_screen import Screen

    changed: dict[Place, float] = {}
    news = asyncio.Event()

    async def read() -> None:
        begun = False
        try:
            async for event in stream:
                known.hear(event)
                for told in known.take(event):
                    if begun:
                        changed[place(told.object)] = time.monotonic()
                begun = begun or event.type == "SYNCED"
                if begun:
                    news.set()
        finally:
            news.set()

    reading = asyncio.create_task(read())
    rows = None
    try:
        async with terminal.progress("waiting for what there is"):
            await news.wait()
        with Screen(colour=terminal.is_colourful(sys.stdout)) as screen:
            while not reading.done():
                news.clear()
                shown = _chosen(known, changed, screen.room)
                if rows is None and shown:
                    rows = await rows_of(fleet, known.objects[shown[0]], wide=wide)
                objects = [known.objects[at] for at in shown]
                lines = rows.lines(objects, datetime.now(UTC)) if rows is not None else []
                late = time.monotonic() - _FLASH_SECONDS
                flashing = frozenset(
                    number for number, at in enumerate(shown, 1) if changed.get(at, late) > late
                )
                screen.show(lines, _below(known, len(shown)), flashing)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_SECONDS):
                        await news.wait()
                await asyncio.sleep(_FRAME_SECONDS)
        await reading
    finally:
        reading.cancel()
        await asyncio.wait([reading])


def _chosen(known: Known, changed: dict[Place, float], room: int) -> list[Place]:
    """All of them in their order, or the latest to change where there are more than can be seen."""
    for at in changed.keys() - known.objects.keys():
        del changed[at]
    if len(known.objects) <= room:
        return sorted(known.objects)
    latest = sorted(changed, key=changed.__getitem__, reverse=True)[:room]
    others = sorted(known.objects.keys() - set(latest))
    return [*latest, *others[: room - len(latest)]]


def _below(known: Known, shown: int) -> str:
    number = len(known.objects)
    notes = [f"{number} objects" if shown == number else f"{shown} of {number}, the latest changes first"]
    return "; ".join([*notes, *known.troubles(), "Ctrl-C ends"])
