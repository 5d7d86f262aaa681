"""A browser, and a server over simulated clusters for it to look at."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.seed.cluster_seed import cluster_objects
from tests.dashboard.serving import CHROMIUM_FLAGS, PLANS, Server, write_config

OpenPage = Callable[..., Awaitable[Page]]
SECONDS = 30_000.0


@pytest.fixture
async def clusters(tmp_path: Path) -> AsyncIterator[dict[str, SimulatedCluster]]:
    """Two clusters with what a shop needs in them, in which nothing happens by itself."""
    async with AsyncExitStack() as running:
        found = {}
        for plan in PLANS:
            cluster = SimulatedCluster(plan.name, token="t", seed=plan.seed)
            cluster.storage.plant(cluster_objects(plan, datetime.now(UTC)))
            await cluster.start()
            running.push_async_callback(cluster.stop)
            found[plan.name] = cluster
        yield found


@pytest.fixture
def config(clusters: dict[str, SimulatedCluster], tmp_path: Path) -> Path:
    return write_config(tmp_path / "config", clusters)


@pytest.fixture
async def server(config: Path) -> AsyncIterator[Server]:
    async with Server(config) as server:
        yield server


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_FLAGS])
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Opens a page; whatever it complains of fails the test."""
    complaints: list[str] = []

    async def go(url: str, *, width: int = 1280, height: int = 800, theme: str = "light") -> Page:
        page = await browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="no-preference",
        )
        page.set_default_timeout(SECONDS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
        )
        await page.goto(url)
        return page

    yield go
    assert complaints == []


@pytest.fixture
async def page(open_page: OpenPage, server: Server) -> Page:
    """The dashboard as it opens, with its rows."""
    page = await open_page(server.url)
    await page.wait_for_selector("[role=gridcell]")
    return page
