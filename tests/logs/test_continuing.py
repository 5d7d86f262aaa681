"""A followed log is gone on with after its connection broke: nothing is lost, nothing comes twice."""

import asyncio
from pathlib import Path

import pytest

from app.api.http.app_keys import FLEET
from bench.testbed.control_plane import BASIC, ControlPlane
from tests.kubernetes.binaries import assets
from tests.logs.conftest import Client, following, serving
from tests.logs.kubelet import Kubelet, Run, now

POD = "/pods/web-1/logs"


async def test_a_pod_is_followed_through_broken_connections(client: Client, kubelet: Kubelet) -> None:
    kubelet.run("web-1", "main")
    kubelet.say("web-1", "main", f"{now(30)} old", f"{now()} one")
    async with following(client, POD, tailLines="1") as log:
        assert await log.until("one") == ["one"]
        for number in range(3):
            kubelet.say("web-1", "main", f"{now()} said {number}")
            await log.until(f"said {number}")
            kubelet.cut()
            kubelet.say("web-1", "main", f"{now()} unheard {number}")
            await log.until(f"unheard {number}")
        assert log.lines == ["one", *(f"{word} {n}" for n in range(3) for word in ("said", "unheard"))]
        assert "X-Log-Prefix" not in log.answer.headers
    first, *retries = kubelet.asked
    assert first["tailLines"] == "1"
    assert all("tailLines" not in query and "sinceTime" in query for query in retries)


async def test_lines_of_one_second_are_counted_where_their_times_are_equal(
    client: Client, kubelet: Kubelet
) -> None:
    kubelet.run("web-1", "main")
    moment = "2026-11-23T18:00:07+08:00"
    kubelet.say("web-1", "main", *(f"{moment} {word}" for word in ("a", "b", "c", "d", "d")))
    async with following(client, POD, tailLines="3") as log:
        assert len(await log.until("c")) == 1
        while len(log.lines) < 3:
            await log.until("d")
            log.lines.append((await log.answer.content.readline()).decode().strip())
        kubelet.cut()
        kubelet.say("web-1", "main", f"{moment} d", f"{moment} e", "2026-11-23T18:00:07.5+08:00 f")
        await log.until("f")
        kubelet.cut()
        kubelet.say("web-1", "main", "2026-11-23T18:00:08.123456789+08:00 g")
        assert await log.until("g") == ["c", "d", "d", "d", "e", "f", "g"]
    # In whole seconds, as API servers ask kubelets, and with what another stream may have been late with.
    assert [query.get("sinceTime") for query in kubelet.asked] == [
        None,
        "2026-11-23T10:00:06Z",
        "2026-11-23T10:00:06Z",
    ]


async def test_a_line_that_broke_off_comes_whole_and_once(client: Client, kubelet: Kubelet) -> None:
    kubelet.run("web-1", "main")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD) as log:
        await log.until("one")
        stamp = now()
        kubelet.runs["web-1", "main"][-1].rest = f"{stamp} half of"
        await asyncio.sleep(0.3)
        kubelet.cut()
        kubelet.say("web-1", "main", f"{stamp} half of it", f"{now()} two")
        assert await log.until("two") == ["one", "half of it", "two"]


async def test_a_line_longer_than_any_is_gone_on_with_in_its_middle(client: Client, kubelet: Kubelet) -> None:
    kubelet.run("web-1", "main")
    stamp = now()
    whole = "".join(f"{number:07} " for number in range(100_000))
    kubelet.runs["web-1", "main"][-1].rest = f"{stamp} {whole[:500_000]}"
    async with following(client, POD) as log:
        begun = await log.answer.content.readexactly(200_000)
        kubelet.cut()
        kubelet.say("web-1", "main", f"{stamp} {whole}", f"{now()} next")
        text = begun
        while not text.endswith(b"next\n"):
            text += await log.answer.content.readany()
    assert text.decode() == f"{whole}\nnext\n"


async def test_lines_without_a_time_keep_their_place_and_come_once(client: Client, kubelet: Kubelet) -> None:
    kubelet.run("web-1", "main")
    kubelet.say("web-1", "main", "no time at all", f"{now()} one", "    at two", "    at three")
    async with following(client, POD) as log:
        await log.until("three")
        kubelet.cut()
        kubelet.say("web-1", "main", "    at four", f"{now()} five")
        await log.until("five")
        assert [line.strip() for line in log.lines] == [
            "no time at all",
            "one",
            "at two",
            "at three",
            "at four",
            "five",
        ]


async def test_what_a_run_wrote_before_its_end_is_fetched_from_the_previous_log(
    client: Client, kubelet: Kubelet
) -> None:
    kubelet.run("web-1", "main")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD) as log:
        await log.until("one")
        kubelet.cut()
        kubelet.say("web-1", "main", f"{now()} last words")
        kubelet.runs["web-1", "main"][-1].has_ended = True
        kubelet.runs["web-1", "main"].append(Run([f"{now()} started again"]))
        assert await log.until("again") == ["one", "last words", "started again"]


