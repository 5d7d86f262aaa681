"""The storage of one simulated cluster: objects, one counter of versions, and the recent changes.

Stored objects are never changed in place: a change stores another object, so that a reader's object stays as
it was.
"""

import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.simulator.apiserver.api_failures import invalid
from app.simulator.apiserver.registry import DEFINITIONS, Obj, Registry, ServedResource, with_accepted_names
from app.simulator.seed.object_factory import ALPHABET, Key, key_of, stamp

HISTORY = 10_000
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_WITHOUT_GENERATION = frozenset(
    (
        "LimitRange",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "ResourceQuota",
        "Service",
    )
)

Follower = Callable[[Obj | None, Obj | None], None]


class StoredObject(msgspec.Struct, frozen=True):
    """An object with its JSON, both at one version."""

    obj: Obj
    json: bytes
    version: int


class StorageChange(msgspec.Struct, frozen=True):
    """``before`` and ``new`` are the object before and after, ``deleted`` is a deleted one as watches show
    it: as it was before, at the version of its deletion."""

    resource: str
    before: StoredObject | None
    new: StoredObject | None
    version: int
    deleted: StoredObject | None = None


class Storage:
    """``seed`` makes names and uids repeatable; ``history`` is how many changes are remembered.

    ``compacted`` is the version up to which the history is forgotten.
    """

    def __init__(self, seed: int | str = 0, *, history: int = HISTORY) -> None:
        self.registry = Registry()
        self.version = 1
        self.compacted = 0
        self.watchers: set[Callable[[StorageChange], None]] = set()
        self._history: deque[StorageChange] = deque(maxlen=history)
        self._collections: dict[str, dict[Key, StoredObject]] = {}
        self._followers: list[Follower] = []
        self._random = random.Random(f"storage/{seed}")

    # Reading

    def collection(self, resource: str) -> dict[Key, StoredObject]:
        """The objects of a resource by namespace and name; not to be changed."""
        return self._collections.get(resource, {})

    def get(self, served: ServedResource, namespace: str, name: str) -> StoredObject:
        """Return the object of this name. Raises ApiFailure where there is none."""
        stored = self.collection(served.name).get((namespace, name))
        if stored is None:
            raise served.missing(name)
        return stored

    def since(self, version: int) -> list[StorageChange]:
        """Return the changes after a version; the caller refuses versions before `compacted`."""
        changes: list[StorageChange] = []
        for change in reversed(self._history):
            if change.version <= version:
                break
            changes.append(change)
        return changes[::-1]

    # The life of the cluster (`app.simulator.life.world.Store`)

    def objects(self) -> Iterator[Obj]:
        """Yield all objects of all resources."""
        for collection in [*self._collections.values()]:
            for stored in [*collection.values()]:
                yield stored.obj

    def follow(self, follower: Follower) -> None:
        """Call ``follower`` with the object before and after every change."""
        self._followers.append(follower)

    def plant(self, objects: Iterable[Obj]) -> None:
        """Store objects as they are, as those of a cluster that has existed for long."""
        for obj in objects:
            self._put(self.registry.of(obj), None, obj)

    def replace(self, obj: Obj) -> None:
        """Replace metadata, spec and status at once, as controllers and kubelets do. Raises ApiFailure."""
        served = self.registry.of(obj)
        self.update(served, obj)

    def remove(self, obj: Obj) -> None:
        """Delete an object for good, whatever finalizers it has."""
        served = self.registry.of(obj)
        stored = self.collection(served.name).get(key_of(obj))
        if stored is not None:
            self._drop(served, stored)

    # Writing

    def create(self, obj: Obj) -> Obj:
        """Store a new object, completed as an API server does. Raises ApiFailure."""
        complete = self.completed(obj)
        return self._put(self.registry.of(obj), None, complete).obj

    def completed(self, obj: Obj) -> Obj:
        """Return a new object as `create` would store it. Raises ApiFailure where `create` would."""
        served = self.registry.of(obj)
        metadata = {**obj["metadata"]}
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                problem = "Required value: name or generateName is required"
                raise invalid(served.kind, "metadata.name", problem, group=served.group)
            metadata["name"] = metadata["generateName"] + "".join(self._random.choices(ALPHABET, k=5))
        if key_of({"metadata": metadata}) in self.collection(served.name):
            name = metadata["name"]
            raise served.failure("AlreadyExists", f'{served.name} "{name}" already exists', name)
        metadata.setdefault("uid", str(uuid.UUID(int=self._random.getrandbits(128), version=4)))
        metadata.setdefault("creationTimestamp", self.now())
        if "spec" in obj and served.kind not in _WITHOUT_GENERATION:
            metadata.setdefault("generation", 1)
        complete = {**obj, "metadata": metadata}
        if served.name == DEFINITIONS:
            complete = with_accepted_names(complete, self.now())
        return complete

    def update(self, served: ServedResource, obj: Obj) -> Obj:
        """Replace the object of this name; the generation follows the spec. Raises ApiFailure.

        Removing the last finalizer of an object that is being deleted deletes it.
        """
        old = self.get(served, *key_of(obj))
        metadata = {**obj["metadata"]}
        for kept in _KEPT:
            if kept in old.obj["metadata"]:
                metadata[kept] = old.obj["metadata"][kept]
        if old.obj.get("spec") != obj.get("spec") and "generation" in old.obj["metadata"]:
            metadata["generation"] = old.obj["metadata"]["generation"] + 1
        changed = {**obj, "metadata": metadata}
        if _without_version(changed) == _without_version(old.obj):
            return old.obj
        blocked = metadata.get("finalizers") or _stops_slowly(served, changed)
        if "deletionTimestamp" in metadata and not blocked:
            metadata["resourceVersion"] = self._drop(served, old)["metadata"]["resourceVersion"]
            return changed
        return self._put(served, old, changed).obj

    def delete(self, obj: Obj, grace: float | None = None) -> Obj:
        """Delete as a client does: finalizers hold the object, and a pod gets its time to stop.

        ``grace`` is in seconds, the pod's own for None. Returns the object as it is then.
        """
        served = self.registry.of(obj)
        stored = self.get(served, *key_of(obj))
        blocked = bool(stored.obj["metadata"].get("finalizers"))
        slow = _stops_slowly(served, stored.obj) and (grace != 0 or served.kind == "Namespace")
        if not blocked and not slow:
            return self._drop(served, stored)
        if "deletionTimestamp" in stored.obj["metadata"]:
            return stored.obj
        seconds = 0.0
        if slow and served.kind == "Pod":
            seconds = (
                grace if grace is not None else stored.obj["spec"].get("terminationGracePeriodSeconds", 30)
            )
        metadata = {
            **stored.obj["metadata"],
            "deletionTimestamp": stamp(datetime.now(UTC) + timedelta(seconds=seconds)),
        }
        if served.kind != "Namespace":
            metadata["deletionGracePeriodSeconds"] = int(seconds)
        if "generation" in metadata:
            metadata["generation"] += 1
        changed = {**stored.obj, "metadata": metadata}
        if served.kind == "Namespace":
            changed["status"] = {**changed.get("status", {}), "phase": "Terminating"}
        return self._put(served, stored, changed).obj

    # Trouble

    def compact(self) -> None:
        """Forget the history: watches from before now are refused."""
        self._history.clear()
        self.compacted = self.version

    def snapshot(self) -> tuple[int, dict[str, dict[Key, StoredObject]]]:
        """Return the present state, for `restore`."""
        return self.version, {name: {**collection} for name, collection in self._collections.items()}

    def restore(self, snapshot: tuple[int, dict[str, dict[Key, StoredObject]]]) -> None:
        """Go back to a snapshot, as an etcd restored from a backup does: versions begin again from there.

        No watcher is told; a real API server restarts when this happens, and its watches end.
        """
        self.version, collections = snapshot[0], snapshot[1]
        self._collections = {name: {**collection} for name, collection in collections.items()}
        self.registry = Registry()
        for stored in self.collection(DEFINITIONS).values():
            self.registry.follow(None, stored.obj)
        self.compact()

    def now(self) -> str:
        """Return the present time as metav1.Time."""
        return stamp(datetime.now(UTC))

    def _put(self, served: ServedResource, old: StoredObject | None, obj: Obj) -> StoredObject:
        self.version += 1
        metadata = {**obj["metadata"], "resourceVersion": str(self.version)}
        new_obj: Obj = {**served.head, "metadata": metadata}
        new_obj.update((key, value) for key, value in obj.items() if key not in new_obj)
        new = StoredObject(new_obj, served.encoded(new_obj), self.version)
        self._collections.setdefault(served.name, {})[key_of(obj)] = new
        self._happened(StorageChange(served.name, old, new, self.version))
        return new

    def _drop(self, served: ServedResource, stored: StoredObject) -> Obj:
        if served.name == DEFINITIONS:
            self._empty(stored.obj["metadata"]["name"])
        del self._collections[served.name][key_of(stored.obj)]
        self.version += 1
        last: Obj = {
            **stored.obj,
            "metadata": {**stored.obj["metadata"], "resourceVersion": str(self.version)},
        }
        deleted = StoredObject(last, served.encoded(last), self.version)
        self._happened(StorageChange(served.name, stored, None, self.version, deleted))
        return last

    def _happened(self, change: StorageChange) -> None:
        if len(self._history) == self._history.maxlen:
            self.compacted = self._history[0].version
        self._history.append(change)
        old = change.before.obj if change.before is not None else None
        new = change.new.obj if change.new is not None else None
        if change.resource == DEFINITIONS:
            self.registry.follow(old, new)
        for watcher in [*self.watchers]:
            watcher(change)
        for follower in self._followers:
            follower(old, new)

    def _empty(self, resource: str) -> None:
        served = self.registry.get(resource)
        for stored in [*self.collection(resource).values()]:
            assert served is not None
            self._drop(served, stored)


def _stops_slowly(served: ServedResource, obj: Obj) -> bool:
    """A pod that a kubelet runs, which must be stopped first; a namespace, which must be emptied first."""
    return served.kind == "Namespace" or (served.kind == "Pod" and bool(obj["spec"].get("nodeName")))


def _without_version(obj: Obj) -> tuple[Any, ...]:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    return metadata, {key: value for key, value in obj.items() if key != "metadata"}
