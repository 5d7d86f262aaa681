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
    Object,
    ObjectFilter,
    ObjectKey,
    ResourceArg,
    explain_empty,
    find_objects,
    key_of,
    qualified_name,
    report_missing,
)
from app.commands.server_connection import SUCCEEDED
from app.commands.table_rows import ResourceTable, resource_table
from app.commands.terminal import LiveTable

if TYPE_CHECKING:
    from app.client import AsyncFleet, Event

TABLES = ("table", "wide")
# A live table is drawn so often at most, and once a second where only ages change.
_FRAME_SECONDS = 0.2
_IDLE_SECONDS = 1.0
_FLASH_SECONDS = 1.5
# Clusters in these states have no objects; a RESET of the cluster comes before the state.
_WITHOUT_OBJECTS = ("forbidden", "removed")


class ObjectChange(NamedTuple):
    """A change to print: ADDED, MODIFIED or DELETED, and the object; a deleted one in its last state."""

    type: str
    object: Object


class WatchedObjects:
    """The objects of a watch by cluster, namespace and name; with ``names``, only those of these names.

    An object that comes again after a RESET with the same version is no change. After a RESET of everything
    the objects stay until SYNCED shows which of them are deleted. After a RESET of a cluster, which no SYNCED
    need follow, its objects are removed at once, and kept aside for the comparison.
    """

    def __init__(self, names: frozenset[str] = frozenset()) -> None:
        self.objects: dict[ObjectKey, Object] = {}
        self.states: dict[str, Mapping[str, Any]] = {}
        self._names = names
        self._doubted: set[ObjectKey] = set()
        self._taken: dict[ObjectKey, Object] = {}

    def hear(self, event: "Event") -> str:
        """Record the cluster states of an event; return a warning for a cluster that is not synced any
        more."""
        if event.type == "SYNCED":
            self.states = {cluster["name"]: cluster for cluster in event.clusters}
            return ""
        if event.type != "CLUSTER":
            return ""
        self.states[event.cluster] = {"name": event.cluster, "state": event.state, "error": event.error}
        return "" if event.state == "synced" else _trouble(self.states[event.cluster])

    def troubles(self) -> list[str]:
        """Return a warning for each cluster that is not synced."""
        return [
            _trouble(cluster)
            for cluster in self.states.values()
            if cluster["state"] not in ("synced", "removed")
        ]

    def take(self, event: "Event") -> Iterator[ObjectChange]:
        """Apply an event to the objects and yield the changes that it makes."""
        match event.type:
            case "ADDED" | "MODIFIED":
                yield from self._changed({"cluster": event.cluster, **(event.object or {})})
            case "DELETED":
                yield from self._gone((event.cluster, event.namespace, event.name))
            case "RESET" if event.cluster:
                for key in [key for key in self.objects if key[0] == event.cluster]:
                    self._taken[key] = self.objects.pop(key)
            case "RESET":
                self._doubted |= self.objects.keys()
            case "SYNCED":
                for key in sorted(self._doubted | self._taken.keys()):
                    yield from self._gone(key)
            case "CLUSTER" if event.state in _WITHOUT_OBJECTS:
                for key in sorted(key for key in self._taken if key[0] == event.cluster):
                    yield from self._gone(key)

    def _changed(self, obj: Object) -> Iterator[ObjectChange]:
        key = key_of(obj)
        if self._names and key[2] not in self._names:
            return
        self._doubted.discard(key)
        before = self.objects.get(key) or self._taken.pop(key, None)
        self.objects[key] = obj
        if before is None:
            yield ObjectChange("ADDED", obj)
        elif _version(before) != _version(obj):
            yield ObjectChange("MODIFIED", obj)

    def _gone(self, key: ObjectKey) -> Iterator[ObjectChange]:
        self._doubted.discard(key)
        removed = self._taken.pop(key, None)
        before = self.objects.pop(key, removed)
        if before is not None:
            yield ObjectChange("DELETED", before)


def _trouble(cluster: Mapping[str, Any]) -> str:
    why = f": {cluster['error']}" if cluster.get("error") else ""
    return f"{cluster['name']} is {cluster['state']}{why}"


def _version(obj: Object) -> tuple[Any, Any]:
    metadata = obj["metadata"]
    return metadata.get("uid"), metadata.get("resourceVersion")


async def follow(
    fleet: "AsyncFleet", arg: ResourceArg, object_filter: ObjectFilter, form: str, events: bool
) -> int:
    """Print the changes of a resource until Ctrl-C; the client resumes a broken stream. Returns the exit
    status."""
    query = object_filter.query(arg.names[0] if len(arg.names) == 1 else None)
    # The watch waits for a server that is away and for a resource that is not there yet; here they are wrong.
    result = await find_objects(fleet, arg, object_filter, fields="metadata.name", limit=1)
    if result.missing:
        return await report_missing(fleet, [result], object_filter)
    terminal.warn_unsynced(result.clusters)
    if not result.objects:
        terminal.print_message(await explain_empty(fleet, [result], object_filter))
    watched = WatchedObjects(frozenset(arg.names))
    async with aclosing(fleet.watch(arg.resource, **query)) as stream:
        if form in TABLES and not events and terminal.is_terminal(sys.stdout):
            await _live(fleet, stream, watched, wide=form == "wide")
        else:
            await _ChangePrinter(fleet, watched, form, events=events).print(stream)
    return SUCCEEDED


