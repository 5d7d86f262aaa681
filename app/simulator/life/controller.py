"""The base of all controllers: a work queue of object keys, each reconciled once soon after a change."""

from __future__ import annotations

from abc import ABC, abstractmethod

from app.simulator.life.world import World
from app.simulator.seed.object_factory import Key, Obj, controller_of, key_of

# Changes that come together are looked at together.
_SETTLE_SECONDS = 0.02


class Controller(ABC):
    """A level-triggered controller: whatever changed, `reconcile` compares the state with what is wanted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._dirty: dict[Key, None] = {}

    def watch(self, kind: str) -> None:
        """Reconcile each object of this kind that is created or changed."""
        self.world.follow(kind, lambda _, new: self.enqueue(key_of(new)) if new else None)

    def watch_owned(self, kind: str, owner_kind: str) -> None:
        """Reconcile the owner whenever an object of ``kind`` changes that one of ``owner_kind`` controls."""

        def changed(old: Obj | None, new: Obj | None) -> None:
            obj = new or old
            owner = controller_of(obj) if obj else None
            if obj and owner and owner["kind"] == owner_kind:
                self.enqueue((obj["metadata"]["namespace"], owner["name"]))

        self.world.follow(kind, changed)

    @abstractmethod
    def reconcile(self, key: Key) -> None:
        """Bring the object with this key one step closer to its spec; it may be deleted by now."""

    def enqueue(self, key: Key, delay: float = _SETTLE_SECONDS) -> None:
        """Reconcile the object with this key after so many seconds."""
        if delay > _SETTLE_SECONDS:
            self.world.timeline.after(delay, lambda: self.enqueue(key))
            return
        if not self._dirty:
            self.world.timeline.after(_SETTLE_SECONDS, self._drain)
        self._dirty[key] = None

    def _drain(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for key in dirty:
            self.reconcile(key)
