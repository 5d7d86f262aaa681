"""One object and its events, to be read: what identifies it, its fields, its conditions, its events.

Fields keep the names that they have in the API, so that what is read here can be asked for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.cache.ages import since
from app.cache.tables import Column, Sheet
from app.commands.painting import Painter, paint
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
    status = found.get("status")
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    tabular = isinstance(conditions, list) and all(isinstance(each, Mapping) for each in conditions)
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
    created = metadata.get("creationTimestamp")
    deleted = metadata.get("deletionTimestamp")
    yield from _line("name", [metadata["name"]])
    yield from _line("cluster", [found["cluster"]])
    if metadata.get("namespace"):
        yield from _line("namespace", [metadata["namespace"]])
    yield from _line("kind", [f"{found['kind']} ({found['apiVersion']})"])
    if created:
        yield from _line("created", [f"{created} ({since(created, now)} ago)"])
    if deleted:
        yield from _line("terminating", [f"since {deleted} ({since(deleted, now)} ago)"])
    owners = metadata.get("ownerReferences") or []
    yield from _line("owner", [f"{each.get('kind')}/{each.get('name')}" for each in owners], left_out=True)
    yield from _line("finalizers", metadata.get("finalizers") or [], left_out=True)
    yield from _line("labels", [f"{key}={value}" for key, value in (metadata.get("labels") or {}).items()])
    yield from _line(
        "annotations", [f"{key}: {value}" for key, value in (metadata.get("annotations") or {}).items()]
    )


def _line(name: str, values: Sequence[object], *, left_out: bool = False) -> Iterator[str]:
    """A name and its values, one below the other."""
    if not values and left_out:
        return
    margin = f"{name}:"
    for value in values or ["<none>"]:
        yield f"{margin:<{_WIDTH}}{_safe(str(value))}\n"
        margin = ""


def _heading(name: str, *, colour: bool) -> str:
    return paint(f"{name}:", _BOLD if colour else "") + "\n"


def _fields(value: object) -> Iterator[str]:
    for line in dump(value).decode().splitlines():
        yield f"  {line}\n"


def _condition(found: Object, now: datetime) -> list[str]:
    moment = found.get("lastTransitionTime") or found.get("lastUpdateTime")
    return [
        str(found.get("type", "")),
        str(found.get("status", "")),
        since(moment, now) if moment else "",
        str(found.get("reason") or ""),
        str(found.get("message") or ""),
    ]


def _event(found: Object, now: datetime) -> list[str]:
    series = found.get("series") or {}
    last = series.get("lastObservedTime") or found.get("lastTimestamp") or found.get("eventTime")
    first = found.get("firstTimestamp") or found.get("eventTime")
    count = series.get("count") or found.get("count") or 1
    age = since(last, now) if last else ""
    if count > 1 and first:
        age = f"{age} (x{count} over {since(first, now)})"
    source = (found.get("source") or {}).get("component") or found.get("reportingComponent") or ""
    return [
        str(found.get("type") or ""),
        str(found.get("reason") or ""),
        age,
        source,
        " ".join(str(found.get("message") or "").split()),
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
