"""The dashboard in a browser: 50,000 rows scrolled, and the memory of the page under churn.

``python -m bench.dashboard [MINUTES]``, an hour if left out, goes on with the churn and prints the
memory of the page as it goes; the exit status is 1 where it has grown.
"""

import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from bench.report import Row, megabytes
from bench.sources import Measured, only_pods, simulated_clusters
from bench.talking import Talk, say
from tests.dashboard.serving import CHROMIUM_FLAGS

CLUSTERS, PODS = 50, 1000
SCROLL_SECONDS, PIXELS_A_FRAME = 10, 170
LOAD_SECONDS = 120
CHANGES, PAUSE = 8, 0.05
# What memory may grow by after the first fifth of the time.
GROWTH = 1.1
# From the top to wherever that leads, every frame a bit; what comes between two frames, in milliseconds.
_SCROLL = """([seconds, pixels]) => new Promise((done) => {
  const grid = document.getElementById("grid") ?? document.scrollingElement;
  const spans = [];
  let last = 0, began = 0;
  function step(now) {
    if (last) spans.push(now - last);
    began ||= now;
    last = now;
    grid.scrollTop += pixels;
    if (now - began < seconds * 1000) requestAnimationFrame(step); else done(spans);
  }
  requestAnimationFrame(step);
})"""


def run() -> list[Row]:
    with TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        kubeconfig = running.enter_context(simulated_clusters(folder, CLUSTERS, PODS))
        product = running.enter_context(
            Measured(folder, "--kubeconfig", str(kubeconfig), "--config", str(only_pods(folder)))
        )
        page = running.enter_context(_browser())
        page.goto("about:blank")
        blank = _frames_a_second(page)
        page.goto(product.url)
        _wait_for_rows(page, CLUSTERS * PODS)
        ours = _frames_a_second(page)
        memory = _memory(page)
    return [
        Row(
            f"frames a second, {CLUSTERS * PODS:,} rows scrolled",
            f"{ours:.1f}",
            f"an empty page {blank:.1f}",
            ours / blank,
            ">=",
            0.95,
        ),
        Row(f"memory of the page with {CLUSTERS * PODS:,} rows", megabytes(memory), "250 MB", memory / 250e6),
    ]


def churn(minutes: float) -> bool:
    """Whether the memory of the page stays what it was."""
    with TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        talk = running.enter_context(Talk("bench.churn", str(folder)))
        product = running.enter_context(
            Measured(folder, "--kubeconfig", f"{folder}/kubeconfig", "--config", str(only_pods(folder)))
        )
        page = running.enter_context(_browser())
        page.goto(product.url)
        _wait_for_rows(page, CHANGES)
        order = json.dumps({"frames": CHANGES, "times": int(minutes * 60 / PAUSE), "pause": PAUSE})
        changing = threading.Thread(target=talk.ask, args=(order,), daemon=True)
        changing.start()
        measured = []
        for twentieth in range(1, 21):
            time.sleep(minutes * 3)
            measured.append(_memory(page))
            say(f"{twentieth * 5:3} %  {megabytes(measured[-1])}")
        changing.join()
    grown = max(measured[4:]) / measured[3]
    say(f"memory after the first fifth: at most {grown:.3f} of what it was then")
    return grown <= GROWTH


@contextmanager
def _browser() -> Iterator[Page]:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise OSError("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_FLAGS])
        yield browser.new_page(viewport={"width": 1400, "height": 900})
        browser.close()


def _wait_for_rows(page: Page, number: int) -> None:
    page.wait_for_function(
        "number => Number(document.getElementById('grid').getAttribute('aria-rowcount')) >= number",
        arg=number,
        timeout=LOAD_SECONDS * 1000,
    )


def _frames_a_second(page: Page) -> float:
    spans = page.evaluate(_SCROLL, [SCROLL_SECONDS, PIXELS_A_FRAME])
    return 1000 * len(spans) / float(sum(spans))


def _memory(page: Page) -> float:
    """Bytes of JavaScript that are in use."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return float(used)


if __name__ == "__main__":
    sys.exit(not churn(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