class _ChangePrinter:
    """Prints each change as a line or a document, for pipes, files and ``--output-watch-events``."""

    def __init__(self, fleet: "AsyncFleet", watched: WatchedObjects, form: str, *, events: bool) -> None:
        self._fleet = fleet
        self._watched = watched
        self._form = form
        self._events = events
        self._table: ResourceTable | None = None

    async def print(self, stream: AsyncIterator["Event"]) -> None:
        """Print the changes of the stream until it ends."""
        first: list[ObjectChange] | None = []
        async for event in stream:
            if trouble := self._watched.hear(event):
                terminal.print_message(f"warning: {trouble}")
            changes = [*self._watched.take(event)]
            if first is None:
                await self._print(changes)
                continue
            first += changes
            if event.type == "SYNCED":
                # What there is at the start is printed at once: its columns are as wide as all of it needs.
                await self._print(sorted(first, key=lambda change: key_of(change.object)))
                first = None

    async def _print(self, changes: Sequence[ObjectChange]) -> None:
        if changes and self._form in TABLES:
            await self._print_rows(changes)
        else:
            for change in changes:
                self._print_object(change)
        terminal.flush()

    async def _print_rows(self, changes: Sequence[ObjectChange]) -> None:
        begins = self._table is None
        if self._table is None:
            how = {"wide": self._form == "wide", "first": "Event" if self._events else ""}
            self._table = await resource_table(self._fleet, changes[0].object, **how)
        types = [change.type for change in changes] if self._events else None
        lines = self._table.more([change.object for change in changes], datetime.now(UTC), types)
        terminal.write_table(lines, begins=begins)

    def _print_object(self, change: ObjectChange) -> None:
        document: Any = {"type": change.type, "object": change.object} if self._events else change.object
        if self._form == "json":
            terminal.write(jsontext.encode(document).decode() + "\n")
        elif self._form == "yaml":
            terminal.write("---\n")
            terminal.write_yaml(document)
        else:
            what = f"{change.type} " if self._events else ""
            terminal.write(f"{what}{change.object['cluster']} {qualified_name(change.object)}\n")


async def _live(
    fleet: "AsyncFleet", stream: AsyncIterator["Event"], watched: WatchedObjects, *, wide: bool
) -> None:
    """Redraw a table in place. Changed rows are marked for a moment, and come first where not all have
    room."""
    changed: dict[ObjectKey, float] = {}
    news = asyncio.Event()

    async def read_stream() -> None:
        synced = False
        try:
            async for event in stream:
                watched.hear(event)
                for change in watched.take(event):
                    if synced:
                        changed[key_of(change.object)] = time.monotonic()
                synced = synced or event.type == "SYNCED"
                if synced:
                    news.set()
        finally:
            news.set()

    reading = asyncio.create_task(read_stream())
    table = None
    try:
        async with terminal.progress("waiting for what there is"):
            await news.wait()
        with LiveTable(colour=terminal.is_colourful(sys.stdout)) as screen:
            while not reading.done():
                news.clear()
                shown = _chosen(watched, changed, screen.room)
                if table is None and shown:
                    table = await resource_table(fleet, watched.objects[shown[0]], wide=wide)
                objects = [watched.objects[key] for key in shown]
                lines = table.lines(objects, datetime.now(UTC)) if table is not None else []
                late = time.monotonic() - _FLASH_SECONDS
                flashing = frozenset(
                    number for number, key in enumerate(shown, 1) if changed.get(key, late) > late
                )
                screen.show(lines, _below(watched, len(shown)), flashing)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_SECONDS):
                        await news.wait()
                await asyncio.sleep(_FRAME_SECONDS)
        await reading
    finally:
        reading.cancel()
        await asyncio.wait([reading])


def _chosen(watched: WatchedObjects, changed: dict[ObjectKey, float], room: int) -> list[ObjectKey]:
    """Return the objects to show: all, in order, or the latest to change where there are more than
    ``room``."""
    for key in changed.keys() - watched.objects.keys():
        del changed[key]
    if len(watched.objects) <= room:
        return sorted(watched.objects)
    latest = sorted(changed, key=changed.__getitem__, reverse=True)[:room]
    others = sorted(watched.objects.keys() - set(latest))
    return [*latest, *others[: room - len(latest)]]


def _below(watched: WatchedObjects, shown: int) -> str:
    number = len(watched.objects)
    notes = [f"{number} objects" if shown == number else f"{shown} of {number}, the latest changes first"]
    return "; ".join([*notes, *watched.troubles(), "Ctrl-C ends"])
