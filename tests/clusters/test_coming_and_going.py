"""Clusters that come, change and go, that are down, hang or forbid: each says so, and none hurts another."""

import time
from pathlib import Path

import pytest

from app.fleet.fleet import UnknownCluster
from app.kube.discovery.resource_names import UnknownResource
from app.simulator.apiserver.accounts import Account
from app.simulator.apiserver.faults import Fault
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.builders import SIZE_COLUMN, pod, widget, widget_crd
from tests.clusters.fleets import Servers, held, states, until, watched, write


async def test_a_kubeconfig_that_changes_is_followed(serve: Servers, tmp_path: Path) -> None:
    one, two, three = await serve("a"), await serve("b"), await serve("c")
    config = tmp_path / "config"
    write(config, east=one.url, west=two.url)
    async with watched(config) as fleet:
        await until(lambda: held(fleet) == {"east": {"a"}, "west": {"b"}})
        kept = fleet.clusters["east"]
        write(config, east=one.url, north=three.url)
        await until(lambda: held(fleet) == {"east": {"a"}, "north": {"c"}})
        assert fleet.clusters["east"] is kept
        write(config, east=three.url)
        await until(lambda: held(fleet) == {"east": {"c"}})
        with pytest.raises(UnknownCluster, match="no cluster 'north'; there is east"):
            fleet.chosen(["north"])
        with pytest.raises(UnknownCluster, match=r"no cluster 'eat'; did you mean east\?"):
            fleet.chosen(["eat"])


