"""One object and its events, to be read: what identifies it, its fields, its conditions, its events.

Fields keep the names that they have in the API, so that what is read here can be asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app import jsontext
from app.cache.ages import since
from app.cache.tables import Column, Sheet
from app.commands.terminal import Painter, paint
from app.json_access import at, integer, text
from app.yamltext import dump

Object = Mapping[str, Any]

_HEAD = frozenset({"cluster", "kind", "apiVersion", "metadata"})
_CONDITIONS = ("TYPE", "STATUS", "AGE", "REASON", "MESSAGE")
_EVENTS = ("TYPE", "REASON", "AGE", "FROM", "MESSAGE")
_BOLD = "1"
_WIDTH = 14
_NOT_SHOWN = "<not shown>"


def lines_of(found: Object, events: Sequence[Object], now: datetime, *, colour: bool) -> Iterator[str]:
    """The lines of it, with their ends. ``found`` carries ``cluster``; ``events`` are the latest last."""
    conditions = at(found, "status", "conditions")
    tabular = isinstance(conditions, list) and all(isinstance(each, dict) for each in conditions)
    yield from _identity(found, now)
    for member, value in found.items():
        if member in _HEAD or value in (None, {}, []):
            continue
        if member == "status" and tabular:
            value = {key: part for key, part in value.items() if key != "conditions"}
            if not value:
                continue
        if not isinstance(value, dict | list):
            yield from _line(member, [value])
            continue
        yield _heading(member, colour=colour)
        yield from _fields(_hidden(value) if found["kind"] == "Secret" else value)
    if tabular and conditions:
        yield _heading("conditions", colour=colour)
        yield from _table(_CONDITIONS, (_condition(each, now) for each in conditions), colour=colour)
    if events:
        yield _heading("events", colour=colour)
        yield from _table(_EVENTS, (_event(each, now) for each in events), colour=colour)
    else:
        yield "events:       <none>\n"


def _hidden(value: object) -> object:
    """The keys of a Secret alone, as kubectl describes one."""
    return dict.fromkeys(value, _NOT_SHOWN) if isinstance(value, dict) else value


def _identity(found: Object, now: datetime) -> Iterator[str]:
    metadata = found["metadata"]
    created = text(metadata, "creationTimestamp")
    deleted = text(metadata, "deletionTimestamp")
    yield from _line("name", [metadata["name"]])
    yield from _line("cluster", [found["cluster"]])
    if metadata.get("namespace"):
        yield from _line("namespace", [metadata["namespace"]])
    yield from _line("kind", [f"{found['kind']} ({found['apiVersion']})"])
    if created:
        yield from _line("created", [f"{created} ({since(created, now)} ago)"])
    if deleted:
        yield from _line("terminating", [f"since {deleted} ({since(deleted, now)} ago)"])
    owners, finalizers = metadata.get("ownerReferences"), metadata.get("finalizers")
    yield from _line("owner", [*_elements(owners, _owner)], left_out=True)
    yield from _line("finalizers", [*_elements(finalizers, _shown)], left_out=True)
    yield from _line("labels", [*_pairs(metadata.get("labels"), "=")])
    yield from _line("annotations", [*_pairs(metadata.get("annotations"), ": ")])


def _shown(value: object) -> str:
    """A text as it is, anything else as JSON; nothing of null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else jsontext.encode(value).decode()


def _owner(reference: object) -> str:
    if not isinstance(reference, dict):
        return _shown(reference)
    return f"{_shown(reference.get('kind'))}/{_shown(reference.get('name'))}"


def _elements(value: object, show: Callable[[object], str]) -> Iterator[str]:
    if isinstance(value, list):
        yield from map(show, value)
    elif value not in (None, {}):
        yield _shown(value)


def _pairs(value: object, mark: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{name}{mark}{_shown(each)}" for name, each in value.items())
    elif value not in (None, []):
        yield _shown(value)


def _line(name: str, values: Sequence[object], *, left_out: bool = False) -> Iterator[str]:
    """A name and its values, one below the other."""
    if not values and left_out:
        return
    margin = f"{name}:"
    for value in values or ["<none>"]:
        yield f"{margin:<{_WIDTH}}{_safe(_shown(value))}\n"
        margin = ""


def _heading(name: str, *, colour: bool) -> str:
    return paint(f"{name}:", _BOLD if colour else "") + "\n"


def _fields(value: object) -> Iterator[str]:
    for line in dump(value).decode().splitlines():
        yield f"  {line}\n"


def _condition(found: Object, now: datetime) -> list[str]:
    moment = text(found, "lastTransitionTime") or text(found, "lastUpdateTime")
    return [
        _shown(found.get("type")),
        _shown(found.get("status")),
        since(moment, now) if moment else "",
        _shown(found.get("reason")),
        _shown(found.get("message")),
    ]


def _event(found: Object, now: datetime) -> list[str]:
    last = text(found, "series", "lastObservedTime") or text(found, "lastTimestamp")
    last = last or text(found, "eventTime")
    first = text(found, "firstTimestamp") or text(found, "eventTime")
    count = integer(found, "series", "count") or integer(found, "count") or 1
    age = since(last, now) if last else ""
    if count > 1 and first:
        age = f"{age} (x{count} over {since(first, now)})"
    return [
        _shown(found.get("type")),
        _shown(found.get("reason")),
        age,
        text(found, "source", "component") or text(found, "reportingComponent"),
        " ".join(_shown(found.get("message")).split()),
    ]


def _table(headers: Sequence[str], rows: Iterable[list[str]], *, colour: bool) -> Iterator[str]:
    sheet = Sheet([Column(header) for header in headers], wide=False)
    for row in rows:
        sheet.add(row)
    header, *lines = sheet.lines()
    painter = Painter(header)
    yield f"  {painter.header if colour else header.rstrip()}\n"
    for line in lines:
        text = line.rstrip("\n")
        yield f"  {painter.line(text) if colour else text.rstrip()}\n"


def _safe(text: str) -> str:
    """Without what would move the cursor of a terminal, and with line ends shown as they are written."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
