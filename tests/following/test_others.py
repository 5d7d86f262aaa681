"""Clients that nobody here wrote: a browser's EventSource, npm's, and curl."""

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.served_fleet import Server
from tests.builders import pod

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
)
# What a page does: it keeps the names of the pods, and what it was told.
SCRIPT = """
const names = new Set(), types = [];
const source = new EventSource(URL_OF_STREAM);
source.onmessage = (event) => {
  const frame = JSON.parse(event.data);
  types.push(frame.type);
  if (!event.lastEventId && frame.type !== "ERROR") types.push("without id");
  if (frame.type === "RESET") names.clear();
  if (frame.type === "ADDED" || frame.type === "MODIFIED") names.add(frame.name);
  if (frame.type === "DELETED") names.delete(frame.name);
  TELL();
};
"""


@asynccontextmanager
async def running(*command: str, **more: Any) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, **more)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode()


async def restarted(server: Server, config: Path) -> Server:
    """Another process in the place of this one."""
    await server.stop()
    again = Server(config)
    await again.start(server.port)
    return again


async def test_curl(prod: SimulatedCluster, server: Server) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    prod.storage.create(pod("one"))
    async with running(curl, "-sN", f"{server.url}/pods?watch=1") as process:
        types = [json.loads(await line(process))["type"] for _ in range(3)]
        assert types == ["RESET", "ADDED", "SYNCED"]
        prod.storage.create(pod("two"))
        assert json.loads(await line(process))["name"] == "two"


async def test_the_event_source_of_npm(prod: SimulatedCluster, config: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    async with running(
        node, "-e", "require.resolve('eventsource')", stderr=asyncio.subprocess.DEVNULL
    ) as probe:
        if await probe.wait():
            pytest.skip("npm's eventsource is not installed where NODE_PATH says")
    prod.storage.create(pod("one"))
    server = Server(config)
    await server.start()
    script = "const { EventSource } = require('eventsource');" + SCRIPT.replace(
        "URL_OF_STREAM", json.dumps(f"{server.url}/pods?watch=1")
    ).replace(
        "TELL()",
        "console.log(JSON.stringify([[...names].sort(), types.includes('without id')]))",
    )
    try:
        async with running(node, "-e", script) as process:

            async def until(names: list[str]) -> None:
                told: list[Any] = [[], False]
                while told != [names, False]:
                    told = json.loads(await line(process))

            await until(["one"])
            server = await restarted(server, config)
            prod.storage.create(pod("two"))
            await until(["one", "two"])
    finally:
        await server.stop()


async def test_the_event_source_of_a_browser(prod: SimulatedCluster, config: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    from playwright.async_api import async_playwright

    prod.storage.create(pod("one"))
    server = Server(config)
    await server.start()
    script = SCRIPT.replace("URL_OF_STREAM", json.dumps("/pods?watch=1")).replace(
        "TELL()", "globalThis.told = { names: [...names].sort().join(), types }"
    )
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_FLAGS])
            page = await browser.new_page()
            await page.goto(f"{server.url}/version")
            await page.evaluate(f"() => {{ {script} }}")
            await page.wait_for_function("globalThis.told?.types.at(-1) === 'SYNCED'", timeout=30_000)
            assert await page.evaluate("told.names") == "one"
            server = await restarted(server, config)
            prod.storage.create(pod("two"))
            await page.wait_for_function("told.names === 'one,two'", timeout=30_000)
            types = await page.evaluate("told.types")
            assert "without id" not in types
            await browser.close()
    finally:
        await server.stop()
