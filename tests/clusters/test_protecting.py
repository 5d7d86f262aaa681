"""What settings by a cluster's name cover: every cluster that is meant, whatever becomes of the files."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.fleet import fleet as fleet_module
from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.kube.api_errors import AccessError
from app.kube.auth import kubeconfig_files
from app.simulator.simulated_fleet import run_demo


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "LOOK_SECONDS", 0.02)
    for name in ("SETTLED_SECONDS", "REMOVED_SECONDS", "DOUBTED_SECONDS"):
        monkeypatch.setattr(kubeconfig_files, name, 0.04)


def write(path: Path, *names: str, server: str = "http://127.0.0.1:1") -> Path:
    document = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": name, "context": {"cluster": "c"}} for name in names],
    }
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump(document, sort_keys=False))
    os.replace(new, path)
    return path


@asynccontextmanager
async def watched(
    *paths: Path,
    read_only: Sequence[str] = (),
    chosen: Sequence[str] = (),
    namespaces: dict[str, list[str]] | None = None,
    watch: tuple[str, ...] = (),
) -> AsyncIterator[Fleet]:
    options = ClusterOptions(watch=watch, release_after=600, managed_fields=False, secret_values=False)
    fleet = Fleet(options, paths, chosen, namespaces, read_only)
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.close()


def protected(fleet: Fleet) -> dict[str, bool]:
    """Whether nothing may be changed, by the context's own name."""
    return {cluster.context.context: name in fleet.protection for name, cluster in fleet.clusters.items()}


def names(fleet: Fleet) -> dict[str, str]:
    return {cluster.context.context: name for name, cluster in fleet.clusters.items()}


async def until(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("team/prod", {"team/prod"}),
        ("team-prod", {"team/prod", "team-prod"}),
        ("team-prod-2", {"team/prod", "team-prod"}),
        ("other", {"other"}),
        ("prod-2", {"prod-2"}),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
async def test_read_only_covers_all_that_a_name_may_mean(
    word: str, meant: set[str], turned: bool, tmp_path: Path
) -> None:
    contexts = ["team/prod", "team-prod", "other", "prod", "prod-2"]
    path = write(tmp_path / "config", *(reversed(contexts) if turned else contexts))
    async with watched(path, read_only=[word]) as fleet:
        assert {own for own, covered in protected(fleet).items() if covered} == meant


@pytest.mark.parametrize("setting", ["read_only", "namespaces", "chosen"])
async def test_a_name_that_no_kubeconfig_has_stops_the_start(setting: str, tmp_path: Path) -> None:
    path = write(tmp_path / "config", "team/prod", "staging")
    words: Any = {"prdo": ["a"]} if setting == "namespaces" else ["prdo"]
    with pytest.raises(AccessError) as caught:
        async with watched(path, **{setting: words}):
            pass
    said = str(caught.value)
    named = {"namespaces": "clusters", "chosen": "context"}.get(setting, setting)
    assert said.startswith(f"{named}: 'prdo' is in no kubeconfig; ")
    assert "team/prod" in said
    assert "\n" not in said


async def test_a_context_that_is_not_watched_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "config", "prod", "staging")
    async with watched(path, read_only=["prod"], chosen=["staging"]) as fleet:
        assert protected(fleet) == {"staging": False}


async def test_names_and_what_they_protect_do_not_move_when_files_change(tmp_path: Path) -> None:
    path = write(tmp_path / "config", "team/prod", "team-prod")
    async with watched(path, read_only=["team-prod-2"]) as fleet:
        assert names(fleet) == {"team/prod": "team-prod", "team-prod": "team-prod-2"}
        write(path, "team-prod")
        await until(lambda: names(fleet) == {"team-prod": "team-prod-2"})
        assert protected(fleet) == {"team-prod": True}
        write(path, "team:prod", "team-prod", "team/prod")
        await until(lambda: len(names(fleet)) == 3)
        assert names(fleet) == {
            "team/prod": "team-prod",
            "team-prod": "team-prod-2",
            "team:prod": "team-prod-3",
        }
        assert protected(fleet) == {"team/prod": True, "team-prod": True, "team:prod": True}


