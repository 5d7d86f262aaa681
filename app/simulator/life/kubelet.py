"""The scheduler and the kubelets of all nodes: they take every pod from state to state.

What comes next is read from the pod itself, so it does not matter who brought it where it is: a controller,
a user, or the seed of a cluster that has been running for long.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from app.simulator.life.world import World
from app.simulator.seed import kubelet_status as podstatus
from app.simulator.seed.object_factory import Obj, key_of
from app.simulator.seed.pod_placement import NodeAllocations, host_ip
from app.simulator.seed.pod_template import default_pod
from app.simulator.seed.sample_apps import FAILURE_ANNOTATION


class _Step(msgspec.Struct, frozen=True):
    """seconds: from when the pod came to its state until this is done to it."""

    name: str
    seconds: float


class Kubelet:
    """Moves every pod to its next state, after the time that this takes in a real cluster."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.allocations = NodeAllocations()
        # By the uid of a pod: the step that it waits for, so that each is taken once.
        self._waiting: dict[str, str] = {}
        self._rng = world.factory.rng
        self._acts: dict[str, Callable[[Obj], None]] = {
            "schedule": self._schedule,
            "start": self._start,
            "run": self._run,
            "ready": self._ready,
            "crash": self._crash,
            "back off": self._back_off,
            "restart": self._restart,
            "fail to pull": self._fail_to_pull,
            "back off pulling": self._back_off_pulling,
            "finish": self._finish,
            "remove": self._remove,
        }
        world.follow("Pod", self._pod_changed)
        world.follow("Node", self._node_changed)

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        if old is not None:
            self.allocations.vacate(old)
        if new is None:
            if old is not None:
                self._waiting.pop(old["metadata"]["uid"], None)
            return
        self.allocations.occupy(new)
        self._consider(new)

    def _node_changed(self, old: Obj | None, new: Obj | None) -> None:
        """Continue with the pods of a node that is back; schedule the pending pods on a new one."""
        if new is None or not node_is_ready(new):
            return
        if old is not None and node_is_ready(old) and old["spec"] == new["spec"]:
            return
        for pod in self.world.all("Pod"):
            if pod["spec"].get("nodeName") in (None, new["metadata"]["name"]):
                self._consider(pod)

    def _consider(self, pod: Obj) -> None:
        """Wait for the pod's next step, if it has one and does not wait for it already."""
        step = self._next(pod)
        uid = pod["metadata"]["uid"]
        if step is None:
            self._waiting.pop(uid, None)
            return
        if self._waiting.get(uid) == step.name:
            return
        self._waiting[uid] = step.name
        meta = pod["metadata"]
        name, namespace = meta["name"], meta["namespace"]

        def act() -> None:
            if self._waiting.get(uid) != step.name:
                return
            del self._waiting[uid]
            now = self.world.get("Pod", namespace, name)
            if now is None or now["metadata"]["uid"] != uid:
                return
            again = self._next(now)
            if again is not None and again.name == step.name:
                self._acts[step.name](now)

        self.world.later(step.seconds, act)

    def _next(self, pod: Obj) -> _Step | None:
        between = self._rng.uniform
        status: Obj = pod.get("status") or {}
        if "deletionTimestamp" in pod["metadata"]:
            return _Step("remove", between(0.5, 4.0)) if self._reports(pod) else None
        if podstatus.is_done(pod):
            return None
        if "nodeName" not in pod["spec"]:
            # A scheduler asks again for what fitted nowhere, but not at once.
            tried = bool(status.get("conditions"))
            return _Step("schedule", 30.0 if tried else between(0.05, 0.3))
        if not self._reports(pod):
            return None
        statuses = status.get("containerStatuses")
        if not statuses:
            return _Step("start", between(0.1, 0.6))
        state = statuses[0]["state"]
        failure_mode = (pod["metadata"].get("annotations") or {}).get(FAILURE_ANNOTATION)
        if "waiting" in state:
            match state["waiting"]["reason"]:
                case "ContainerCreating" if failure_mode == "bad-image":
                    return _Step("fail to pull", between(1, 3))
                case "ContainerCreating":
                    return _Step("run", between(0.8, 4.0))
                case "ErrImagePull":
                    return _Step("back off pulling", between(8, 15))
                case "ImagePullBackOff":
                    return _Step("fail to pull", between(60, 180))
                case _:
                    return _Step(
                        "restart", _back_off_seconds(statuses[0]["restartCount"]) * between(0.8, 1.0)
                    )
        if "terminated" in state:
            return _Step("back off", 0.3)
        if not podstatus.is_ready(pod):
            return _Step("ready", between(1.0, 6.0))
        if failure_mode == "crash-loop":
            return _Step("crash", between(8, 40))
        if pod["spec"].get("restartPolicy") != "Always":
            return _Step("finish", between(8, 30))
        return None

    def _reports(self, pod: Obj) -> bool:
        """Return whether a kubelet looks after the pod: its node exists and is ready."""
        name = pod["spec"].get("nodeName")
        node = self.world.get("Node", "", name) if name else None
        return name is None or (node is not None and node_is_ready(node))

    def _node(self, pod: Obj) -> Obj:
        node = self.world.get("Node", "", pod["spec"]["nodeName"])
        if node is None:
            raise LookupError(pod["spec"]["nodeName"])
        return node

    def _say(self, pod: Obj, reason: str, message: str, *, warning: bool = False) -> None:
        component = "default-scheduler" if "chedul" in reason else "kubelet"
        self.world.say(pod, reason, message, component, warning=warning)

    def _schedule(self, pod: Obj) -> None:
        world = self.world
        node = self.allocations.choose([target for target in world.all("Node") if node_is_ready(target)])
        count = len(world.all("Node"))
        if node is None:
            message = f"0/{count} nodes are available: {count} node(s) were unschedulable."
            world.change(pod, lambda target: podstatus.unschedulable(target, message, world.stamp()))
            self._say(pod, "FailedScheduling", message, warning=True)
            self._consider(self.world.get("Pod", *key_of(pod)) or pod)
            return
        name = node["metadata"]["name"]

        def place(target: Obj) -> None:
            default_pod(target, world.factory)
            podstatus.scheduled(target, name, world.stamp())

        world.change(pod, place)
        meta = pod["metadata"]
        message = f"Successfully assigned {meta['namespace']}/{meta['name']} to {name}"
        self._say(pod, "Scheduled", message)

    def _start(self, pod: Obj) -> None:
        ip = host_ip(self._node(pod))
        at = self.world.stamp()

        def start(each: Obj) -> None:
            default_pod(each, self.world.factory)
            podstatus.scheduled(each, each["spec"]["nodeName"], at)
            podstatus.starting(each, ip, at)

        self.world.change(pod, start)
        self._say(pod, "Pulling", f'Pulling image "{pod["spec"]["containers"][0]["image"]}"')

    def _run(self, pod: Obj) -> None:
        node = self._node(pod)
        ip = host_ip(node) if pod["spec"].get("hostNetwork") else self.allocations.address(node)
        self.world.change(pod, lambda each: podstatus.running(each, ip, self.world.stamp()))
        for container in pod["spec"]["containers"]:
            self._say(pod, "Pulled", f'Successfully pulled image "{container["image"]}"')
            self._say(pod, "Created", f"Created container: {container['name']}")
            self._say(pod, "Started", f"Started container {container['name']}")

    def _ready(self, pod: Obj) -> None:
        self.world.change(pod, lambda each: podstatus.ready(each, self.world.stamp()))

    def _crash(self, pod: Obj) -> None:
        self.world.change(pod, lambda each: podstatus.crashed(each, self.world.stamp(), 1))

    def _back_off(self, pod: Obj) -> None:
        seconds = _back_off_seconds(pod["status"]["containerStatuses"][0]["restartCount"])
        self.world.change(pod, lambda target: podstatus.backing_off(target, seconds, self.world.stamp()))
        meta = pod["metadata"]
        message = (
            f"Back-off restarting failed container {pod['spec']['containers'][0]['name']} in pod "
            f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        )
        self._say(pod, "BackOff", message, warning=True)

    def _restart(self, pod: Obj) -> None:
        self.world.change(pod, lambda each: podstatus.restarted(each, self.world.stamp()))
        self._say(pod, "Started", f"Started container {pod['spec']['containers'][0]['name']}")

    def _fail_to_pull(self, pod: Obj) -> None:
        self._pulling_fails(pod, back_off=False)
        image = pod["spec"]["containers"][0]["image"]
        self._say(pod, "Failed", f'Failed to pull image "{image}": {image}: not found', warning=True)

    def _back_off_pulling(self, pod: Obj) -> None:
        self._pulling_fails(pod, back_off=True)
        image = pod["spec"]["containers"][0]["image"]
        self._say(pod, "BackOff", f'Back-off pulling image "{image}"', warning=True)

    def _pulling_fails(self, pod: Obj, *, back_off: bool) -> None:
        at = self.world.stamp()
        self.world.change(pod, lambda each: podstatus.pulling_fails(each, at, back_off=back_off))

    def _finish(self, pod: Obj) -> None:
        self.world.change(pod, lambda each: podstatus.finished(each, self.world.stamp()))

    def _remove(self, pod: Obj) -> None:
        self._say(pod, "Killing", f"Stopping container {pod['spec']['containers'][0]['name']}")
        self.world.remove(pod)


def _back_off_seconds(restarts: int) -> int:
    """10 s, doubled with every restart, 5 minutes at most."""
    return int(min(300, 10 * 2 ** min(restarts, 6)))


def node_is_ready(node: Obj) -> bool:
    """Return whether a node is ready; one without conditions, made by hand, is."""
    conditions = node.get("status", {}).get("conditions")
    if conditions is None:
        # One that somebody made by hand and that nothing reports for.
        return True
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
