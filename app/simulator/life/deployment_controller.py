"""The controller of Deployments: it makes replica sets, and rolls from one to the next.

The arithmetic is that of pkg/controller/deployment/rolling.go of Kubernetes.
"""

from __future__ import annotations

from app.simulator.life.controller import Controller
from app.simulator.life.world import World
from app.simulator.seed import workload_status as rollup
from app.simulator.seed.kubelet_status import is_done
from app.simulator.seed.object_factory import Key, Obj, key_of, template_hash
from app.simulator.seed.workload_objects import HASH_LABEL, make_replica_set


class DeploymentController(Controller):
    """Makes and scales the replica sets of Deployments."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.watch("Deployment")
        self.watch_owned("ReplicaSet", "Deployment")

    def reconcile(self, key: Key) -> None:
        """Move the deployment one step towards its template, and set its status."""
        deployment = self.world.get("Deployment", *key)
        if deployment is None or "deletionTimestamp" in deployment["metadata"]:
            return
        sets = self.world.owned(deployment, "ReplicaSet")
        sets.sort(key=_revision)
        wanted = template_hash(deployment["spec"]["template"])
        current = next((each for each in sets if each["metadata"]["labels"].get(HASH_LABEL) == wanted), None)
        if not deployment["spec"].get("paused"):
            if current is None or (sets and sets[-1] is not current):
                self._new_revision(deployment, current, sets)
                return
            if self._recreates(deployment):
                self._recreate(deployment, current, sets)
            else:
                self._roll(deployment, current, sets)
            self._forget_history(deployment, current, sets)
        self._report(key)

    def _new_revision(self, deployment: Obj, current: Obj | None, sets: list[Obj]) -> None:
        """Make the replica set of a new template, or make an old one the newest again."""
        world = self.world
        number = _revision(sets[-1]) + 1 if sets else 1
        if current is None:
            surge, _ = rollup.rolling_bounds(deployment)
            wanted = rollup.wanted_replicas(deployment)
            total = sum(rollup.wanted_replicas(each) for each in sets)
            first = max(0, min(wanted, wanted + surge - total))
            if total and self._recreates(deployment):
                first = 0
            made = make_replica_set(
                world.factory,
                deployment,
                deployment["spec"]["template"],
                replicas=first,
                revision=number,
                created=world.stamp(),
            )
            world.create(made)
            self._say_scaled(deployment, made, 0, first)
        else:
            world.change(current, lambda each: _annotate(each, number))
        world.change(deployment, lambda each: _annotate(each, number))
        self.enqueue(key_of(deployment))

    def _recreates(self, deployment: Obj) -> bool:
        return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"

    def _recreate(self, deployment: Obj, current: Obj, sets: list[Obj]) -> None:
        old = [each for each in sets if each is not current]
        for each in old:
            self._scale(deployment, each, 0)
        pods = [pod for each in old for pod in self.world.owned(each, "Pod")]
        if not any(not is_done(pod) for pod in pods):
            self._scale(deployment, current, rollup.wanted_replicas(deployment))
        else:
            self.enqueue(key_of(deployment), 1.0)

    def _roll(self, deployment: Obj, current: Obj, sets: list[Obj]) -> None:
        wanted = rollup.wanted_replicas(deployment)
        surge, unavailable = rollup.rolling_bounds(deployment)
        old = [each for each in sets if each is not current]
        new_count = rollup.wanted_replicas(current)
        total = sum(rollup.wanted_replicas(each) for each in sets)
        room = wanted + surge - total
        if new_count > wanted:
            self._scale(deployment, current, wanted)
            return
        if new_count < wanted and room > 0:
            self._scale(deployment, current, min(wanted, new_count + room))
            return
        not_up = new_count - _available(current)
        spare = total - (wanted - unavailable) - not_up
        for each in old:
            count = rollup.wanted_replicas(each)
            broken = min(count - _available(each), count, spare)
            if broken > 0:
                self._scale(deployment, each, count - broken)
                spare -= broken
        healthy = sum(_available(each) for each in sets) - (wanted - unavailable)
        for each in old:
            fresh = self.world.get("ReplicaSet", *key_of(each))
            count = rollup.wanted_replicas(fresh) if fresh else 0
            fewer = min(count, healthy, spare)
            if fewer > 0:
                self._scale(deployment, each, count - fewer)
                healthy -= fewer
                spare -= fewer

    def _scale(self, deployment: Obj, replica_set: Obj, count: int) -> None:
        before = rollup.wanted_replicas(replica_set)
        if before == count:
            return
        self.world.change(replica_set, lambda each: each["spec"].update(replicas=count))
        self._say_scaled(deployment, replica_set, before, count)

    def _say_scaled(self, deployment: Obj, replica_set: Obj, before: int, count: int) -> None:
        way = "up" if count >= before else "down"
        name = replica_set["metadata"]["name"]
        message = f"Scaled {way} replica set {name} from {before} to {count}"
        self.world.say(deployment, "ScalingReplicaSet", message, "deployment-controller")

    def _forget_history(self, deployment: Obj, current: Obj, sets: list[Obj]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        idle = [
            each
            for each in sets
            if each is not current
            and not rollup.wanted_replicas(each)
            and not (each.get("status") or {}).get("replicas")
        ]
        for each in idle[: max(0, len(idle) - limit)]:
            self.world.delete(each)

    def _report(self, key: Key) -> None:
        deployment = self.world.get("Deployment", *key)
        if deployment is None:
            return
        sets = sorted(self.world.owned(deployment, "ReplicaSet"), key=_revision)
        status = rollup.deployment_status(
            deployment, sets[-1] if sets else None, sets, self.world.timeline.now()
        )
        if self.world.set_status(deployment, status):
            progress = rollup.condition(status, "Progressing")
            if progress is not None and progress["reason"] == "ReplicaSetUpdated":
                deadline = deployment["spec"].get("progressDeadlineSeconds") or 600
                self.enqueue(key, deadline + 1)


def _annotate(obj: Obj, revision: int) -> None:
    obj["metadata"].setdefault("annotations", {})[rollup.REVISION] = str(revision)


def _revision(replica_set: Obj) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(rollup.REVISION, 0))


def _available(replica_set: Obj) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))