async def test_a_kubeconfig_that_is_broken_for_a_while_changes_nothing(
    serve: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await serve("a"), await serve("b")
    config = tmp_path / "config"
    write(config, east=one.url)
    async with watched(config) as fleet:
        await until(lambda: held(fleet) == {"east": {"a"}})
        config.write_text("clusters: [")
        await until(lambda: "kubeconfig not taken over" in caplog.text)
        assert held(fleet) == {"east": {"a"}}
        write(config, west=two.url)
        await until(lambda: held(fleet) == {"west": {"b"}})


async def test_one_that_hangs_and_one_that_is_down_hurt_nobody(
    serve: Servers, tmp_path: Path, hung: str
) -> None:
    well, down = await serve("a"), await serve("b")
    await down.stop()
    write(tmp_path / "config", well=well.url, down=down.url, hung=hung)
    async with watched(tmp_path / "config") as fleet:
        await until(lambda: states(fleet) == {"well": "synced", "down": "unreachable", "hung": "unreachable"})
        problems = {status.name: status.error for status in fleet.coverage("pods").statuses()}
        assert problems["well"] is None
        assert "refused" in str(problems["down"])
        began = time.monotonic()
        await fleet.coverage("pods").ready(10)
        assert time.monotonic() - began < 2
        await down.start()
        await until(lambda: held(fleet)["down"] == {"b"})
        assert states(fleet)["down"] == "synced"


async def test_a_read_waits_for_what_has_just_begun_and_not_for_what_failed(
    serve: Servers, tmp_path: Path, hung: str
) -> None:
    cluster = await serve("a")
    write(tmp_path / "config", well=cluster.url, hung=hung)
    async with watched(tmp_path / "config") as fleet:
        coverage = fleet.coverage("pods", fleet.chosen(["well"]))
        await coverage.ready(10)
        assert held(fleet)["well"] == {"a"}
        began = time.monotonic()
        await fleet.coverage("pods", fleet.chosen(["hung"])).ready(0.2)
        assert time.monotonic() - began < 0.8


async def test_an_api_server_that_goes_shows_with_its_age_and_keeps_its_objects(
    serve: Servers, tmp_path: Path
) -> None:
    cluster = await serve("a")
    write(tmp_path / "config", c=cluster.url)
    async with watched(tmp_path / "config") as fleet:
        await until(lambda: states(fleet) == {"c": "synced"})
        live = fleet.coverage("pods").statuses()[0].since
        await cluster.stop()
        await until(lambda: states(fleet) == {"c": "unreachable"})
        assert held(fleet) == {"c": {"a"}}
        assert fleet.coverage("pods").statuses()[0].since >= live
        assert fleet.clusters["c"].condition.state == "unreachable"
        cluster.storage.create(pod("b"))
        await cluster.start()
        await until(lambda: held(fleet) == {"c": {"a", "b"}} and states(fleet) == {"c": "synced"})


async def test_a_resource_that_is_forbidden_empties_and_returns(serve: Servers, tmp_path: Path) -> None:
    cluster = await serve("a")
    write(tmp_path / "config", c=cluster.url)
    async with watched(tmp_path / "config", watch=("pods", "nodes")) as fleet:
        await until(lambda: held(fleet) == {"c": {"a"}})
        cluster.accounts["t"] = Account("alice", denied=frozenset({"pods"}))
        cluster.faults.strike(Fault.ABORT)
        await until(lambda: states(fleet) == {"c": "forbidden"})
        assert held(fleet) == {"c": set()}
        assert "alice" in str(fleet.coverage("pods").statuses()[0].error)
        # The others of that cluster speak for it.
        assert fleet.clusters["c"].condition.state == "synced"


async def test_an_account_of_two_namespaces_sees_those(serve: Servers, tmp_path: Path) -> None:
    cluster = await serve("a")
    cluster.storage.create(pod("b", "shop"))
    cluster.storage.create(pod("c", "secret"))
    cluster.accounts["t"] = Account("alice", namespaces=frozenset({"default", "shop"}))
    write(tmp_path / "config", c=cluster.url)
    async with watched(tmp_path / "config", namespaces={"c": ["default", "shop"]}) as fleet:
        await until(lambda: states(fleet) == {"c": "synced"})
        assert held(fleet) == {"c": {"a", "b"}}
        cluster.storage.create(pod("d", "shop"))
        await until(lambda: held(fleet) == {"c": {"a", "b", "d"}})


async def test_a_definition_made_later_is_served_and_its_removal_empties_it(
    serve: Servers, tmp_path: Path
) -> None:
    one, two = await serve(), await serve()
    write(tmp_path / "config", one=one.url, two=two.url)
    widgets = widget_crd(SIZE_COLUMN, short_names=["wd"])
    async with watched(tmp_path / "config") as fleet:
        await until(lambda: set(states(fleet).values()) == {"synced"})
        with pytest.raises(UnknownResource):
            fleet.coverage("widgets")
        one.storage.create(widgets)
        await until(
            lambda: "widgets.example.com" in {r.name for r in fleet.clusters["one"].catalog.resources}
        )
        one.storage.create(widget("w"))
        await until(lambda: held(fleet, "wd") == {"one": {"w"}, "two": set()})
        assert states(fleet, "wd") == {"one": "synced", "two": "synced"}
        resource = fleet.coverage("wd").resource
        assert fleet.clusters["one"].definitions.columns(resource) == [SIZE_COLUMN]
        two.storage.create(widgets)
        two.storage.create(widget("v"))
        await until(lambda: held(fleet, "wd") == {"one": {"w"}, "two": {"v"}})
        one.storage.remove(widgets)
        await until(lambda: held(fleet, "wd") == {"one": set(), "two": {"v"}})
        two.storage.remove(widgets)

        def unknown() -> bool:
            try:
                fleet.coverage("wd")
            except UnknownResource:
                return True
            return False

        await until(unknown)


async def test_what_nobody_asks_for_is_let_go_and_taken_up_again(serve: Servers, tmp_path: Path) -> None:
    cluster = await serve("a")
    write(tmp_path / "config", c=cluster.url)
    async with watched(tmp_path / "config", release_after=0.3) as fleet:
        everything = {"c": {"kube-system"}}
        await until(lambda: held(fleet, "namespaces") == everything and len(cluster.storage.watchers) == 3)
        watches = fleet.clusters["c"].watches
        await until(lambda: {watch.resource.name for watch in watches} == {"pods"})
        await until(lambda: len(cluster.storage.watchers) == 2)
        await until(lambda: held(fleet, "namespaces") == {"c": {"kube-system"}})


async def test_another_cluster_under_the_old_address_is_listed_anew(serve: Servers, tmp_path: Path) -> None:
    first, second = await serve("a"), SimulatedCluster(token="t")
    second.storage.plant(
        {**obj, "metadata": {**obj["metadata"], "uid": f"other-{number}"}}
        for number, obj in enumerate([*first.storage.objects()])
    )
    write(tmp_path / "config", c=first.url)
    async with watched(tmp_path / "config") as fleet:
        await until(lambda: held(fleet) == {"c": {"a"}})
        was = fleet.clusters["c"].identity
        await first.stop()
        second._port = first._port
        async with second:
            await until(lambda: fleet.clusters["c"].identity != was)
            key = "default\0a"
            await until(lambda: str(fleet.coverage("pods").stores[0].get(key).uid).startswith("other"))  # type: ignore[union-attr]


async def test_a_fleet_of_none_answers(tmp_path: Path) -> None:
    write(tmp_path / "config", gone="http://127.0.0.1:1")
    async with watched(tmp_path / "config") as fleet:
        write(tmp_path / "config")
        await until(lambda: held(fleet) == {})
        assert fleet.coverage("deploy").resource.name == "deployments.apps"
