"""The controllers of StatefulSets, which keep numbered pods with their claims, and of DaemonSets."""

from __future__ import annotations

from app.simulator.life.controller import Controller
from app.simulator.life.replicaset_controller import is_active
from app.simulator.life.world import World
from app.simulator.seed import workload_status as rollup
from app.simulator.seed.base_objects import make_claim
from app.simulator.seed.kubelet_status import is_ready
from app.simulator.seed.object_factory import Key, Obj, key_of, template_hash
from app.simulator.seed.pod_placement import is_worker
from app.simulator.seed.pod_template import make_pod
from app.simulator.seed.running_workloads import stateful_labels, stateful_template
from app.simulator.seed.sample_apps import App
from app.simulator.seed.workload_objects import REVISION_LABEL


class _PodSetController(Controller):
    """The base of controllers that own pods directly."""

    kind: str

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.watch(self.kind)
        self.watch_owned("Pod", self.kind)

    def _make(self, owner: Obj, template: Obj, name: str, labels: dict[str, str], node: str | None) -> None:
        world = self.world
        prefix = f"{owner['metadata']['name']}-"
        pod = make_pod(
            world.factory,
            template,
            namespace=owner["metadata"]["namespace"],
            name=name,
            created=world.stamp(),
            owner=owner,
            labels=labels,
            generate_name=prefix,
            node=node,
        )
        world.create(pod)
        world.say(owner, "SuccessfulCreate", f"Created pod: {name}", f"{self.kind.lower()}-controller")


class StatefulSetController(_PodSetController):
    """Keeps the numbered pods of StatefulSets."""

    kind = "StatefulSet"

    def reconcile(self, key: Key) -> None:
        """Do one step of a rollout or of scaling, and set the status."""
        world = self.world
        stateful_set = world.get(self.kind, *key)
        if stateful_set is None or "deletionTimestamp" in stateful_set["metadata"]:
            return
        revision = f"{key[1]}-{template_hash(stateful_set['spec']['template'])}"
        pods = {_ordinal(pod): pod for pod in world.owned(stateful_set, "Pod")}
        self._step(stateful_set, pods, revision)
        active = [pod for pod in world.owned(stateful_set, "Pod") if is_active(pod)]
        current = (stateful_set.get("status") or {}).get("currentRevision", revision)
        world.set_status(stateful_set, rollup.stateful_set_status(stateful_set, active, revision, current))

    def _step(self, stateful_set: Obj, pods: dict[int, Obj], revision: str) -> None:
        """One step, after which the next waits for the pod to be up or gone (OrderedReady)."""
        spec = stateful_set["spec"]
        parallel = spec.get("podManagementPolicy") == "Parallel"
        wanted = rollup.wanted_replicas(stateful_set)
        for number in range(wanted):
            pod = pods.get(number)
            if pod is None:
                name = f"{stateful_set['metadata']['name']}-{number}"
                self._claim(stateful_set, number)
                template = stateful_template(stateful_set, number)
                self._make(stateful_set, template, name, stateful_labels(name, number, revision), None)
            if not parallel and (pod is None or not (is_active(pod) and is_ready(pod))):
                return
        if any(not is_active(pod) for pod in pods.values()):
            return
        beyond = [number for number in pods if number >= wanted]
        strategy = spec.get("updateStrategy") or {}
        partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
        rolls = strategy.get("type", "RollingUpdate") == "RollingUpdate"
        outdated = [
            number
            for number, pod in pods.items()
            if rolls and number >= partition and pod["metadata"]["labels"].get(REVISION_LABEL) != revision
        ]
        if beyond:
            self._remove(stateful_set, pods[max(beyond)])
        elif outdated and all(is_ready(pod) for pod in pods.values()):
            self._remove(stateful_set, pods[max(outdated)])

    def _remove(self, stateful_set: Obj, pod: Obj) -> None:
        self.world.delete(pod)
        said = f"Deleted pod: {pod['metadata']['name']}"
        self.world.say(stateful_set, "SuccessfulDelete", said, "statefulset-controller")

    def _claim(self, stateful_set: Obj, number: int) -> None:
        """Create the claims of a replica, bound at once; claims of an earlier replica are used again."""
        meta = stateful_set["metadata"]
        world = self.world
        for template in stateful_set["spec"].get("volumeClaimTemplates") or ():
            prefix = template["metadata"]["name"]
            if world.get("PersistentVolumeClaim", meta["namespace"], f"{prefix}-{meta['name']}-{number}"):
                continue
            size = ((template["spec"].get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
            app = App(meta["namespace"], meta["name"], "", storage=size)
            claim, volume = make_claim(world.factory, app, number, world.stamp(), prefix=prefix)
            world.create(volume)
            world.create(claim)


class DaemonSetController(_PodSetController):
    """Keeps one pod of each DaemonSet on every node that takes it."""

    kind = "DaemonSet"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.follow("Node", self._node_changed)

    def _node_changed(self, old: Obj | None, new: Obj | None) -> None:
        if old is None or new is None or is_worker(old) != is_worker(new):
            for daemon_set in self.world.all(self.kind):
                self.enqueue(key_of(daemon_set))

    def reconcile(self, key: Key) -> None:
        """Create missing pods, replace outdated ones one by one, and set the status."""
        world = self.world
        daemon_set = world.get(self.kind, *key)
        if daemon_set is None or "deletionTimestamp" in daemon_set["metadata"]:
            return
        template = daemon_set["spec"]["template"]
        revision = template_hash(template)
        anywhere = any(
            each.get("operator") == "Exists" and not each.get("key")
            for each in template["spec"].get("tolerations") or ()
        )
        nodes = [str(node["metadata"]["name"]) for node in world.all("Node") if anywhere or is_worker(node)]
        present = {pod["spec"].get("nodeName"): pod for pod in world.owned(daemon_set, "Pod")}
        for name in nodes:
            if name not in present:
                pod_name = f"{key[1]}-{world.factory.suffix()}"
                self._make(daemon_set, template, pod_name, {REVISION_LABEL: revision}, name)
        for name, pod in present.items():
            if name not in nodes and is_active(pod) and world.get("Node", "", str(name)) is None:
                world.delete(pod)
        self._roll(daemon_set, revision)
        active = [pod for pod in world.owned(daemon_set, "Pod") if is_active(pod)]
        world.set_status(daemon_set, rollup.daemon_set_status(daemon_set, active, len(nodes), revision))

    def _roll(self, daemon_set: Obj, revision: str) -> None:
        strategy = daemon_set["spec"].get("updateStrategy") or {}
        pods = self.world.owned(daemon_set, "Pod")
        settled = all(is_active(pod) and is_ready(pod) for pod in pods)
        if strategy.get("type") == "OnDelete" or not settled:
            return
        for pod in pods:
            if pod["metadata"]["labels"].get(REVISION_LABEL) != revision:
                self.world.delete(pod)
                return


def _ordinal(pod: Obj) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])
