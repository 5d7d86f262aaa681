"""The controller of Namespaces: new ones get a service account and a CA bundle, deleted ones are emptied."""

from __future__ import annotations

from app.simulator.life.controller import Controller
from app.simulator.life.world import World
from app.simulator.seed.base_objects import make_account, make_config_map
from app.simulator.seed.object_factory import Key, Obj, key_of

_AUTHORITY = "kube-root-ca.crt"


class NamespaceController(Controller):
    """Fills new namespaces and empties deleted ones."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.watch("Namespace")
        world.follow_all(self._object_changed)

    def _object_changed(self, old: Obj | None, new: Obj | None) -> None:
        """Reconcile a terminating namespace when an object in it is created or deleted."""
        obj = new or old
        if obj is None or (old is None) is (new is None):
            return
        space = self.world.get("Namespace", "", obj["metadata"].get("namespace", ""))
        if space is not None and "deletionTimestamp" in space["metadata"]:
            self.enqueue(key_of(space))

    def reconcile(self, key: Key) -> None:
        """Create what every namespace has, or delete what a terminating one still has."""
        world = self.world
        namespace = world.get("Namespace", *key)
        if namespace is None:
            return
        name = key[1]
        if "deletionTimestamp" not in namespace["metadata"]:
            at = world.stamp()
            if world.get("ServiceAccount", name, "default") is None:
                world.create(make_account(world.factory, name, "default", at))
            authority = world.get("ConfigMap", "kube-system", _AUTHORITY)
            if authority is not None and world.get("ConfigMap", name, _AUTHORITY) is None:
                world.create(make_config_map(world.factory, name, _AUTHORITY, authority["data"], at))
            return
        inside = world.inside(name)
        for obj in inside:
            world.delete(obj)
        if not inside:
            world.finalize(namespace)