async def test_a_log_that_is_not_there_any_more_is_told(client: Client, kubelet: Kubelet) -> None:
    kubelet.run("web-1", "main")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD) as log:
        await log.until("one")
        kubelet.cut()
        kubelet.runs["web-1", "main"] = [Run([f"{now()} of a new file"])]
        lines = await log.until("new file")
    assert lines == [
        "one",
        "(interrupted: lines may be missing here: what was sent last is not in the log any more)",
        "of a new file",
    ]


@pytest.mark.parametrize("limit", [{"tailLines": "0"}, {"sinceSeconds": "5"}, {"tailLines": "2"}])
async def test_what_is_wanted_of_the_past_does_not_limit_what_comes_after_a_break(
    client: Client, kubelet: Kubelet, limit: dict[str, str]
) -> None:
    kubelet.run("web-1", "main")
    if limit != {"tailLines": "2"}:
        kubelet.say("web-1", "main", f"{now(60)} old")
    async with following(client, POD, **limit) as log:
        kubelet.cut()
        kubelet.say("web-1", "main", *(f"{now()} said {number}" for number in range(5)))
        assert await log.until("said 4") == [f"said {number}" for number in range(5)]


async def test_why_it_cannot_be_gone_on_with_is_told_once_and_then_it_is(
    client: Client, kubelet: Kubelet
) -> None:
    kubelet.run("web-1", "main", "side")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD) as log:
        await log.until("one")
        kubelet.refuses = True
        kubelet.cut()
        await log.until("[plane/web-1/main] (interrupted: ")
        await asyncio.sleep(1)
        kubelet.say("web-1", "main", f"{now()} two")
        kubelet.refuses = False
        lines = [line for line in await log.until("two") if "/main]" in line]
    assert [line.partition("] ")[2][:13] for line in lines] == ["one", "(interrupted:", "two"]
    assert "the kubelet is not well" in lines[1]


async def test_a_restart_of_the_api_server_loses_and_repeats_nothing(tmp_path: Path) -> None:
    async with (
        ControlPlane(assets(*BASIC)) as plane,
        Kubelet(plane) as kubelet,
        serving(plane, tmp_path) as client,
    ):
        kubelet.run("web-1", "main")
        kubelet.say("web-1", "main", f"{now()} one", f"{now()} two")
        async with following(client, POD, tailLines="1") as log:
            await log.until("two")
            await asyncio.to_thread(plane.kill_apiserver)
            kubelet.say("web-1", "main", *(f"{now()} unheard {number}" for number in range(100)))
            await asyncio.to_thread(plane.start_apiserver)
            lines = await log.until("unheard 99")
        assert [line for line in lines if not line.startswith("(interrupted: ")] == [
            "two",
            *(f"unheard {number}" for number in range(100)),
        ]


async def test_a_container_is_read_as_soon_as_it_starts(
    client: Client, kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.podlogs.log_reader.RETRY_SECONDS", 60)
    monkeypatch.setattr("app.podlogs.log_reader.RETRY_AT_MOST_SECONDS", 60)
    kubelet.run("web-1", "main", "side")
    waiting = {"waiting": {"reason": "PodInitializing"}}
    kubelet.state("web-1", "Pending", {"main": waiting, "side": waiting})
    kubelet.refuses = True
    async with following(client, POD) as log:
        await log.until("side] (no log: ")
        kubelet.refuses = False
        kubelet.say("web-1", "main", f"{now()} started")
        kubelet.state("web-1", "Running", {"main": {"running": {"startedAt": now()}}, "side": waiting})
        async with asyncio.timeout(10):
            assert "[plane/web-1/main] started" in await log.until("started")


async def test_a_cluster_that_is_not_watched_any_more_is_told(client: Client, kubelet: Kubelet) -> None:
    kubelet.run("web-1", "main")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD) as log:
        await log.until("one")
        await client.app[FLEET].clusters["plane"].close()
        lines = await log.end()
    assert lines == ["one", "(interrupted: the cluster is not watched any more, or in another way)"]


async def test_an_api_server_that_sends_what_it_was_not_asked_for(kubelet: Kubelet, client: Client) -> None:
    kubelet.run("web-1", "main")
    kubelet.forgets_times = True
    kubelet.say("web-1", "main", f"{now(60)} old", f"{now()} one")
    async with following(client, POD) as log:
        await log.until("one")
        kubelet.cut()
        kubelet.say("web-1", "main", f"{now()} two")
        assert await log.until("two") == ["old", "one", "two"]


async def test_a_log_without_any_time_cannot_be_gone_on_with(client: Client, kubelet: Kubelet) -> None:
    kubelet.run("web-1", "main")
    kubelet.say("web-1", "main", *(f"line {number}" for number in range(300)))
    async with following(client, POD) as log:
        await log.until("line 299")
        kubelet.cut()
        lines = await log.end()
    assert lines[:-1] == [f"line {number}" for number in range(300)]
    assert lines[-1] == "(interrupted: its lines have no times from which to go on)"
