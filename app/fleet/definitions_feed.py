"""The custom resources that a cluster defines, followed as definitions come and go.

Definitions are large and there may be hundreds, so what is kept of each is only what
is needed to watch its resource and to print it. Discovery would bring the names too,
but some time later than the definition.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from app.cache.cluster_member import MEMBER
from app.fleet.watch_listener import WatchListener
from app.fleet.watch_status import Condition
from app.json_access import boolean, mapping, objects, text
from app.kube.discovery.api_groups import crd_resource
from app.kube.discovery.api_resource import Resource
from app.kube.reflector import Health
from app.kube.wire.unreadable import Unreadable
from app.kube.wire.wire_object import WireObject

log = logging.getLogger(__name__)

# Of a schema whose objects may have members that it does not name.
_KEEPS_ALL = "x-kubernetes-preserve-unknown-fields"


# Whether objects have a member ``cluster`` of their own.
OwnMember = Literal["no", "maybe", "yes"]


class Definition(msgspec.Struct, frozen=True):
    """What is kept of a CustomResourceDefinition.

    ``resource`` is None while the API server does not serve it. ``columns`` are the
    additionalPrinterColumns of each version, ``list_kind`` is what a list of it is,
    ``own_cluster`` whether its objects have a member ``cluster``, which reads add to all others.
    """

    resource: Resource | None
    columns: Mapping[str, Sequence[Mapping[str, Any]]]
    list_kind: str = ""
    own_cluster: OwnMember = "no"


class Definitions:
    """The sink of the reflector of definitions (`app.kube.reflector.Sink`)."""

    def __init__(self, listener: WatchListener) -> None:
        self.known: dict[str, Definition] = {}
        self.condition = Condition("syncing", time.time())
        self._listener = listener
        self._served: set[str] = set()
        self._gathered: dict[str, Definition] = {}

    def resources(self) -> list[Resource]:
        """Return the custom resources that are served, each in the version to watch."""
        return [definition.resource for definition in self.known.values() if definition.resource is not None]

    def gone(self) -> set[str]:
        """Return the names of those that were served and are no more, whatever discovery still says."""
        return self._served - {resource.name for resource in self.resources()}

    def columns(self, resource: Resource) -> Sequence[Mapping[str, Any]] | None:
        """Return the printer columns of a resource; None where it has no definition."""
        definition = self.known.get(resource.name)
        return definition.columns.get(resource.version, ()) if definition is not None else None

    def list_kind(self, resource: Resource) -> str:
        """Return the kind of a list of a resource."""
        definition = self.known.get(resource.name)
        return (definition.list_kind if definition is not None else "") or f"{resource.kind}List"

    def gather(self, objects: Sequence[WireObject]) -> None:
        """Keep the definitions of a part of a list aside."""
        for wire_object in objects:
            self._gathered[wire_object.name] = _definition(wire_object)

    def leave_out(self, unreadable: Sequence[Unreadable]) -> None:
        """Keep aside that these definitions exist and cannot be decoded."""
        for entry in unreadable:
            self._gathered[entry.name] = _nothing(entry.name, entry.reason)

    def discard(self) -> None:
        """Forget what was gathered: the list has failed."""
        self._gathered = {}

    def swap(self, version: int, *, continues: bool) -> None:
        """Replace all definitions by those that were gathered."""
        self.known, self._gathered = self._gathered, {}
        self._changed()

    def apply(self, kind: str, wire_object: WireObject) -> None:
        """Take a definition that was ADDED, MODIFIED or DELETED."""
        before = self.known.get(wire_object.name)
        if kind == "DELETED":
            self.known.pop(wire_object.name, None)
        else:
            self.known[wire_object.name] = _definition(wire_object)
        if self.known.get(wire_object.name) != before:
            self._changed()

    def spoil(self, kind: str, unreadable: Unreadable) -> None:
        """Take note that a definition was ADDED, MODIFIED or DELETED that cannot be decoded."""
        if kind == "DELETED":
            self.known.pop(unreadable.name, None)
        else:
            self.known[unreadable.name] = _nothing(unreadable.name, unreadable.reason)
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


def _definition(wire_object: WireObject) -> Definition:
    """What is kept of a definition, whatever in it is not as it should be."""
    document = b"{" + wire_object.tail
    try:
        crd = msgspec.json.decode(document, type=dict[str, Any])
        resource = crd_resource(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _nothing(wire_object.name, str(error))
    columns = {
        text(version, "name"): objects(version, "additionalPrinterColumns")
        for version in objects(crd, "spec", "versions")
    }
    return Definition(resource, columns, text(crd, "spec", "names", "listKind"), _own_cluster(crd))


def _own_cluster(crd: Mapping[str, Any]) -> OwnMember:
    schemas = [mapping(version, "schema", "openAPIV3Schema") for version in objects(crd, "spec", "versions")]
    if any(MEMBER in mapping(schema, "properties") for schema in schemas):
        return "yes"
    return "maybe" if any(boolean(schema, _KEEPS_ALL) for schema in schemas) else "no"


def _nothing(name: str, reason: str) -> Definition:
    log.warning("definition cannot be read", extra={"definition": name, "error": reason})
    return Definition(None, {})
