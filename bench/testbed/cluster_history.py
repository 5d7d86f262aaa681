"""What happens to a simulated cluster: changes and faults made from a seed."""

import asyncio
import os
import random
from collections.abc import Callable, Mapping
from typing import Any

from app.simulator.apiserver.faults import Fault
from app.simulator.apiserver.simulated_cluster import SimulatedCluster

RUNS = int(os.environ.get("K8S_MCP_TEST_RUNS", "200"))
STEPS = 12
QUIET_SECONDS = 30.0
RESTORE_SECONDS = 0.25
RESOURCES = ("pods", "configmaps")
NAMESPACES = ("default", "shop")
FAULTS = [fault for fault in Fault if fault is not Fault.GZIP]
STRIKES = [
    Fault.EMPTY,
    Fault.STALL,
    Fault.DROP,
    Fault.GONE_EVENT,
    Fault.ERROR_EVENT,
    Fault.GARBAGE_EVENT,
    Fault.ABORT,
]


class History:
    """What happens to one cluster: changes, faults, and an API server that goes and returns."""

    def __init__(self, cluster: SimulatedCluster, rng: random.Random, *, restores: bool = True) -> None:
        self.restores = restores
        self.cluster = cluster
        self.rng = rng
        self.told: list[str] = []
        self._backup = cluster.storage.snapshot()

    async def step(self) -> None:
        actions: list[Callable[[], Any]] = [
            self.change,
            self.change,
            self.change,
            self.fault,
            self.strike,
            self.compact,
            self.restart,
            *((self.back_up, self.go_back) if self.restores else ()),
        ]
        action = self.rng.choice(actions)
        self.told.append(action.__name__)
        result = action()
        if result is not None:
            await result
        await asyncio.sleep(self.rng.choice((0, 0, 0.002, 0.02)))

    def change(self) -> None:
        for _ in range(self.rng.choice((1, 3, 30))):
            self._change_one()

    def _change_one(self) -> None:
        storage, rng = self.cluster.storage, self.rng
        plural = rng.choice(RESOURCES)
        held = [*storage.collection(plural).values()]
        kind = "Pod" if plural == "pods" else "ConfigMap"
        place = {"namespace": rng.choice(NAMESPACES), "name": f"n{rng.randrange(8)}"}
        labels = {"app": rng.choice(("web", "db", "web", "db", "web", "db", None))}  # None cannot be read.
        if rng.random() < 0.3 and held:
            storage.remove(rng.choice(held).obj)
        elif rng.random() < 0.5 and held:
            obj = rng.choice(held).obj
            storage.replace(
                {**obj, "metadata": {**obj["metadata"], "labels": labels}, "data": str(rng.random())}
            )
        elif (place["namespace"], place["name"]) not in storage.collection(plural):
            spec = {"containers": [{"name": "main", "image": "nginx"}]}
            metadata = {**place, "labels": labels}
            storage.create({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec})

    def fault(self) -> None:
        fault, verb = self.rng.choice(FAULTS), self.rng.choice((None, "list", "watch", "get"))
        self.told.append(f"{fault.name} {verb}")
        self.cluster.faults.add(
            fault, verb=verb, chance=self.rng.choice((0.3, 1.0)), times=self.rng.choice((1, 3, None))
        )

    def strike(self) -> None:
        fault = self.rng.choice(STRIKES)
        self.told.append(fault.name)
        self.cluster.faults.strike(fault)

    def compact(self) -> None:
        self.cluster.storage.compact()

    async def restart(self) -> None:
        await self.cluster.stop()
        self.change()
        await asyncio.sleep(self.rng.choice((0, 0.02)))
        await self.cluster.start()

    def back_up(self) -> None:
        self._backup = self.cluster.storage.snapshot()

    async def go_back(self) -> None:
        """etcd restored from a backup; sometimes much is written before it can be reached again."""
        await self.cluster.stop()
        self.cluster.storage.restore(self._backup)
        for _ in range(self.rng.choice((0, 5, 200))):
            self._change_one()
        # Who is between a list and its watch must find the server gone: a restore takes longer than
        # any list is under way, and than any proxy delays it.
        await asyncio.sleep(RESTORE_SECONDS)
        await self.cluster.start()

    def settle(self) -> None:
        self.cluster.faults.clear()


def truth(cluster: SimulatedCluster, plural: str) -> dict[str, tuple[str, int]]:
    return {
        f"{namespace}/{name}": (stored.obj["metadata"]["uid"], stored.version)
        for (namespace, name), stored in cluster.storage.collection(plural).items()
        if is_readable(stored.obj)
    }


def is_readable(obj: Mapping[str, Any]) -> bool:
    return None not in obj["metadata"].get("labels", {}).values()
