"""Record Events: equal ones are counted up, all expire after an hour, and their number is limited."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from app.simulator.seed.event_objects import event_key, make_event
from app.simulator.seed.object_factory import Obj

if TYPE_CHECKING:
    from app.simulator.life.world import World

# kube-apiserver --event-ttl
_KEPT_SECONDS = 3600.0
_SWEEP_SECONDS = 60.0


class EventRecorder:
    """Writes the events of all components of a cluster.

    limit: how many events there are at most; beyond it the oldest go before their time.
    """

    def __init__(self, world: World, limit: int) -> None:
        self.world = world
        self.limit = limit
        # By event_key: namespace and name of the Event, and when it was last recorded. Oldest first.
        self._recorded: OrderedDict[str, tuple[str, str, float]] = OrderedDict()
        self._sweeping = False
        world.follow("Event", self._event_changed)

    def _event_changed(self, old: Obj | None, new: Obj | None) -> None:
        """Expire Events of other authors too."""
        if old is None and new is not None:
            meta = new["metadata"]
            about = new.get("involvedObject") or {}
            key = f"{about.get('uid')}/{new.get('reason')}/{new.get('message')}"
            if key in self._recorded:
                key += meta["name"]
            self._note(key, meta["namespace"], meta["name"])

    def say(self, about: Obj, reason: str, message: str, component: str, *, warning: bool) -> None:
        """Record an Event, or count an equal one up."""
        world = self.world
        key = event_key(about, reason, message)
        recorded = self._recorded.get(key)
        event = world.get("Event", recorded[0], recorded[1]) if recorded is not None else None
        at = world.stamp()
        if event is None:
            world.create(
                make_event(world.factory, about, reason, message, component=component, at=at, warning=warning)
            )
            return
        count = event["count"] + 1
        world.change(event, lambda each: each.update(count=count, lastTimestamp=at))
        self._note(key, event["metadata"]["namespace"], event["metadata"]["name"])

    def _note(self, key: str, namespace: str, name: str) -> None:
        self._recorded.pop(key, None)
        self._recorded[key] = (namespace, name, self.world.timeline.seconds)
        if not self._sweeping:
            self._sweeping = True
            self.world.timeline.after(_SWEEP_SECONDS, self._sweep)

        if len(self._recorded) > self.limit:
            # Not now: this may be called in the middle of telling others about a change.
            self.world.timeline.after(0.0, self._trim)

    def _trim(self) -> None:
        while len(self._recorded) > self.limit:
            self._forget_oldest()

    def _sweep(self) -> None:
        self._sweeping = False
        oldest = self.world.timeline.seconds - _KEPT_SECONDS
        while self._recorded and next(iter(self._recorded.values()))[2] < oldest:
            self._forget_oldest()
        if self._recorded:
            self._sweeping = True
            self.world.timeline.after(_SWEEP_SECONDS, self._sweep)

    def _forget_oldest(self) -> None:
        _, (namespace, name, _) = self._recorded.popitem(last=False)
        event = self.world.get("Event", namespace, name)
        if event is not None:
            self.world.remove(event)
