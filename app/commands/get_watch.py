"""``k8s-mcp get --watch``: the objects and then each change, as lines, or as a live table on a terminal."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from app import jsontext
from app.commands import terminal
from app.commands.object_args import (
    Asked,
    Choice,
    Object,
    Place,
    called,
    conclude,
    find,
    nothing_found,
    place,
)
from app.commands.server_connection import WELL
from app.commands.table_rows import Rows, rows_of
from app.commands.terminal import Screen

if TYPE_CHECKING:
    from app.client import AsyncFleet, Event

TABLES = ("table", "wide")
# A live table is drawn so often at most, and once a second where only ages change.
_FRAME_SECONDS = 0.2
_IDLE_SECONDS = 1.0
_FLASH_SECONDS = 1.5
# A RESET of what they had goes before.
_WITHOUT_OBJECTS = ("forbidden", "removed")


class Told(NamedTuple):
    """What is to be shown: ADDED, MODIFIED or DELETED, and the object, as last known if it is gone."""

    type: str
    object: Object


class Known:
    """Objects by cluster, namespace and name; with ``names``, only those of these names.

    What is told anew after a RESET is no news where it is the same. After a RESET of everything the
    objects stay until SYNCED tells which of them are gone. After one of a cluster, which no SYNCED need
    follow, they are taken away at once, and remembered for the comparison.
    """

    def __init__(self, names: frozenset[str] = frozenset()) -> None:
        self.objects: dict[Place, Object] = {}
        self.states: dict[str, Mapping[str, Any]] = {}
        self._names = names
        self._doubted: set[Place] = set()
        self._taken: dict[Place, Object] = {}

    def hear(self, event: "Event") -> str:
        """Keep what an event says of clusters; what there is to tell of one that is not synced any more."""
        if event.type == "SYNCED":
            self.states = {each["name"]: each for each in event.clusters}
            return ""
        if event.type != "CLUSTER":
            return ""
        self.states[event.cluster] = {"name": event.cluster, "state": event.state, "error": event.error}
        return "" if event.state == "synced" else _trouble(self.states[event.cluster])

    def troubles(self) -> list[str]:
        """Of each cluster that is not synced."""
        return [_trouble(each) for each in self.states.values() if each["state"] not in ("synced", "removed")]

    def take(self, event: "Event") -> Iterator[Told]:
        """What is to be shown of an event."""
        match event.type:
            case "ADDED" | "MODIFIED":
                yield from self._changed({"cluster": event.cluster, **(event.object or {})})
            case "DELETED":
                yield from self._gone((event.cluster, event.namespace, event.name))
            case "RESET" if event.cluster:
                for at in [at for at in self.objects if at[0] == event.cluster]:
                    self._taken[at] = self.objects.pop(at)
            case "RESET":
                self._doubted |= self.objects.keys()
            case "SYNCED":
                for at in sorted(self._doubted | self._taken.keys()):
                    yield from self._gone(at)
            case "CLUSTER" if event.state in _WITHOUT_OBJECTS:
                for at in sorted(at for at in self._taken if at[0] == event.cluster):
                    yield from self._gone(at)

    def _changed(self, found: Object) -> Iterator[Told]:
        at = place(found)
        if self._names and at[2] not in self._names:
            return
        self._doubted.discard(at)
        before = self.objects.get(at) or self._taken.pop(at, None)
        self.objects[at] = found
        if before is None:
            yield Told("ADDED", found)
        elif _version(before) != _version(found):
            yield Told("MODIFIED", found)

    def _gone(self, at: Place) -> Iterator[Told]:
        self._doubted.discard(at)
        taken = self._taken.pop(at, None)
        before = self.objects.pop(at, taken)
        if before is not None:
            yield Told("DELETED", before)


def _trouble(cluster: Mapping[str, Any]) -> str:
    why = f": {cluster['error']}" if cluster.get("error") else ""
    return f"{cluster['name']} is {cluster['state']}{why}"


def _version(found: Object) -> tuple[Any, Any]:
    metadata = found["metadata"]
    return metadata.get("uid"), metadata.get("resourceVersion")


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
