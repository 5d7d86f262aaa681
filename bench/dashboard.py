"""The dashboard with 50,000 pods: how smoothly they scroll, and the page's memory while they change.

``python -m bench.dashboard MINUTES`` changes them for so long, an hour if left out; ``python -m bench
dashboard`` for two minutes.
"""

import asyncio
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import CDPSession, Page, async_playwright

from bench.report import Row, megabytes, show
from bench.sources import Measured, only_pods, simulated_clusters

CLUSTERS, PODS = 2, 25_000
SCROLL_SECONDS = 5.0
SHORT_MINUTES = 2.0
WRITERS = 4
FRAMES = 60.0
# What the page's memory may grow by after the first fifth of the time.
GROWTH = 1.1
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
# A screen and more with each frame: nothing that is drawn was there before.
_SCROLL = """seconds => new Promise((resolve) => {
  const grid = document.getElementById("grid"), times = [];
  const end = performance.now() + seconds * 1000;
  const step = (now) => {
    times.push(now);
    grid.scrollTop = (grid.scrollTop + 911) % (grid.scrollHeight - grid.clientHeight);
    if (now < end) requestAnimationFrame(step);
    else resolve({
      rate: (times.length - 1) * 1000 / (times.at(-1) - times[0]),
      longest: Math.max(...times.slice(1).map((at, n) => at - times[n])),
    });
  };
  requestAnimationFrame(step);
})"""
_FILLED = "wanted => document.getElementById('grid').ariaRowCount > wanted"


@dataclass
class Result:
    """``load`` in seconds, ``rate`` in frames a second, ``longest`` frame in ms, ``sizes`` in bytes."""

    load: float = 0.0
    rate: float = 0.0
    longest: float = 0.0
    changes: int = 0
    sizes: list[float] = field(default_factory=list)

    @property
    def growth(self) -> float:
        return max(self.sizes[len(self.sizes) // 5 :]) / self.sizes[len(self.sizes) // 5]


def run() -> list[Row]:
    if shutil.which("chromium") is None:
        sys.stderr.write("not measured: chromium is not installed\n")
        return []
    return rows(asyncio.run(measure(SHORT_MINUTES)))


def rows(result: Result) -> list[Row]:
    total = CLUSTERS * PODS
    return [
        Row(
            f"dashboard, {total:,} rows, seconds until all are there",
            f"{result.load:.1f} s",
            "",
            result.load,
        ),
        Row(
            "dashboard, frames a second while scrolling",
            f"{result.rate:.1f}, longest {result.longest:.0f} ms",
            f"{FRAMES:.0f}",
            result.rate / FRAMES,
            ">=",
            0.97,
        ),
        Row(
            f"dashboard, memory after {result.changes:,} changes",
            megabytes(result.sizes[-1]),
            megabytes(result.sizes[len(result.sizes) // 5]),
            result.growth,
            "<=",
            GROWTH,
        ),
    ]


async def measure(minutes: float) -> Result:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise OSError("chromium is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulated_clusters(folder, CLUSTERS, PODS) as kubeconfig:
            config = only_pods(folder)
            with Measured(folder, "--kubeconfig", str(kubeconfig), "--config", str(config)) as product:
                async with async_playwright() as playwright:
                    browser = await playwright.chromium.launch(executable_path=chromium, args=[*FLAGS])
                    page = await browser.new_page(viewport={"width": 1440, "height": 900})
                    result = await _watched(page, product.url, minutes)
                    await browser.close()
    return result


async def _watched(page: Page, url: str, minutes: float) -> Result:
    result = Result()
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/pods", params={"fields": "metadata.name"}) as answer:
            pods = (await answer.json())["items"]
        start = time.monotonic()
        await page.goto(url)
        await page.wait_for_function(_FILLED, arg=len(pods), timeout=120_000)
        result.load = time.monotonic() - start
        scrolled = await page.evaluate(_SCROLL, SCROLL_SECONDS)
        result.rate, result.longest = scrolled["rate"], scrolled["longest"]
        tools = await page.context.new_cdp_session(page)
        end = time.monotonic() + minutes * 60
        writers = [
            asyncio.create_task(_churn(session, pods, random.Random(number), result))
            for number in range(WRITERS)
        ]
        while time.monotonic() < end:
            await asyncio.sleep(min(10.0, minutes * 60 / 10))
            result.sizes.append(await _size(tools))
            sys.stderr.write(f"{result.changes:,} changes, {megabytes(result.sizes[-1])}\n")
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
    return result


async def _churn(
    session: aiohttp.ClientSession, pods: list[dict[str, Any]], rng: random.Random, result: Result
) -> None:
    """Changes, now and then of what is on the screen."""
    headers = {"Content-Type": "application/merge-patch+json"}
    while True:
        pod = rng.choice(pods[:40] if rng.random() < 0.2 else pods)
        metadata = pod["metadata"]
        query = {"cluster": pod["cluster"], "namespace": metadata["namespace"]}
        body = (
            f'{{"metadata":{{"labels":{{"turn":"{rng.random()}"}}}},"spec":{{"nodeName":"n{rng.random()}"}}}}'
        )
        name = metadata["name"]
        async with session.patch(f"/pods/{name}", params=query, headers=headers, data=body) as answer:
            answer.raise_for_status()
        result.changes += 1


async def _size(tools: CDPSession) -> float:
    """Bytes that live in the page, without what is garbage."""
    await tools.send("HeapProfiler.collectGarbage")
    usage = await tools.send("Runtime.getHeapUsage")
    return float(usage["usedSize"]) + float(usage.get("backingStorageSize", 0))


if __name__ == "__main__":
    measured = rows(asyncio.run(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)))
    show(measured)
    sys.exit(0 if all(row.met for row in measured) else 1)
