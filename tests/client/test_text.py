"""Lists as text."""

from app.client import AsyncFleet
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.builders import pod


async def test_a_list_as_kubectl_prints_it(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    prod.storage.create(pod("web-1"))
    prod.storage.create(pod("web-2", "shop"))

    while (await fleet.text("pods", "name", cluster="prod")).count("\n") < 2:
        pass
    table = await fleet.text("pods", cluster="prod", namespace="shop")
    assert [line.split()[:3] for line in table.splitlines()] == [
        ["CLUSTER", "NAMESPACE", "NAME"],
        ["prod", "shop", "web-2"],
    ]
    assert table.behind == {}


async def test_it_says_which_clusters_are_not_synced(fleet: AsyncFleet, prod: SimulatedCluster) -> None:
    await prod.stop()
    while not (text := await fleet.text("pods", "name")).behind:
        pass
    assert text.behind.keys() == {"prod"}
