"""Which objects a command is about, and finding them in all clusters."""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.commands import terminal
from app.commands.naming import Object
from app.commands.outcome import FAILED, PARTIAL, WELL
from app.commands.words import Asked

if TYPE_CHECKING:
    from app.client import AsyncFleet


class Choice(NamedTuple):
    """Where objects are looked for, and which of them are meant; everything where there is nothing."""

    clusters: list[str]
    namespaces: list[str]
    labels: str | None = None
    fields: str | None = None

    def query(self, name: str | None = None) -> dict[str, Any]:
        """The arguments of the client's reads; ``name`` is that of an object."""
        conditions = [f"metadata.name={literal(name)}"] if name is not None else []
        conditions += [self.fields] if self.fields else []
        given = {
            "cluster": self.clusters,
            "namespace": self.namespaces,
            "label_selector": self.labels,
            "field_selector": ",".join(conditions),
        }
        return {key: value for key, value in given.items() if value}


def literal(value: str) -> str:
    """A value as it is, in a field selector."""
    return re.sub(r"([\\,=!~<>])", r"\\\1", value)


class Found(NamedTuple):
    """What was found of what was asked for, name by name, and how the clusters are that were asked."""

    asked: Asked
    objects: list[Object]
    clusters: Sequence[Any]

    @property
    def missing(self) -> list[str]:
        return sorted(set(self.asked.names) - {each["metadata"]["name"] for each in self.objects})


async def find(fleet: "AsyncFleet", asked: Asked, choice: Choice, **more: Any) -> Found:
    """The objects that are meant, in all clusters that may have them."""
    lists = await asyncio.gather(
        *(fleet.list(asked.resource, **choice.query(name), **more) for name in asked.names or [None])
    )
    return Found(asked, [each for some in lists for each in some], lists[0].clusters)


def conclude(found: Sequence[Found], namespaces: Sequence[str] = ()) -> int:
    """Tell what is missing in these namespaces or cannot be known; the exit status."""
    behind = {each["name"]: each for some in found for each in some.clusters if each["state"] != "synced"}
    terminal.warn([*behind.values()])
    missing = False
    for some in found:
        for name in some.missing:
            missing = True
            terminal.tell(f"there is no {some.asked.resource} {name!r}{where(some.clusters)}")
    if not missing and not any(some.objects for some in found):
        terminal.tell(nothing_found(namespaces))
    if missing:
        return FAILED
    return PARTIAL if behind else WELL


def nothing_found(namespaces: Sequence[str]) -> str:
    """What kubectl says of nothing, for these namespaces; for all where there are none."""
    if not namespaces:
        return "No resources found"
    several = "s" if len(namespaces) > 1 else ""
    return f"No resources found in {', '.join(namespaces)} namespace{several}."


def where(clusters: Sequence[Any]) -> str:
    unknown = [each["name"] for each in clusters if each["state"] != "synced"]
    if unknown:
        return f" known, but {len(unknown)} of {len(clusters)} clusters are not synced"
    return f" in {', '.join(each['name'] for each in clusters) or 'any cluster'}"
