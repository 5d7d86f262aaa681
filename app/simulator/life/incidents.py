"""Incidents that happen in a cluster by themselves, seeded: releases, scaling, lost nodes, evictions."""

from __future__ import annotations

import copy
from collections.abc import Callable

import msgspec

from app.simulator.life.kubelet import node_is_ready
from app.simulator.life.world import World
from app.simulator.seed import workload_status as rollup
from app.simulator.seed.base_objects import node_condition
from app.simulator.seed.kubelet_status import is_done, is_ready, node_lost
from app.simulator.seed.object_factory import Obj, key_of, micro_stamp
from app.simulator.seed.pod_placement import is_worker
from app.simulator.seed.sample_apps import FAILURE_ANNOTATION


class IncidentIntervals(msgspec.Struct, frozen=True):
    """Mean seconds between two incidents of a kind, at speed 1. outage: how long a lost node is away."""

    release: float = 75.0
    scale: float = 50.0
    eviction: float = 40.0
    node_loss: float = 240.0
    outage: float = 45.0
    heartbeat: float = 10.0


_UNREACHABLE: list[Obj] = [
    {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"},
]
_SYSTEM = "kube-"


class Incidents:
    """Schedules the incidents of a cluster."""

    def __init__(self, world: World, pace: IncidentIntervals) -> None:
        self.world = world
        self.pace = pace
        self.rng = world.factory.rng

    def begin(self) -> None:
        """Schedule the first incident of each kind."""
        self._every(self.pace.release, self._release)
        self._every(self.pace.scale, self._scale)
        self._every(self.pace.eviction, self._evict)
        self._every(self.pace.node_loss, self._lose_node)
        self._heartbeat()

    def _every(self, mean: float, act: Callable[[], None]) -> None:
        def again() -> None:
            act()
            self._every(mean, act)

        self.world.later(self.rng.uniform(0.5, 1.5) * mean, again)

    def _deployments(self) -> list[Obj]:
        """Return deployments of the applications that are at rest and do not fail on purpose."""
        return [
            each
            for each in self.world.all("Deployment")
            if not each["metadata"]["namespace"].startswith(_SYSTEM)
            and FAILURE_ANNOTATION not in (each["spec"]["template"]["metadata"].get("annotations") or {})
            and (rollup.condition(each.get("status") or {}, "Progressing") or {}).get("reason")
            == "NewReplicaSetAvailable"
        ]

    def _release(self) -> None:
        """Release a new image of one application."""
        if not (choice := self._deployments()):
            return

        def bump(deployment: Obj) -> None:
            container = deployment["spec"]["template"]["spec"]["containers"][0]
            name, _, tag = container["image"].rpartition(":")
            head, dot, last = tag.rpartition(".")
            container["image"] = f"{name}:{head}{dot}{int(last) + 1 if last.isdigit() else last}"
            annotations = deployment["spec"]["template"]["metadata"].setdefault("annotations", {})
            annotations["acme.example/released-at"] = self.world.stamp()

        self.world.change(self.rng.choice(choice), bump)

    def _scale(self) -> None:
        """Give one application a replica more or less, and undo that later."""
        if not (choice := self._deployments()):
            return
        deployment = self.rng.choice(choice)
        before = rollup.wanted_replicas(deployment)
        after = before + self.rng.choice((-1, 1, 2)) if before > 1 else before + 1
        key = key_of(deployment)
        self.world.change(deployment, lambda each: each["spec"].update(replicas=after))

        def back() -> None:
            now = self.world.get("Deployment", *key)
            if now is not None and rollup.wanted_replicas(now) == after:
                self.world.change(now, lambda each: each["spec"].update(replicas=before))

        self.world.later(self.pace.scale * 1.5, back)

    def _evict(self) -> None:
        """Delete one pod of a replicated application, as a node that is short of memory would."""
        wanted = {each["metadata"]["uid"] for each in self._deployments() if rollup.wanted_replicas(each) > 1}
        sets = [
            each
            for each in self.world.all("ReplicaSet")
            if any(owner["uid"] in wanted for owner in each["metadata"].get("ownerReferences", ()))
        ]
        pods = [pod for each in sets for pod in self.world.owned(each, "Pod") if is_ready(pod)]
        if not pods:
            return
        pod = self.rng.choice(pods)
        self.world.say(pod, "Evicted", "The node was low on resource: memory.", "kubelet", warning=True)
        self.world.delete(pod)

    def _lose_node(self) -> None:
        workers = [
            node
            for node in self.world.all("Node")
            if is_worker(node) and node_is_ready(node) and (node.get("status") or {}).get("conditions")
        ]
        if len(workers) > 1:
            self.lose(self.rng.choice(workers), self.pace.outage)

    def lose(self, node: Obj, outage: float) -> None:
        """Stop the reports of a node for so many seconds: it becomes NotReady, and its pods with it."""
        name: str = node["metadata"]["name"]
        before = copy.deepcopy(node["status"]["conditions"])
        world = self.world
        at = world.stamp()

        def vanish(each: Obj) -> None:
            said = "Kubelet stopped posting node status."
            each["status"]["conditions"] = [
                {
                    **node_condition(old["type"], "Unknown", at, "NodeStatusUnknown", said),
                    "lastHeartbeatTime": old["lastHeartbeatTime"],
                }
                for old in before
            ]
            each["spec"].setdefault("taints", []).extend(
                {**taint, "timeAdded": at} for taint in copy.deepcopy(_UNREACHABLE)
            )

        world.change(node, vanish)
        world.say(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady", "node-controller")
        self._mark_pods(name, lost=True)
        world.later(outage, lambda: self._return(name, before))

    def _return(self, name: str, conditions: list[Obj]) -> None:
        world = self.world
        node = world.get("Node", "", name)
        if node is None:
            return
        at = world.stamp()

        def come_back(each: Obj) -> None:
            each["status"]["conditions"] = [
                {**old, "lastHeartbeatTime": at, "lastTransitionTime": at} for old in conditions
            ]
            keys = {taint["key"] for taint in _UNREACHABLE}
            kept = [taint for taint in each["spec"].get("taints", ()) if taint["key"] not in keys]
            each["spec"].pop("taints", None)
            if kept:
                each["spec"]["taints"] = kept

        self._mark_pods(name, lost=False)
        world.change(node, come_back)
        world.say(node, "NodeReady", f"Node {name} status is now: NodeReady", "kubelet")

    def _mark_pods(self, node: str, *, lost: bool) -> None:
        at = self.world.stamp()
        for pod in self.world.all("Pod"):
            if pod["spec"].get("nodeName") != node or is_done(pod):
                continue
            statuses = (pod.get("status") or {}).get("containerStatuses") or ()
            if statuses and all(each["ready"] for each in statuses):
                self.world.change(pod, lambda each: node_lost(each, lost, at))

    def _heartbeat(self) -> None:
        """Renew the lease of every node that reports."""
        world = self.world
        renewed = micro_stamp(world.timeline.now())
        for node in world.all("Node"):
            lease = world.get("Lease", "kube-node-lease", node["metadata"]["name"])
            if lease is not None and node_is_ready(node):
                world.change(lease, lambda each: each["spec"].update(renewTime=renewed))
        world.later(self.pace.heartbeat, self._heartbeat)
