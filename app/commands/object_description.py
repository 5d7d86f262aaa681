"""The text of ``describe``: an object's identity, fields, conditions and events.

Fields keep the names that they have in the API, so that selectors and paths can be written from the text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app import jsontext
from app.cache.ages import since
from app.cache.tables import Column, Sheet
from app.commands.terminal import TablePainter, paint
from app.json_access import at, integer, text
from app.yamltext import dump

Object = Mapping[str, Any]

_HEAD = frozenset({"cluster", "kind", "apiVersion", "metadata"})
_CONDITIONS = ("TYPE", "STATUS", "AGE", "REASON", "MESSAGE")
_EVENTS = ("TYPE", "REASON", "AGE", "FROM", "MESSAGE")
_BOLD = "1"
_WIDTH = 14
_NOT_SHOWN = "<not shown>"


def describe_object(obj: Object, events: Sequence[Object], now: datetime, *, colour: bool) -> Iterator[str]:
    """Yield the lines, with their ends. ``obj`` has a member ``cluster``; ``events`` are sorted, the latest
    last."""
    conditions = at(obj, "status", "conditions")
    tabular = isinstance(conditions, list) and all(isinstance(entry, dict) for entry in conditions)
    yield from _identity(obj, now)
    for member, value in obj.items():
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
        yield from _fields(_hidden(value) if obj["kind"] == "Secret" else value)
    if tabular and conditions:
        yield _heading("conditions", colour=colour)
        yield from _table(_CONDITIONS, (_condition(entry, now) for entry in conditions), colour=colour)
    if events:
        yield _heading("events", colour=colour)
        yield from _table(_EVENTS, (_event(entry, now) for entry in events), colour=colour)
    else:
        yield "events:       <none>\n"


def _hidden(value: object) -> object:
    """Return the keys of a Secret's data without the values, as ``kubectl describe`` does."""
    return dict.fromkeys(value, _NOT_SHOWN) if isinstance(value, dict) else value


def _identity(obj: Object, now: datetime) -> Iterator[str]:
    metadata = obj["metadata"]
    created = text(metadata, "creationTimestamp")
    deleted = text(metadata, "deletionTimestamp")
    yield from _line("name", [metadata["name"]])
    yield from _line("cluster", [obj["cluster"]])
    if metadata.get("namespace"):
        yield from _line("namespace", [metadata["namespace"]])
    yield from _line("kind", [f"{obj['kind']} ({obj['apiVersion']})"])
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
    """Return a string as it is, null as nothing, anything else as JSON."""
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
        yield from (f"{name}{mark}{_shown(entry)}" for name, entry in value.items())
    elif value not in (None, []):
        yield _shown(value)


def _line(name: str, values: Sequence[object], *, left_out: bool = False) -> Iterator[str]:
    """Yield a name and its values, one below the other."""
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


def _condition(condition: Object, now: datetime) -> list[str]:
    moment = text(condition, "lastTransitionTime") or text(condition, "lastUpdateTime")
    return [
        _shown(condition.get("type")),
        _shown(condition.get("status")),
        since(moment, now) if moment else "",
        _shown(condition.get("reason")),
        _shown(condition.get("message")),
    ]


def _event(event: Object, now: datetime) -> list[str]:
    last = text(event, "series", "lastObservedTime") or text(event, "lastTimestamp")
    last = last or text(event, "eventTime")
    first = text(event, "firstTimestamp") or text(event, "eventTime")
    count = integer(event, "series", "count") or integer(event, "count") or 1
    age = since(last, now) if last else ""
    if count > 1 and first:
        age = f"{age} (x{count} over {since(first, now)})"
    return [
        _shown(event.get("type")),
        _shown(event.get("reason")),
        age,
        text(event, "source", "component") or text(event, "reportingComponent"),
        " ".join(_shown(event.get("message")).split()),
    ]


def _table(headers: Sequence[str], rows: Iterable[list[str]], *, colour: bool) -> Iterator[str]:
    sheet = Sheet([Column(header) for header in headers], wide=False)
    for row in rows:
        sheet.add(row)
    header, *lines = sheet.lines()
    painter = TablePainter(header)
    yield f"  {painter.header if colour else header.rstrip()}\n"
    for line in lines:
        text = line.rstrip("\n")
        yield f"  {painter.line(text) if colour else text.rstrip()}\n"


def _safe(text: str) -> str:
    """Escape what is not printable: control characters of terminals, and line ends."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
