"""The logs of simulated pods, as clients ask for them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from app.simulator.apiserver import served_logs
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.builders import pod


def _state(name: str, seconds: float = 600, *, ended: bool = False) -> dict[str, Any]:
    """The status of a container that was started so many seconds ago."""
    started = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    state: dict[str, Any] = {"running": {"startedAt": started}}
    if ended:
        finished = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        state = {"terminated": {"startedAt": started, "finishedAt": finished, "exitCode": 0}}
    return {"name": name, "state": state}


@pytest.fixture
async def cluster() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster() as cluster:
        one = pod("one")
        cluster.storage.create({**one, "status": {"containerStatuses": [_state("main")]}})
        two = pod("two")
        two["spec"]["containers"].append({"name": "side", "image": "envoy"})
        statuses = {"containerStatuses": [_state("main"), _state("side", ended=True)]}
        cluster.storage.create({**two, "status": statuses})
        cluster.storage.create(pod("new"))
        yield cluster


async def _log(cluster: SimulatedCluster, name: str, **query: str) -> tuple[int, str]:
    path = f"{cluster.url}/api/v1/namespaces/default/pods/{name}/log"
    timeout = aiohttp.ClientTimeout(total=20)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(path, params=query) as answer,
    ):
        if answer.status != 200:
            return answer.status, (await answer.json())["message"]
        assert answer.content_type == "text/plain"
        return answer.status, await answer.text()


async def test_the_whole_log_its_end_and_its_recent_part(cluster: SimulatedCluster) -> None:
    _, whole = await _log(cluster, "one")
    lines = whole.splitlines()
    assert len(lines) > 50
    _, tail = await _log(cluster, "one", tailLines="3")
    assert len(tail.splitlines()) == 3
    assert set(tail.splitlines()) - set(lines) <= {tail.splitlines()[-1]}, "the same lines, perhaps a new one"
    _, recent = await _log(cluster, "one", sinceSeconds="60")
    assert 0 < len(recent.splitlines()) < len(lines) / 2
    _, stamped = await _log(cluster, "one", tailLines="1", timestamps="true")
    assert datetime.fromisoformat(stamped.split()[0]) < datetime.now(UTC)


async def test_a_log_is_of_one_container(cluster: SimulatedCluster) -> None:
    assert await _log(cluster, "two") == (
        400,
        "a container name must be specified for pod two, choose one of: [main side]",
    )
    assert await _log(cluster, "two", container="none") == (400, "container none is not valid for pod two")
    _, main = await _log(cluster, "two", container="main", tailLines="5")
    _, side = await _log(cluster, "two", container="side", tailLines="5")
    assert main != side


async def test_lines_from_a_moment_on_and_of_any_kind_of_container(cluster: SimulatedCluster) -> None:
    _, stamped = await _log(cluster, "one", timestamps="true")
    last = stamped.splitlines()[-5].split()[0]
    _, later = await _log(cluster, "one", timestamps="true", sinceTime=f"{last[:19]}Z")
    assert later.splitlines()[-5:][0].split()[0] >= last[:19]
    assert 5 <= len(later.splitlines()) < len(stamped.splitlines())
    assert (await _log(cluster, "one", sinceTime="noon"))[0] == 400

    more = pod("more")
    more["spec"]["initContainers"] = [{"name": "prepare", "image": "i"}]
    more["spec"]["ephemeralContainers"] = [{"name": "look", "image": "i"}]
    statuses = {
        "containerStatuses": [_state("main")],
        "initContainerStatuses": [_state("prepare", ended=True)],
        "ephemeralContainerStatuses": [_state("look")],
    }
    cluster.storage.create({**more, "status": statuses})
    texts = [await _log(cluster, "more", container=name) for name in ("main", "prepare", "look")]
    assert [status for status, _ in texts] == [200, 200, 200]
    assert len({text for _, text in texts}) == 3
    assert (await _log(cluster, "more", tailLines="1"))[0] == 200


@pytest.mark.parametrize(
    ("name", "query", "status", "message"),
    [
        ("new", {}, 400, 'container "main" in pod "new" is waiting to start'),
        ("one", {"previous": "true"}, 400, 'previous terminated container "main" in pod "one" not found'),
        ("one", {"tailLines": "many"}, 400, 'tailLines: invalid value "many"'),
        ("none", {}, 404, 'pods "none" not found'),
    ],
)
async def test_a_log_that_is_not_there(
    cluster: SimulatedCluster, name: str, query: dict[str, str], status: int, message: str
) -> None:
    answered, told = await _log(cluster, name, **query)
    assert answered == status
    assert told.startswith(message)


async def test_a_log_is_followed_until_its_container_ends(
    cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_logs, "FOLLOW_SECONDS", 0.01)
    status, ended = await _log(cluster, "two", container="side", follow="true", tailLines="2")
    assert (status, len(ended.splitlines())) == (200, 2)

    following = asyncio.ensure_future(_log(cluster, "one", follow="true", tailLines="0"))
    await asyncio.wait({following}, timeout=0.1)
    assert not following.done()
    stored = cluster.storage.collection("pods")["default", "one"].obj
    cluster.storage.remove(stored)
    assert (await following)[0] == 200
