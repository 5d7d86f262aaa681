"""The controller of ReplicaSets, which keep their number of pods."""

from __future__ import annotations

from app.simulator.life.controller import Controller
from app.simulator.life.world import World
from app.simulator.seed import workload_status as rollup
from app.simulator.seed.kubelet_status import is_done, is_ready
from app.simulator.seed.object_factory import Key, Obj
from app.simulator.seed.pod_template import make_pod


def is_active(pod: Obj) -> bool:
    """Return whether a pod counts as a replica: neither done nor terminating."""
    return "deletionTimestamp" not in pod["metadata"] and not is_done(pod)


class ReplicaSetController(Controller):
    """Keeps the number of pods of ReplicaSets."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.watch("ReplicaSet")
        self.watch_owned("Pod", "ReplicaSet")

    def reconcile(self, key: Key) -> None:
        """Create missing pods or delete surplus ones, and set the status."""
        world = self.world
        replica_set = world.get("ReplicaSet", *key)
        if replica_set is None or "deletionTimestamp" in replica_set["metadata"]:
            return
        pods = [pod for pod in world.owned(replica_set, "Pod") if is_active(pod)]
        missing = rollup.wanted_replicas(replica_set) - len(pods)
        prefix = f"{replica_set['metadata']['name']}-"
        for _ in range(missing):
            pod = make_pod(
                world.factory,
                replica_set["spec"]["template"],
                namespace=key[0],
                name=prefix + world.factory.suffix(),
                created=world.stamp(),
                owner=replica_set,
                generate_name=prefix,
            )
            world.create(pod)
            said = f"Created pod: {pod['metadata']['name']}"
            world.say(replica_set, "SuccessfulCreate", said, "replicaset-controller")
        if missing < 0:
            pods.sort(key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
            for pod in sorted(pods, key=_expendable)[:-missing]:
                world.delete(pod)
                said = f"Deleted pod: {pod['metadata']['name']}"
                world.say(replica_set, "SuccessfulDelete", said, "replicaset-controller")
        pods = [pod for pod in world.owned(replica_set, "Pod") if is_active(pod)]
        world.set_status(replica_set, rollup.replica_set_status(replica_set, pods))


def _expendable(pod: Obj) -> tuple[bool, bool, bool]:
    """What goes first: not placed, not running, not ready."""
    return "nodeName" in pod["spec"], (pod.get("status") or {}).get("phase") == "Running", is_ready(pod)
