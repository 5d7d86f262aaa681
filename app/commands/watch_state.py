"""What a watch has told so far: the objects, and what each event makes of them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from app.commands.object_words import Object, Place, place

if TYPE_CHECKING:
    from app.client import Event

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
