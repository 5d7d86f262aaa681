"""Themes, widths, and people who see or move differently."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.dashboard.conftest import OpenPage
from tests.dashboard.serving import Server, names

AUDIT = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => [id, nodes.map(({ html, any }) => [html.slice(0, 200), any[0]?.message])]);
}"""


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, of npm, where NODE_PATH has it."""
    for folder in os.environ.get("NODE_PATH", "").split(os.pathsep):
        path = Path(folder) / "axe-core/axe.min.js"
        if path.exists():
            return path.read_text()
    pytest.skip("npm's axe-core is not installed where NODE_PATH says")


async def audit(page: Page, axe: str) -> Any:
    await page.evaluate(axe)
    return await page.evaluate(AUDIT)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_axe_finds_nothing_serious(
    open_page: OpenPage, server: Server, axe: str, theme: str, width: int
) -> None:
    page = await open_page(f"{server.url}/", width=width, theme=theme)
    await expect(names(page).first).to_be_visible()
    await page.wait_for_function("document.getAnimations().length === 0")
    assert await audit(page, axe) == []
    await page.goto(f"{server.url}/?resource=deployments&open=prod/shop/cart")
    await expect(page.locator("#panel")).to_contain_text("Conditions")
    assert await audit(page, axe) == []
    for key, shown in (("y", ".yaml"), ("l", ".log .from"), ("v", "#tab-events[aria-selected=true]")):
        await page.keyboard.press(key)
        await expect(page.locator(shown).first).to_be_visible()
        assert await audit(page, axe) == [], key
    for key in ("?", ":", "d", "e"):
        await page.keyboard.press(key)
        # The editor asks for the text first.
        await expect(page.get_by_role("dialog")).to_be_visible(timeout=30_000)
        assert await audit(page, axe) == [], key
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_theme_is_the_systems_until_one_is_chosen(open_page: OpenPage, server: Server) -> None:
    page = await open_page(server.url, theme="dark")
    await expect(names(page).first).to_be_visible()
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = await page.evaluate(paper)
    await page.keyboard.press("t")
    light = await page.evaluate(paper)
    assert (dark, light) == ("rgb(16, 18, 22)", "rgb(255, 255, 255)")
    await page.reload()
    assert await page.evaluate(paper) == light


async def test_it_fits_a_phone(open_page: OpenPage, server: Server) -> None:
    page = await open_page(f"{server.url}/", width=390, height=844)
    await expect(names(page).first).to_be_visible()
    await expect(page.locator("[role=columnheader]")).to_have_text(["Name", "Status", "Age"])
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert await page.evaluate(overflow) <= 0
    assert await page.evaluate("grid.scrollWidth - grid.clientWidth") <= 0
    await names(page).first.click()
    await expect(page.locator("#drawer h2")).to_be_visible()
    assert await page.evaluate("drawer.getBoundingClientRect().width") == 390
    assert await page.evaluate(overflow) <= 0
    await page.locator("#close").click()
    await expect(page.locator("#drawer")).to_be_hidden()
