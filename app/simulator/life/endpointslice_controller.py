"""The controller of EndpointSlices: they follow the pods that a service selects."""

from __future__ import annotations

from app.simulator.life.controller import Controller
from app.simulator.life.world import World
from app.simulator.seed.object_factory import Key, Obj, key_of
from app.simulator.seed.service_objects import endpoints, make_slice, slice_ports


class EndpointSliceController(Controller):
    """Keeps one EndpointSlice for each service with a selector."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.follow("Service", self._service_changed)
        world.follow("Pod", self._pod_changed)

    def _service_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self.enqueue(key_of(new))

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        before, after = (_seen(pod) if pod is not None else None for pod in (old, new))
        pod = new or old
        if pod is None or before == after:
            return
        for service in self.world.all("Service", pod["metadata"]["namespace"]):
            if _selects(service, pod):
                self.enqueue(key_of(service))

    def reconcile(self, key: Key) -> None:
        """Create or update the slice of the service."""
        world = self.world
        service = world.get("Service", *key)
        if service is None or not service["spec"].get("selector"):
            return
        pods = [pod for pod in world.all("Pod", key[0]) if _selects(service, pod)]
        wanted = {"endpoints": endpoints(pods), "ports": slice_ports(service)}
        slices = world.owned(service, "EndpointSlice")
        if not slices:
            world.create({**make_slice(world.factory, service, world.stamp()), **wanted})
        elif any(slices[0].get(part) != value for part, value in wanted.items()):
            world.change(slices[0], lambda endpoint_slice: endpoint_slice.update(wanted))


def _selects(service: Obj, pod: Obj) -> bool:
    """Return whether a service with a selector selects the pod."""
    selector: dict[str, str] = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and selector.items() <= labels.items()


def _seen(pod: Obj) -> object:
    """Return the fields of a pod on which an endpoint slice depends."""
    return endpoints([pod]), pod["metadata"].get("labels")
