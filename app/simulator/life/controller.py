"""What all controllers share: keys to look at, each once, soon after something about them changed."""

from __future__ import annotations

from abc import ABC, abstractmethod

from app.simulator.life.world import World
from app.simulator.seed.object_factory import Obj

Key = tuple[str, str]

# Changes that come together are looked at together.
_SETTLE_SECONDS = 0.02


def key_of(obj: Obj) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class Controller(ABC):
    """Level-driven: whatever changed, `reconcile` looks at how things are and moves them a step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._dirty: dict[Key, None] = {}

    @abstractmethod
    def reconcile(self, key: Key) -> None:
        """Bring what the key names one step closer to what is asked for; it may be gone by now."""

    def enqueue(self, key: Key, delay: float = _SETTLE_SECONDS) -> None:
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
