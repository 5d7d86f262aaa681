"""Several simulated clusters in this process: what `serve --demo` and `demo` start."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.life.cluster_life import ClusterLife
from app.simulator.life.incidents import IncidentIntervals
from app.simulator.seed.cluster_seed import ClusterPlan, cluster_objects
from app.yamltext import dump

_APPS = frozenset({"shop", "payments", "platform"})
_EVERY_DAY = _APPS | {"monitoring", "ingress-nginx", "cert-manager"}
_DATA = frozenset({"data", "monitoring", "cert-manager"})
_EDGE = frozenset({"shop", "monitoring"})

# The first of a fleet; whoever wants more gets shops at the edge, numbered.
_FIRST: tuple[ClusterPlan, ...] = (
    ClusterPlan("prod-eu", region="eu-central-1", nodes=6, scale=1.3),
    ClusterPlan("prod-us", region="us-east-1", nodes=5, scale=1.0, namespaces=_EVERY_DAY),
    ClusterPlan("staging", region="eu-central-1", nodes=3, scale=0.5),
    ClusterPlan("prod-ap", region="ap-southeast-1", nodes=4, scale=0.7, namespaces=_EVERY_DAY),
    ClusterPlan("dev", region="eu-west-1", nodes=2, scale=0.4, namespaces=_APPS),
    ClusterPlan("analytics", region="eu-west-1", nodes=4, namespaces=_DATA),
)
_CITIES = ("berlin", "paris", "madrid", "milan", "vienna", "warsaw", "dublin", "lisbon", "oslo", "zurich")


def cluster_plans(count: int, seed: int = 0) -> list[ClusterPlan]:
    """Return the plans of so many clusters. A cluster's plan does not depend on how many there are. Raises
    ValueError."""
    if count < 1:
        raise ValueError(f"count is {count}: a demonstration needs 1 cluster or more")
    chosen: list[ClusterPlan] = []
    for number in range(count):
        if number < len(_FIRST):
            plan = _FIRST[number]
        else:
            lap, city = divmod(number - len(_FIRST), len(_CITIES))
            name = f"edge-{_CITIES[city]}-{lap + 1}"
            troubled = number % 4 == 0
            plan = ClusterPlan(
                name, region="eu-west-1", nodes=2, scale=0.4, namespaces=_EDGE, troubled=troubled
            )
        chosen.append(msgspec.structs.replace(plan, seed=seed))
    return chosen


def kubeconfig(servers: Iterable[tuple[str, str, str | None]]) -> dict[str, Any]:
    """Return a kubeconfig with one context for each (name, URL, bearer token or None); the first is the
    current one."""
    listed = list(servers)
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": listed[0][0] if listed else "",
        "clusters": [{"name": name, "cluster": {"server": url}} for name, url, _ in listed],
        "users": [{"name": name, "user": {"token": token} if token else {}} for name, _, token in listed],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name, _, _ in listed],
    }


class SimulatedFleet(msgspec.Struct, frozen=True):
    """The clusters that are being served. path: the kubeconfig as a file that only this user can read."""

    clusters: tuple[SimulatedCluster, ...]
    lives: tuple[ClusterLife, ...]
    kubeconfig: dict[str, Any]
    path: Path


@asynccontextmanager
async def run_demo(
    count: int = 3, seed: int = 0, *, speed: float = 1.0, living: bool = True, tokens: bool = True
) -> AsyncIterator[SimulatedFleet]:
    """Serve that many simulated clusters on free loopback ports for as long as the context is open.

    seed: makes the same clusters with the same history again. speed: how many times faster than usual they
    live. living: False for clusters in which nothing happens at all. tokens: False for clusters that anyone
    on this machine may use, kubectl among them, which sends no token over plain HTTP.
    """
    async with AsyncExitStack() as stack:
        clusters: list[SimulatedCluster] = []
        lives: list[ClusterLife] = []
        servers: list[tuple[str, str, str | None]] = []
        for plan in cluster_plans(count, seed):
            token = secrets.token_urlsafe(24) if tokens else None
            cluster = SimulatedCluster(plan.name, token=token, seed=plan.seed)
            cluster.storage.plant(cluster_objects(plan, datetime.now(UTC)))
            await cluster.start()
            stack.push_async_callback(cluster.stop)
            if living:
                life = ClusterLife(
                    cluster.storage, seed=f"{plan.name}/{seed}", incidents=IncidentIntervals(), speed=speed
                )
                life.start()
                stack.callback(life.stop)
                lives.append(life)
            clusters.append(cluster)
            servers.append((plan.name, cluster.url, token))
        config = kubeconfig(servers)
        path = _write(config)
        stack.callback(path.unlink, missing_ok=True)
        yield SimulatedFleet(tuple(clusters), tuple(lives), config, path)


def _write(config: dict[str, Any]) -> Path:
    # mkstemp makes it with mode 0600, before anything is in it.
    handle, name = tempfile.mkstemp(prefix="k8s-mcp-demo-", suffix=".kubeconfig")
    with os.fdopen(handle, "wb") as file:
        file.write(dump(config))
    return Path(name)
