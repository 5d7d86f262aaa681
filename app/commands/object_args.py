"""Which objects a command is about, and finding them in all clusters."""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.commands import terminal
from app.commands.empty_list import nothing_found
from app.commands.exit_status import FAILED, PARTIAL, WELL
from app.commands.object_words import Object
from app.commands.resource_args import Asked
from app.commands.server_connection import in_words

if TYPE_CHECKING:
    from app.client import AsyncFleet

# HTTP's status where there are several objects of a name.
_SEVERAL = 409


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


async def conclude(fleet: "AsyncFleet", found: Sequence[Found], choice: Choice) -> int:
    """Tell what is missing of what was chosen, or cannot be known; the exit status."""
    behind = {each["name"]: each for some in found for each in some.clusters if each["state"] != "synced"}
    terminal.warn([*behind.values()])
    missing = [(some.asked, name) for some in found for name in some.missing]
    for asked, name in missing:
        terminal.tell(await absent(fleet, asked.resource, name, choice))
    if missing:
        return FAILED
    if not any(some.objects for some in found):
        terminal.tell(await nothing_found(fleet, found, choice))
    return PARTIAL if behind else WELL


async def absent(fleet: "AsyncFleet", resource: str, name: str, choice: Choice) -> str:
    """Why no object of this name was found, in one line: the server knows what there is in its place."""
    from app.client import FleetError

    clusters, namespaces = choice.clusters or None, choice.namespaces or None
    try:
        await fleet.get(resource, name, cluster=clusters, namespace=namespaces, fields="metadata.name")
    except FleetError as error:
        if error.status != _SEVERAL:
            return in_words(error.detail)
    return f"{resource} {name!r} is there, but the selector does not match it"
