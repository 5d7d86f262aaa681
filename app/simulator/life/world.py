"""The cluster as its controllers see it: objects by kind and by owner, and the ways to change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import orjson

from app.simulator.apiserver.api_failures import ApiFailure
from app.simulator.life.event_recorder import EventRecorder
from app.simulator.life.timeline import Timeline
from app.simulator.seed.object_factory import Key, Obj, ObjectFactory, key_of, stamp

Follower = Callable[[Obj | None, Obj | None], None]


def kind_of(obj: Obj) -> str:
    """Return the kind, followed by the group unless it is one of Kubernetes' own: custom resources may have
    the kind Service or Job as well."""
    group: str = obj["apiVersion"].rpartition("/")[0]
    own = "." not in group or group.endswith(".k8s.io")
    return str(obj["kind"]) if own else f"{obj['kind']}.{group}"


class ObjectStore(Protocol):
    """The storage of the objects. It calls its followers with each change, in order, before the next change.

    It refuses with ApiFailure.
    """

    def objects(self) -> Iterable[Obj]: ...

    def follow(self, follower: Follower) -> None: ...

    def create(self, obj: Obj) -> object: ...

    def replace(self, obj: Obj) -> object:
        """Metadata but the version, spec and status at once; the generation follows the spec."""

    def delete(self, obj: Obj) -> object:
        """As a client's DELETE: finalizers hold it, and a pod that runs gets its time to stop."""

    def remove(self, obj: Obj) -> object:
        """For good, as a kubelet does with a pod that has stopped."""


class World:
    """Objects that are handed out must not be changed: `change` makes a copy to change.

    speed: how many times faster than usual everything goes that takes its time.
    events: how many Events there are at most.
    """

    def __init__(
        self, store: ObjectStore, timeline: Timeline, factory: ObjectFactory, *, speed: float, events: int
    ) -> None:
        self.store = store
        self.timeline = timeline
        self.factory = factory
        self.speed = speed
        self._objects: dict[str, dict[Key, Obj]] = {}
        self._by_uid: dict[str, Obj] = {}
        self._owned: dict[str, dict[str, None]] = {}
        self._followers: dict[str, list[Follower]] = {}
        self._all_followers: list[Follower] = []
        self.recorder = EventRecorder(self, events)

    def follow(self, kind: str, follower: Follower) -> None:
        """Call this with the object before and after every change of that kind."""
        self._followers.setdefault(kind, []).append(follower)

    def follow_all(self, follower: Follower) -> None:
        """Call this with the object before and after every change of any kind."""
        self._all_followers.append(follower)

    def adopt(self) -> None:
        """Index the present objects, and from now on every change."""
        for obj in self.store.objects():
            self._notice(None, obj)
        self.store.follow(self._notice)

    def _notice(self, old: Obj | None, new: Obj | None) -> None:
        """Update the indexes with a change of the storage, and call the followers."""
        obj = new or old
        if obj is None:
            return
        kind = kind_of(obj)
        meta, key = obj["metadata"], key_of(obj)
        if old is not None:
            self._drop(old)
        if new is None:
            self._objects.get(kind, {}).pop(key, None)
            if kind == "CustomResourceDefinition":
                self._forget_kind(f"{obj['spec']['names']['kind']}.{obj['spec']['group']}")
        else:
            self._objects.setdefault(kind, {})[key] = new
            self._by_uid[meta["uid"]] = new
            for owner in meta.get("ownerReferences", ()):
                self._owned.setdefault(owner["uid"], {})[meta["uid"]] = None
        for follower in (*self._followers.get(kind, ()), *self._all_followers):
            follower(old, new)

    def _forget_kind(self, kind: str) -> None:
        """Drop the objects of a definition that was deleted."""
        for gone in self._objects.pop(kind, {}).values():
            self._drop(gone)

    def _drop(self, old: Obj) -> None:
        uid = old["metadata"]["uid"]
        self._by_uid.pop(uid, None)
        for owner in old["metadata"].get("ownerReferences", ()):
            owned = self._owned.get(owner["uid"])
            if owned is not None:
                owned.pop(uid, None)
                if not owned:
                    del self._owned[owner["uid"]]

    def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        """Return the object of this kind, namespace and name, None where there is none."""
        return self._objects.get(kind, {}).get((namespace, name))

    def by_uid(self, uid: str) -> Obj | None:
        """Return the object with this uid, None where there is none."""
        return self._by_uid.get(uid)

    def all(self, kind: str, namespace: str | None = None) -> list[Obj]:
        """Return the objects of that kind, in the order in which they were created."""
        objects = self._objects.get(kind, {})
        return [obj for key, obj in objects.items() if namespace is None or key[0] == namespace]

    def owned(self, owner: Obj, kind: str | None = None) -> list[Obj]:
        """Return the objects that have an owner reference to ``owner``."""
        uids: Iterable[str] = self._owned.get(owner["metadata"]["uid"], ())
        objects = [self._by_uid[uid] for uid in uids]
        return [obj for obj in objects if kind is None or kind_of(obj) == kind]

    def inside(self, namespace: str) -> list[Obj]:
        """Return all objects of the namespace."""
        return [
            obj for objects in self._objects.values() for key, obj in objects.items() if key[0] == namespace
        ]

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` after so many seconds of the cluster's own speed."""
        self.timeline.after(seconds / self.speed, action)

    def stamp(self) -> str:
        """Return the present time as metav1.Time."""
        return stamp(self.timeline.now())

    def create(self, obj: Obj) -> bool:
        """Create the object; False where the storage refuses it."""
        return self._try(self.store.create, obj)

    def _try(self, what: Callable[[Obj], object], obj: Obj) -> bool:
        """Write the object; False on a conflict with another writer: controllers reconcile again later."""
        try:
            what(obj)
        except ApiFailure:
            return False
        return True

    def change(self, obj: Obj, how: Callable[[Obj], object]) -> bool:
        """Change a copy of the present object and store it; False where it is deleted or nothing would
        change."""
        now = self.get(kind_of(obj), *key_of(obj))
        if now is None or now["metadata"]["uid"] != obj["metadata"]["uid"]:
            return False
        changed: Obj = orjson.loads(orjson.dumps(now))
        how(changed)
        return changed != now and self._try(self.store.replace, changed)

    def set_status(self, obj: Obj, status: Obj) -> bool:
        """Replace the status; False where nothing would change."""
        return self.change(obj, lambda each: each.update(status=status))

    def delete(self, obj: Obj) -> None:
        """Delete as a client does: a pod gets its time to stop."""
        now = self.get(kind_of(obj), *key_of(obj))
        if now is not None and "deletionTimestamp" not in now["metadata"]:
            self._try(self.store.delete, now)

    def remove(self, obj: Obj) -> None:
        """Delete for good, as a kubelet does with a pod that has stopped."""
        self._try(self.store.remove, obj)

    def finalize(self, namespace: Obj) -> None:
        """Remove the finalizer of an empty namespace, and the namespace with it."""
        self.change(namespace, lambda each: each["spec"].update(finalizers=[]))
        self.remove(namespace)

    def say(self, about: Obj, reason: str, message: str, component: str, *, warning: bool = False) -> None:
        """Record an Event about the object."""
        self.recorder.say(about, reason, message, component, warning=warning)
