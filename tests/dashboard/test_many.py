"""Forty clusters and more in one strip."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import expect

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.dashboard.conftest import SECONDS, OpenPage
from tests.dashboard.serving import Server, shop_pod, write_config
from tests.dashboard.test_looks import audit, axe

__all__ = ["axe"]
MANY = 40


@pytest.fixture
async def many(tmp_path: Path) -> AsyncIterator[tuple[Server, dict[str, SimulatedCluster]]]:
    async with AsyncExitStack() as running:
        found = {}
        for number in range(MANY):
            cluster = SimulatedCluster(f"edge-{number:02}", token="t", seed=str(number))
            cluster.storage.create(shop_pod("web"))
            await cluster.start()
            running.push_async_callback(cluster.stop)
            found[f"edge-{number:02}"] = cluster
        yield await running.enter_async_context(Server(write_config(tmp_path / "config", found))), found


async def test_all_of_forty_are_there_found_by_name_and_trouble_comes_first(
    many: tuple[Server, dict[str, SimulatedCluster]], open_page: OpenPage
) -> None:
    server, clusters = many
    page = await open_page(server.url, width=1440)
    await expect(page.locator(".summary")).to_have_text("40 clusters: 40 live", timeout=SECONDS)
    assert await page.locator(".chip").count() == MANY
    visible = """() => {
      const end = document.querySelector('#chips').getBoundingClientRect().bottom;
      const chips = [...document.querySelectorAll('.chip')];
      return chips.filter((chip) => chip.getBoundingClientRect().bottom <= end).length;
    }"""
    assert await page.evaluate(visible) >= 30
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    await clusters["edge-33"].stop()
    first = page.locator(".chip").first
    await expect(first).to_have_attribute("data-cluster", "edge-33", timeout=60_000)
    await expect(first.locator(".state")).to_be_visible()
    await expect(page.locator(".summary")).to_contain_text("39 live")
    await clusters["edge-33"].start()

    await page.locator("#find-cluster").fill("-12")
    await expect(page.locator(".chip .name")).to_have_text(["edge-12"])
    await page.locator(".chip").click()
    await expect(page.locator("#count")).to_have_text("1")
    await page.locator("#find-cluster").fill("")
    await page.locator("#grid").focus()
    await page.keyboard.press("c")
    await page.keyboard.type("edge-39")
    await page.keyboard.press("Enter")
    await page.wait_for_function("location.search.includes('cluster=edge-39')")
    await expect(page.locator(".chip[aria-pressed=true] .name")).to_have_text(["edge-39"])


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1280, "dark")])
async def test_axe_finds_nothing_serious_in_many_also_without_the_server(
    many: tuple[Server, dict[str, SimulatedCluster]], open_page: OpenPage, axe: str, width: int, theme: str
) -> None:
    server, _ = many
    page = await open_page(server.url, width=width, theme=theme)
    await expect(page.locator(".summary")).to_have_text("40 clusters: 40 live", timeout=SECONDS)
    await page.wait_for_function("document.getAnimations().length === 0")
    assert await audit(page, axe) == []
    more = page.locator(".more")
    if await more.is_visible():
        await more.click()
        await expect(more).to_have_text("Show fewer")
    assert await audit(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await server.stop()
    try:
        await expect(page.locator(".chip[data-state=lost]").first).to_be_visible()
        await page.wait_for_function("document.getAnimations().length === 0")
        assert await audit(page, axe) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    finally:
        await server.start()
