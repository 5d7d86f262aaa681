"""The custom resources that a cluster defines, followed as definitions come and go.

Definitions are large and there may be hundreds, so what is kept of each is only what
is needed to watch its resource and to print it. Discovery would bring the names too,
but some time later than the definition.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from app.cache.cluster_member import MEMBER
from app.fleet.watch_listener import WatchListener
from app.fleet.watch_status import Condition
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.definitions import Definition, decode_definition, undecodable_definition
from app.kube.reflector import Health
from app.kube.wire.unreadable import UnreadableObject
from app.kube.wire.wire_object import WireObject


class DefinitionsFeed:
    """The sink of the reflector of definitions (`app.kube.reflector.Sink`).

    ``by_name`` has the definitions by their names, which are those of their resources (``plural.group``).
    """

    def __init__(self, listener: WatchListener) -> None:
        self.by_name: dict[str, Definition] = {}
        self.condition = Condition("syncing", time.time())
        self._listener = listener
        self._served: set[str] = set()
        self._gathered: dict[str, Definition] = {}

    def resources(self) -> list[Resource]:
        """Return the custom resources that are served, each in the version to watch."""
        return [
            definition.resource for definition in self.by_name.values() if definition.resource is not None
        ]

    def gone(self) -> set[str]:
        """Return the names of those that were served and are no more, whatever discovery still says."""
        return self._served - {resource.name for resource in self.resources()}

    def columns(self, resource: Resource) -> Sequence[Mapping[str, Any]] | None:
        """Return the printer columns of a resource; None where it has no definition."""
        definition = self.by_name.get(resource.name)
        return definition.columns.get(resource.version, ()) if definition is not None else None

    def list_kind(self, resource: Resource) -> str:
        """Return the kind of a list of a resource."""
        definition = self.by_name.get(resource.name)
        return (definition.list_kind if definition is not None else "") or f"{resource.kind}List"

    def gather(self, objects: Sequence[WireObject]) -> None:
        """Keep the definitions of a part of a list aside."""
        for wire_object in objects:
            self._gathered[wire_object.name] = decode_definition(wire_object, MEMBER)

    def leave_out(self, unreadable: Sequence[UnreadableObject]) -> None:
        """Keep aside that these definitions exist and cannot be decoded."""
        for entry in unreadable:
            self._gathered[entry.name] = undecodable_definition(entry.name, entry.reason)

    def discard(self) -> None:
        """Forget what was gathered: the list has failed."""
        self._gathered = {}

    def swap(self, version: int, *, continues: bool) -> None:
        """Replace all definitions by those that were gathered."""
        self.by_name, self._gathered = self._gathered, {}
        self._changed()

    def apply(self, kind: str, wire_object: WireObject) -> None:
        """Take a definition that was ADDED, MODIFIED or DELETED."""
        before = self.by_name.get(wire_object.name)
        if kind == "DELETED":
            self.by_name.pop(wire_object.name, None)
        else:
            self.by_name[wire_object.name] = decode_definition(wire_object, MEMBER)
        if self.by_name.get(wire_object.name) != before:
            self._changed()

    def spoil(self, kind: str, unreadable: UnreadableObject) -> None:
        """Take note that a definition was ADDED, MODIFIED or DELETED that cannot be decoded."""
        if kind == "DELETED":
            self.by_name.pop(unreadable.name, None)
        else:
            self.by_name[unreadable.name] = undecodable_definition(unreadable.name, unreadable.reason)
        self._changed()

    def advance(self, version: int) -> None:
        """Bookmarks bring nothing that is kept here."""

    def report(self, health: Health) -> None:
        """Take over the reflector's health."""
        state = "synced" if health.state == "gone" else health.state
        self.condition = self.condition.then(state, health.error)
        self._listener.condition_changed()

    def _changed(self) -> None:
        self._served.update(resource.name for resource in self.resources())
        self._listener.definitions_changed()
