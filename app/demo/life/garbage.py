"""What is left when an owner is gone goes too."""

from __future__ import annotations

from app.demo.life.world import World
from app.demo.seed_forge import Obj


class Garbage:
    """Deletes what is owned by nothing that is still there (background propagation)."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.follow_all(self._changed)

    def _changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None and old is not None:
            gone = old
            self.world.timeline.after(0.05, lambda: self._collect(gone))

    def _collect(self, owner: Obj) -> None:
        for obj in self.world.owned(owner):
            references = obj["metadata"].get("ownerReferences", ())
            if not any(self.world.exists(each["uid"]) for each in references):
                self.world.delete(obj)