async def test_a_context_that_moves_to_another_file_keeps_its_name(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1", "a", "x"), write(tmp_path / "2", "b")
    async with watched(one, two, read_only=["a"]) as fleet:
        write(one, "x")
        await until(lambda: set(names(fleet)) == {"x", "b"})
        write(two, "a", "b")
        await until(lambda: names(fleet) == {"x": "x", "a": "a", "b": "b"})
        assert protected(fleet) == {"x": False, "a": True, "b": False}


async def test_what_is_renamed_stays_protected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "config", "prod", "staging")
    async with watched(path, read_only=["prod"]) as fleet:
        write(path, "production", "staging")
        await until(lambda: "production" in names(fleet))
        assert protected(fleet) == {"production": True, "staging": False}
        assert "read_only names what is in no kubeconfig any more" in caplog.text
        write(path, "staging")
        await until(lambda: "production" not in names(fleet))
        write(path, "staging", "production", "prod", "new")
        await until(lambda: "new" in names(fleet))
        assert protected(fleet) == {"prod": True, "production": True, "staging": False, "new": False}


async def test_settings_of_a_cluster_go_by_either_name(tmp_path: Path) -> None:
    path = write(tmp_path / "config", "team/prod", "team-prod", "team/dev")
    namespaces = {"team-prod": ["a"], "team/prod": ["b"], "team-dev": ["c"]}
    async with watched(path, namespaces=namespaces) as fleet:
        assert {
            cluster.context.context: cluster.options.namespaces for cluster in fleet.clusters.values()
        } == {"team/prod": ("b",), "team-prod": ("a",), "team/dev": ("c",)}


async def test_a_cluster_that_is_renamed_stays_restricted_to_its_namespaces(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "config", "prod", "other")

    def restricted(fleet: Fleet) -> dict[str, tuple[str, ...]]:
        return {name: tuple(cluster.options.namespaces) for name, cluster in fleet.clusters.items()}

    async with watched(path, namespaces={"prod": ["a", "b"]}) as fleet:
        assert restricted(fleet) == {"prod": ("a", "b"), "other": ()}
        write(path, "production", "other")
        await until(lambda: "production" in names(fleet))
        # Another context of the same server was never meant.
        assert restricted(fleet)["production"] == ("a", "b")
        assert restricted(fleet)["other"] == ()
        assert "clusters names what is in no kubeconfig any more" in caplog.text
        await until(lambda: "prod" not in names(fleet))
        write(path, "production", "other", "elsewhere", server="http://127.0.0.1:2")
        await until(lambda: "elsewhere" in names(fleet))
        assert restricted(fleet) == {"production": ("a", "b"), "other": (), "elsewhere": ()}


async def test_a_chosen_context_that_vanishes_goes_and_the_others_are_followed(tmp_path: Path) -> None:
    path = write(tmp_path / "config", "prod", "staging", "other")
    async with watched(path, chosen=["prod", "staging"]) as fleet:
        write(path, "staging", "other", server="http://127.0.0.1:2")
        await until(lambda: set(names(fleet)) == {"staging"})
        assert fleet.clusters["staging"].context.cluster["server"] == "http://127.0.0.1:2"


async def test_what_watch_names_and_no_cluster_serves_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("pods", "podz", "certificates")
    async with run_demo(2) as running, watched(running.path, watch=words) as fleet:
        await until(lambda: "watch names" in caplog.text)
        await asyncio.sleep(0.1)
        states = {cluster.condition.state for cluster in fleet.clusters.values()}
    warned = [record for record in caplog.records if record.message.startswith("watch names")]
    assert [(record.levelno, record.watch) for record in warned] == [(logging.WARNING, "podz")]  # type: ignore[attr-defined]
    assert "near to it are pods" in warned[0].error  # type: ignore[attr-defined]
    assert "unreachable" not in states
