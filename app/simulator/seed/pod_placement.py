"""Place pods on nodes: the choice of a node, the addresses of pods, and bringing a pod up in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from app.simulator.seed import kubelet_status as podstatus
from app.simulator.seed.object_factory import Obj, moment, stamp


def host_ip(node: Obj) -> str:
    """Return the internal address of a node, "" where it has none."""
    for address in node.get("status", {}).get("addresses", ()):
        if address["type"] == "InternalIP":
            return str(address["address"])
    return ""


def is_worker(node: Obj) -> bool:
    """Return whether pods without tolerations may run on the node: not cordoned, no taint that keeps them
    off."""
    spec = node.get("spec", {})
    taints = spec.get("taints") or ()
    return not spec.get("unschedulable") and not any(
        taint["effect"] in ("NoSchedule", "NoExecute") for taint in taints
    )


class NodeAllocations:
    """The number of pods of every node, and the addresses of its pod range that are in use."""

    def __init__(self) -> None:
        self.load: Counter[str] = Counter()
        self._taken: dict[str, set[int]] = {}
        self._last: Counter[str] = Counter()

    def occupy(self, pod: Obj) -> None:
        """Count a pod that is on its node already."""
        node = pod["spec"].get("nodeName")
        if node:
            self.load[node] += 1
            ip = pod.get("status", {}).get("podIP")
            if ip and not pod["spec"].get("hostNetwork"):
                self._taken.setdefault(node, set()).add(_number(ip))

    def vacate(self, pod: Obj) -> None:
        """Take a deleted pod out of the count, and free its address."""
        node = pod["spec"].get("nodeName")
        if node:
            self.load[node] -= 1
            ip = pod.get("status", {}).get("podIP")
            if ip and not pod["spec"].get("hostNetwork"):
                self._taken.get(node, set()).discard(_number(ip))

    def choose(self, nodes: Iterable[Obj]) -> Obj | None:
        """Return the worker with the fewest pods, of equals the first by name; None where there is no
        worker."""
        workers = [node for node in nodes if is_worker(node)]
        return min(
            workers,
            key=lambda node: (self.load[node["metadata"]["name"]], node["metadata"]["name"]),
            default=None,
        )

    def address(self, node: Obj) -> str:
        """Return the next free address of the node's pod range; freed addresses are used again last."""
        name = node["metadata"]["name"]
        base, _, width = (node.get("spec", {}).get("podCIDR") or "10.244.255.0/24").partition("/")
        prefix = base.rpartition(".")[0]
        size = min(254, 2 ** (32 - int(width)) - 2)
        taken = self._taken.setdefault(name, set())
        for _ in range(size):
            self._last[name] = self._last[name] % size + 1
            if self._last[name] not in taken:
                break
        taken.add(self._last[name])
        return f"{prefix}.{self._last[name]}"


def _number(ip: str) -> int:
    return int(ip.rpartition(".")[2])


def bring_up(pod: Obj, node: Obj, ip: str, after: float = 4.0) -> str:
    """Take a new pod to Running and Ready and return the time when it became ready.

    after: seconds from its creation until it is ready.
    """
    created = moment(pod["metadata"]["creationTimestamp"])
    started = stamp(created + timedelta(seconds=after / 2))
    done = stamp(created + timedelta(seconds=after))
    at = pod["metadata"]["creationTimestamp"]
    podstatus.scheduled(pod, node["metadata"]["name"], at)
    podstatus.starting(pod, host_ip(node), at)
    podstatus.running(pod, ip, started)
    podstatus.ready(pod, done)
    return done
