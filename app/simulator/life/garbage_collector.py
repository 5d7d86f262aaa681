"""Delete or orphan the objects of a deleted owner, as its deletion asked for."""

from __future__ import annotations

from app.simulator.life.world import World
from app.simulator.seed.object_factory import Obj

_SOON = 0.05
_ORPHAN = "orphan"
_FOREGROUND = "foregroundDeletion"


class GarbageCollector:
    """Background, foreground and orphaning deletion.

    See kubernetes.io/docs/concepts/architecture/garbage-collection.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        world.follow_all(self._changed)

    def _changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None and old is not None:
            gone = old
            self.world.timeline.after(_SOON, lambda: self._collect(gone))
        elif new is not None and "deletionTimestamp" in new["metadata"] and _held(new):
            going = new
            self.world.timeline.after(_SOON, lambda: self._go_on(going["metadata"]["uid"]))

    def _collect(self, gone: Obj) -> None:
        """Background deletion: delete objects whose owners are all gone, and continue with owners that waited
        for this one."""
        for obj in self.world.owned(gone):
            references = obj["metadata"].get("ownerReferences", ())
            if not any(self.world.by_uid(each["uid"]) for each in references):
                self.world.delete(obj)
        for reference in gone["metadata"].get("ownerReferences", ()):
            self._go_on(reference["uid"])

    def _go_on(self, uid: str) -> None:
        """Do what an owner's deletion finalizer stands for, and remove the finalizer when that is done."""
        owner = self.world.by_uid(uid)
        if owner is None or "deletionTimestamp" not in owner["metadata"]:
            return
        held = _held(owner)
        if _ORPHAN in held:
            for obj in self.world.owned(owner):
                self.world.change(obj, lambda each: _disown(each, uid))
            self._release(owner, _ORPHAN)
        elif _FOREGROUND in held:
            left = self.world.owned(owner)
            for obj in left:
                if "deletionTimestamp" not in obj["metadata"] and self.world.owned(obj):
                    self.world.change(obj, _hold)
                self.world.delete(obj)
            if not left:
                self._release(owner, _FOREGROUND)

    def _release(self, owner: Obj, finalizer: str) -> None:
        def release(each: Obj) -> None:
            each["metadata"]["finalizers"].remove(finalizer)

        self.world.change(owner, release)


def _held(obj: Obj) -> list[str]:
    return [each for each in obj["metadata"].get("finalizers") or () if each in (_ORPHAN, _FOREGROUND)]


def _hold(obj: Obj) -> None:
    obj["metadata"].setdefault("finalizers", []).append(_FOREGROUND)


def _disown(obj: Obj, uid: str) -> None:
    references = obj["metadata"]["ownerReferences"]
    obj["metadata"]["ownerReferences"] = [each for each in references if each["uid"] != uid]
