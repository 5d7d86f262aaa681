"""The server serves and ends on asyncio's own event loop, and on uvloop's where that is installed."""

import asyncio
import importlib.util
import json
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.serving.process import Running, started
from tests.serving.test_full_logs import free_port

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "loop", "namespace": "shop"}}
UVLOOP = pytest.mark.skipif(
    importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed, which Windows cannot"
)


@pytest.fixture(params=["asyncio", pytest.param("uvloop", marks=UVLOOP)])
def loop(request: pytest.FixtureRequest) -> str:
    """The event loop that a server runs on."""
    name: str = request.param
    return name


def environment(loop: str) -> dict[str, str]:
    return {"PYTHONPATH": ""} if loop == "uvloop" else {}


def is_loaded(running: Running) -> bool:
    """Whether the compiled part of uvloop is in a process."""
    return "uvloop/loop" in Path(f"/proc/{running.process.pid}/maps").read_text()


async def test_lists_streams_writes_and_the_end_work(loop: str) -> None:
    with started("serve", "--port", "0", "--demo", "2", **environment(loop)) as running:
        url = running.read_until(r"http://\S+")
        assert is_loaded(running) == (loop == "uvloop")
        async with aiohttp.ClientSession(url) as session:
            async with session.get("/nodes", params={"format": "table"}) as answer:
                assert (answer.status, (await answer.text()).startswith("CLUSTER")) == (200, True)
            watched = {"watch": "1", "fieldSelector": "metadata.name=loop"}
            async with (
                session.get("/configmaps", params=watched) as frames,
                session.ws_connect("/ws?resource=configmaps") as socket,
            ):
                written = session.post("/configmaps", params={"cluster": "prod-eu"}, json=CONFIG_MAP)
                async with written as answer:
                    assert answer.status == 201, await answer.text()
                async with asyncio.timeout(30):
                    while b'"loop"' not in await frames.content.readline():
                        pass
                    while '"loop"' not in await socket.receive_str():
                        pass
            # On the way to the cluster, nothing is decoded.
            async with session.get("/clusters/prod-eu/api/v1/namespaces/shop/configmaps/loop") as answer:
                assert json.loads(await answer.read())["metadata"]["name"] == "loop"
            open_stream = await session.get("/pods", params={"watch": "1"})
            status, seconds, log = await asyncio.to_thread(running.end, signal.SIGTERM)
            open_stream.close()
    assert (status, seconds < 5) == (0, True), log
    assert not re.search(r"Traceback|never awaited|unclosed|never retrieved|ERROR", log), log


async def test_it_ends_in_order_where_no_standard_stream_is_open(loop: str) -> None:
    """libuv aborts where it is to close a socket with the number of one of them."""
    port = free_port()
    arguments = ("serve", "--port", str(port), "--demo", "1")
    with started(*arguments, limits="exec 0<&- 1>&- 2>&-", **environment(loop)) as running:
        url = f"http://127.0.0.1:{port}/pods"
        async with aiohttp.ClientSession() as session:
            while running.process.poll() is None:
                try:
                    async with session.get(url) as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.1)
        status, _, _ = await asyncio.to_thread(running.end, signal.SIGTERM)
    assert status == 0
