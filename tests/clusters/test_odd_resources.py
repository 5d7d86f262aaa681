"""A resource that fails alone says so for itself, and its cluster is what most of it is."""

from pathlib import Path

import pytest

from app.fleet.watch_status import Condition, overall
from app.simulator.apiserver.faults import Fault
from tests.builders import pod, widget, widget_crd
from tests.clusters.fleets import Servers, held, states, until, watched, write

WATCH = ("pods", "namespaces", "nodes")


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.UNAVAILABLE, Fault.GARBAGE, Fault.ABORT, Fault.GONE])
async def test_resource_that_cannot_be_listed_leaves_its_cluster_synced(
    serve: Servers, tmp_path: Path, fault: Fault
) -> None:
    cluster = await serve("a")
    cluster.storage.create(widget_crd())
    cluster.storage.create(widget("w"))
    cluster.faults.add(fault, resource="widgets.example.com")
    write(tmp_path / "config", c=cluster.url)
    async with watched(tmp_path / "config", watch=(*WATCH, "widgets.example.com")) as fleet:
        await until(lambda: states(fleet) == {"c": "synced"})
        await until(lambda: states(fleet, "widgets") == {"c": "unreachable"})
        condition = fleet.clusters["c"].condition
        assert condition.state == "synced"
        assert str(condition.error).startswith("widgets.example.com is unreachable: ")
        cluster.faults.clear()
        fleet.clusters["c"].watches.wake()
        await until(lambda: held(fleet, "widgets") == {"c": {"w"}})
        await until(lambda: fleet.clusters["c"].condition.error is None)


async def test_resource_that_fails_later_leaves_its_cluster_synced(serve: Servers, tmp_path: Path) -> None:
    cluster = await serve("a")
    write(tmp_path / "config", c=cluster.url)
    async with watched(tmp_path / "config", watch=WATCH) as fleet:
        await until(lambda: states(fleet) == {"c": "synced"} and states(fleet, "nodes") == {"c": "synced"})
        cluster.faults.add(Fault.ERROR, resource="pods")
        cluster.faults.strike(Fault.DROP)
        await until(lambda: states(fleet) == {"c": "stale"})
        await until(lambda: states(fleet, "nodes") == {"c": "synced"})
        assert held(fleet) == {"c": {"a"}}
        condition = fleet.clusters["c"].condition
        assert condition.state == "synced"
        assert str(condition.error).startswith("pods is stale: 500 ")


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.FORBIDDEN, Fault.UNAVAILABLE, Fault.GARBAGE])
async def test_resource_that_can_be_listed_but_not_watched_is_stale_and_polled(
    serve: Servers, tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.kube.recovery.FORBIDDEN_SECONDS", 0.1)
    cluster = await serve("a")
    cluster.faults.add(fault, verb="watch", resource="pods")
    write(tmp_path / "config", c=cluster.url)
    seen = []
    async with watched(tmp_path / "config", watch=WATCH) as fleet:
        await until(lambda: str(fleet.coverage("pods").statuses()[0].error).startswith("cannot be watched: "))
        fleet.listeners.append(lambda name: seen.append(states(fleet)["c"]))
        assert states(fleet) == {"c": "stale"}
        assert held(fleet) == {"c": {"a"}}
        assert fleet.clusters["c"].condition.state == "synced"
        cluster.storage.create(pod("b"))
        await until(lambda: held(fleet) == {"c": {"a", "b"}}, seconds=20)
        assert set(seen) <= {"stale"}
        cluster.faults.clear()
        await until(lambda: states(fleet) == {"c": "synced"}, seconds=20)


@pytest.mark.parametrize("fault", [Fault.FORBIDDEN, Fault.ERROR, Fault.GARBAGE])
@pytest.mark.parametrize("path", ["/version", "/apis", "/api"])
async def test_cluster_that_refuses_to_say_what_it_is_is_served(
    serve: Servers, tmp_path: Path, path: str, fault: Fault
) -> None:
    cluster = await serve("a")
    cluster.faults.add(fault, resource=path)
    write(tmp_path / "config", c=cluster.url)
    async with watched(tmp_path / "config", watch=("pods", "deployments")) as fleet:
        await until(lambda: states(fleet) == {"c": "synced"})
        await until(lambda: states(fleet, "deployments") == {"c": "synced"})
        assert held(fleet) == {"c": {"a"}}
        assert fleet.clusters["c"].condition.state == "synced"
        said = [problem for problem in fleet.clusters["c"].problems if problem.startswith(f"{path}: ")]
        assert len(said) == 1
        cluster.faults.clear()
        fleet.clusters["c"].resource_gone()
        await until(lambda: not fleet.clusters["c"].problems)


async def test_discovery_that_breaks_later_is_said_and_not_frozen(serve: Servers, tmp_path: Path) -> None:
    cluster = await serve("a")
    write(tmp_path / "config", c=cluster.url)
    async with watched(tmp_path / "config") as fleet:
        await until(lambda: states(fleet) == {"c": "synced"})
        for path in ("/api", "/apis"):
            cluster.faults.add(Fault.ERROR, resource=path)
        fleet.clusters["c"].resource_gone()
        await until(lambda: any("500" in problem for problem in fleet.clusters["c"].problems))
        assert states(fleet) == {"c": "synced"}
        cluster.faults.clear()
        fleet.clusters["c"].resource_gone()
        await until(lambda: not fleet.clusters["c"].problems)


def test_cluster_is_what_most_of_it_is() -> None:
    fine, broken = Condition("synced", 5), Condition("stale", 3, "500 no")
    forbidden = Condition("forbidden", 1, "403 no")
    assert overall({"a": fine, "b": fine, "c": broken}) == Condition("synced", 5, "c is stale: 500 no")
    assert overall({"a": fine, "b": broken, "c": broken}) == broken
    assert overall({"a": broken}) == broken
    assert overall({"a": fine, "b": forbidden, "c": forbidden}) == fine
    assert overall({"a": forbidden}) == forbidden
    many = overall(dict.fromkeys("abcde", broken) | dict.fromkeys("vwxyz", fine))
    assert str(many.error).endswith("c is stale: 500 no; and 2 more")
