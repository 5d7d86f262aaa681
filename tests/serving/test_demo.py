"""The first run: simulated clusters, served at once or alone."""

import asyncio
import re
import signal

import aiohttp
import pytest
import yaml

from app import cli
from tests.serving.process import Running, started


async def test_simulated_clusters_are_served_at_once() -> None:
    with started("serve", "--port", "0", "--demo", "2") as running:
        url = running.read_until(r"http://\S+")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}pods", params={"fields": "metadata.name"}) as answer:
                document = await answer.json()
            assert [cluster["state"] for cluster in document["clusters"]] == ["synced"] * 2
            assert {item["cluster"] for item in document["items"]} == {
                c["name"] for c in document["clusters"]
            }
        await ends_well(running)


async def test_they_also_run_alone_and_print_a_kubeconfig() -> None:
    with started("demo", "1") as running:
        path = running.read_until(r"/\S+\.kubeconfig")
        with started("serve", "--port", "0", "--kubeconfig", path) as server:
            url = server.read_until(r"http://\S+")
            async with aiohttp.ClientSession() as session, session.get(f"{url}nodes") as answer:
                document = await answer.json()
            assert document["clusters"][0]["state"] == "synced"
            assert document["items"]
            await ends_well(server)
        await ends_well(running)
    assert yaml.safe_load(running.output)["contexts"][0]["name"] == document["clusters"][0]["name"]


async def ends_well(running: Running) -> None:
    status, seconds, log = await asyncio.to_thread(running.end, signal.SIGTERM)
    assert (status, seconds < 5) == (0, True), log
    assert not re.search(r"Traceback|never awaited|unclosed|never retrieved|ERROR", log), log


@pytest.mark.parametrize("number", ["0", "1001", "many", "-1"])
def test_a_wrong_number_of_clusters_is_one_line(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["demo", number]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert number in error
