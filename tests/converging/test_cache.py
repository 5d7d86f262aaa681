"""Whatever happens to a cluster and to the way there: after a quiet moment the cache holds the truth.

Each run is a history of changes and faults made from a seed, so that a failure repeats:
``pytest tests/converging -k 'cache and [17]'``. ``K8S_MCP_TEST_RUNS`` makes more of them.
"""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.simulated_fleet import kubeconfig
from bench.testbed.cluster_history import QUIET_SECONDS, RESOURCES, RUNS, STEPS, History, truth
from tests.builders import namespace
from tests.converging.hurry import hurry


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def held(fleet: Fleet, plural: str) -> dict[str, tuple[str, int]]:
    return {
        f"{found.namespace}/{found.name}": (found.uid, found.version)
        for store in fleet.coverage(plural).stores
        for found in store.select()
    }


def differences(fleet: Fleet, cluster: SimulatedCluster) -> Iterator[str]:
    for plural in RESOURCES:
        for status in fleet.coverage(plural).statuses():
            if status.state != "synced":
                yield f"{plural} {status.state}: {status.error}"
        is_held, is_true = held(fleet, plural), truth(cluster, plural)
        for key in sorted(is_held.keys() | is_true.keys()):
            if is_held.get(key) != is_true.get(key):
                yield f"{plural} {key}: held {is_held.get(key)}, true {is_true.get(key)}"


@pytest.mark.parametrize("seed", range(RUNS))
async def test_after_a_quiet_moment_the_cache_holds_the_truth(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    cluster = SimulatedCluster(token="t", seed=seed, history=rng.choice((20, 10_000)))
    cluster.storage.create(namespace("kube-system"))
    history = History(cluster, rng)
    history.change()
    await cluster.start()
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig([("c", cluster.url, "t")])))
    options = ClusterOptions(watch=RESOURCES, release_after=600, managed_fields=False, secret_values=False)
    fleet = Fleet(options, [path])
    await fleet.start()
    try:
        for _ in range(3):
            for _ in range(rng.randrange(STEPS)):
                await history.step()
            history.settle()
            await quiet(fleet, cluster, history)
    finally:
        await fleet.close()
        await cluster.stop()


async def quiet(fleet: Fleet, cluster: SimulatedCluster, history: History) -> None:
    """Wait until nothing differs any more."""
    deadline = asyncio.get_running_loop().time() + QUIET_SECONDS
    while wrong := [*differences(fleet, cluster)]:
        assert asyncio.get_running_loop().time() < deadline, f"{wrong} after {history.told}"
        await asyncio.sleep(0.01)
