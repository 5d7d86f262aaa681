"""``python -m tests.dashboard.screenshots``: makes the pictures of docs/dashboard.md again."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from app.simulator.simulated_fleet import run_demo
from tests.dashboard.serving import CHROMIUM_FLAGS, Server

IMAGES = Path(__file__).resolve().parents[2] / "docs/images"
# The name of the picture: width, height, address, keys, what to wait for.
PICTURES: dict[str, tuple[int, int, str, str, str]] = {
    "wide": (1440, 860, "/?q=shop", "", ".body [role=row]"),
    "drawer": (1440, 860, "/?resource=deployments.apps&open=prod-eu/shop/cart", "", "#panel section"),
    "tablet": (900, 700, "/?problems", "", ".body [role=row]"),
    "logs": (
        900,
        700,
        "/?resource=deployments.apps&open=prod-us/shop/cart&tab=logs",
        "",
        ".log div",
    ),
    "crash": (1440, 860, "/?q=payout-worker", "j Enter", ".body [role=row]"),
    "phone": (390, 760, "/", "", ".body [role=row]"),
    "delete": (1440, 860, "/?resource=deployments.apps&open=prod-eu/shop/cart", "d", "#panel section"),
}


MANY: dict[str, tuple[int, int, str, str, str]] = {"many": (1440, 560, "/", "", ".body [role=row]")}


async def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    await take(3, PICTURES)
    await take(40, MANY)


async def take(clusters: int, pictures: dict[str, tuple[int, int, str, str, str]]) -> None:
    async with run_demo(clusters) as demo, async_playwright() as playwright:
        config = Path(tempfile.mkdtemp()) / "config"
        config.write_bytes(demo.path.read_bytes())
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*CHROMIUM_FLAGS]
        )
        async with Server(config) as server:
            for theme in ("light", "dark"):
                for name, (width, height, address, keys, awaited) in pictures.items():
                    page = await browser.new_page(
                        viewport={"width": width, "height": height},
                        color_scheme="dark" if theme == "dark" else "light",
                    )
                    await page.goto(server.url + address)
                    await page.wait_for_selector(awaited)
                    await page.wait_for_timeout(2500)
                    for key in keys.split():
                        await page.keyboard.press(key)
                        await page.wait_for_timeout(300)
                    await page.screenshot(path=IMAGES / f"dashboard-{name}-{theme}.png")
                    await page.close()
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
