"""The page says what is wrong: with the server, with a cluster, with a container, with what was asked for."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from app.api import health
from app.simulator.apiserver.faults import Fault
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.dashboard.conftest import OpenPage
from tests.dashboard.serving import Server, row, shop_pod, write_config
from tests.serving.process import started

Clusters = dict[str, SimulatedCluster]
SOON = 8_000


def crashing() -> dict[str, Any]:
    ended = datetime.now(UTC) - timedelta(minutes=5)
    found = shop_pod("aaa-crash", "CrashLoopBackOff")
    (status,) = found["status"]["containerStatuses"]
    status["state"]["waiting"]["message"] = "back-off 5m0s restarting failed container"
    status["restartCount"] = 4
    status["lastState"] = {
        "terminated": {
            "exitCode": 3,
            "reason": "Error",
            "startedAt": (ended - timedelta(seconds=12)).isoformat().replace("+00:00", "Z"),
            "finishedAt": ended.isoformat().replace("+00:00", "Z"),
        }
    }
    return found


async def test_without_a_server_no_cluster_is_live(page: Page, server: Server) -> None:
    await expect(page.locator(".chip .state")).to_have_text(["live", "live"])
    await server.stop()
    try:
        chips = page.locator(".chip[data-state=lost]")
        await expect(chips).to_have_count(2, timeout=SOON)
        await expect(chips.first.locator(".state")).to_contain_text("not connected")
        await expect(page.locator("#link")).to_contain_text("not connected since")
        await expect(page.locator(".body .row.faded").first).to_be_visible()
        since = await page.locator("#link").text_content()
        await asyncio.sleep(1.5)
        assert await page.locator("#link").text_content() == since
    finally:
        await server.start()
    await expect(page.locator(".chip .state")).to_have_text(["live", "live"], timeout=30_000)
    await expect(page.locator("#said")).to_contain_text("up to date")


async def test_nothing_to_see_has_a_reason(open_page: OpenPage, server: Server, clusters: Clusters) -> None:
    empty = ".empty"
    page = await open_page(f"{server.url}/?resource=deploymens")
    # It is not behind the headings.
    await page.wait_for_function(
        """() => {
          const empty = document.querySelector('.empty');
          const { x, y, width, height } = empty.getBoundingClientRect();
          return height > 0 && document.elementFromPoint(x + width / 2, y + height / 2) === empty;
        }"""
    )
    await expect(page.locator(empty)).to_contain_text(
        "No cluster serves deploymens. Near are deployments.apps"
    )
    page = await open_page(f"{server.url}/?q=no-such-thing")
    await expect(page.locator(empty)).to_have_text("Nothing matches the filter.")
    page = await open_page(f"{server.url}/?namespace=nowhere")
    await expect(page.locator(empty)).to_have_text("No pods match what was asked for.")
    page = await open_page(f"{server.url}/?cluster=nowhere")
    await expect(page.locator(empty)).to_contain_text("nowhere")
    page = await open_page(f"{server.url}/?resource=endpoints&q=-l nothing=here")
    await expect(page.locator(empty)).to_have_text("No endpoints match what was asked for.")


async def test_of_a_cluster_that_cannot_be_reached_nobody_says_that_it_is_empty(
    config: Path, open_page: OpenPage, clusters: Clusters
) -> None:
    await clusters["staging"].stop()
    async with Server(config) as server:
        page = await open_page(f"{server.url}/?cluster=staging&open=staging/shop/some")
        await expect(page.locator("#panel")).to_contain_text("staging is unreachable", timeout=30_000)
        await page.keyboard.press("Escape")
        await expect(page.locator(".empty")).to_contain_text(
            "Nobody knows which pods there are.", timeout=30_000
        )
        await expect(page.locator(".empty")).to_contain_text("staging: cannot be reached")
    await clusters["staging"].start()


async def test_a_container_that_crashes_says_how_and_its_last_words(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    clusters["prod"].storage.create(crashing())
    page = await open_page(f"{server.url}/?open=prod/shop/aaa-crash")
    panel = page.locator("#panel")
    await expect(panel).to_contain_text("CrashLoopBackOff: back-off 5m0s restarting failed container")
    await expect(panel).to_contain_text("Last run ended with exit code 3 (Error), 5m")
    await expect(panel).to_contain_text("ago after 12s")
    words = panel.locator(".words")
    await expect(words).not_to_have_text("…")
    said = await words.text_content() or ""
    assert "cannot be had" not in said
    assert 1 <= len(said.splitlines()) <= 10


def nested(depth: int) -> Any:
    found: Any = 1
    for number in range(depth):
        found = {"a": found} if number % 2 else [found]
    return found


@pytest.mark.parametrize(
    "odd",
    [
        {"status": None, "spec": None},
        {"status": {"conditions": {"a": 1}, "containerStatuses": {}}, "spec": {"containers": {"a": {}}}},
        {"status": {"containerStatuses": [None, 1, {"state": None, "lastState": {"terminated": None}}]}},
        {"status": "broken", "spec": []},
        {"status": {"deep": nested(200), "huge": 1e300, "text": "\0\x1b[2J\x85\u2028" + "x" * 100_000}},
    ],
)
async def test_an_odd_object_has_an_overview(
    open_page: OpenPage, server: Server, clusters: Clusters, odd: dict[str, Any]
) -> None:
    clusters["prod"].storage.create({**shop_pod("aaa-odd"), **odd})
    page = await open_page(f"{server.url}/?open=prod/shop/aaa-odd")
    await expect(page.locator("#panel .facts")).to_contain_text("Created")
    await expect(row(page, "aaa-odd")).to_be_visible()
    await page.get_by_role("tab", name="YAML").click()
    await expect(page.locator("#panel")).to_contain_text("apiVersion: v1")


async def test_replica_sets_that_are_scaled_to_nothing_are_folded_below_the_pods(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    page = await open_page(f"{server.url}/?resource=deployments.apps&open=prod/shop/cart")
    titles = page.locator("#panel h3:visible")
    await expect(titles.filter(has_text="ReplicaSet (")).to_be_visible()
    texts = [text.split(" (")[0] for text in await titles.all_text_contents()]
    assert texts.index("Pod") < texts.index("ReplicaSet")
    old = page.locator("#panel details.old")
    await expect(old.locator("summary")).to_contain_text("scaled to 0")
    await expect(old.locator("tbody tr").first).to_be_hidden()
    await old.locator("summary").click()
    await expect(old.locator("tbody tr").first).to_be_visible()


async def test_lines_that_begin_with_a_bracket_keep_it_and_colours_are_colours(page: Page) -> None:
    shown = await page.evaluate(
        """async (lines) => {
          const { painted } = await import('/web/ansi.js');
          return lines.map((line) => {
            const element = document.createElement('div');
            element.append(...painted(line));
            return [element.textContent, element.querySelector('span')?.className ?? ''];
          });
        }""",
        ["[INFO] started", "\x1b[1;31mbad\x1b[0m good\r", "\x1b[38;5;1mx\x1b[2K<b>", "y" * 10_005],
    )
    assert shown == [
        ["[INFO] started", ""],
        ["bad good", "bold ansi1"],
        ["x<b>", ""],
        ["y" * 10_000 + " … 5 more characters", ""],
    ]


LINES = "[INFO] started\\n[a/b/c] is no place\\n"


async def test_only_a_prefix_that_was_put_there_is_taken_off(page: Page) -> None:
    await page.route(
        "**/logs?*",
        lambda route: route.fulfill(
            status=200, content_type="text/plain", body=LINES.encode().decode("unicode_escape")
        ),
    )
    await row(page, "cilium").or_(page.locator(".body [role=row]:not([hidden])")).first.click()
    await page.get_by_role("tab", name="Logs").click()
    await expect(page.locator(".log > div")).to_have_text(["[INFO] started", "[a/b/c] is no place"])
    await expect(page.locator(".log .from")).to_have_count(0)


async def test_logs_go_on_after_the_server_was_away(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    page = await open_page(f"{server.url}/?resource=deployments.apps&open=prod/shop/cart&tab=logs")
    lines = page.locator(".log > div:not(.gap)")
    await expect(lines.first).to_be_visible()
    await server.stop()
    await expect(page.locator(".logs .tools")).to_contain_text("not connected", timeout=SOON)
    before = await lines.count()
    await server.start()
    await expect(page.locator(".logs .tools")).to_contain_text("following", timeout=30_000)
    await expect(page.locator(".log .gap")).to_contain_text("not connected from")
    await expect(lines.nth(before)).to_be_attached(timeout=30_000)


async def test_a_resource_that_fails_alone_is_named_beside_its_cluster(page: Page) -> None:
    """Told by frames: a cluster that is live, and pods that are stale in it."""
    told = await page.evaluate(
        """async () => {
          const { Clusters } = await import('/web/cluster_strip.js');
          document.getElementById('clusters').replaceChildren();
          const clusters = new Clusters();
          clusters.learn([{ name: 'a', state: 'synced', since: '', version: '', readOnly: false }]);
          clusters.turn('pods');
          const since = new Date(Date.now() - 30000).toISOString();
          const frame = { type: 'CLUSTER', cluster: 'a', resource: 'pods', state: 'stale', since };
          clusters.hear(frame);
          clusters.draw();
          return document.querySelector('#chips .state').textContent;
        }"""
    )
    assert told.startswith("pods stale 30s")


async def test_a_server_that_hangs_is_noticed(config: Path, open_page: OpenPage) -> None:
    """It closes nothing: only asking shows it."""
    with started("serve", "--kubeconfig", str(config), "--port", "0") as server:
        url = await asyncio.to_thread(server.read_until, r"http://127\.0\.0\.1:[0-9]+")
        page = await open_page(url)
        await expect(page.locator(".chip .state")).to_have_text(["live", "live"])
        server.process.send_signal(signal.SIGSTOP)
        try:
            await expect(page.locator(".chip[data-state=lost]")).to_have_count(2, timeout=2 * SOON)
        finally:
            server.process.send_signal(signal.SIGCONT)
        await expect(page.locator(".chip .state")).to_have_text(["live", "live"], timeout=30_000)


async def test_a_cluster_that_the_table_does_not_ask_is_not_called_live_when_it_is_not(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    page = await open_page(f"{server.url}/?cluster=prod")
    staging = page.locator(".chip[data-cluster=staging]")
    await expect(staging).to_have_attribute("data-state", "synced")
    await clusters["staging"].stop()
    await expect(staging).to_have_attribute("data-state", "unreachable", timeout=60_000)
    await clusters["staging"].start()
    await expect(staging).to_have_attribute("data-state", "synced", timeout=60_000)


async def test_a_cluster_that_was_not_there_yet_is_shown_when_it_is(
    open_page: OpenPage, server: Server, config: Path, clusters: Clusters
) -> None:
    clusters["staging"].storage.create(shop_pod("aaa-late"))
    page = await open_page(f"{server.url}/?cluster=later&q=aaa-late")
    await expect(page.locator(".empty")).to_contain_text("later")
    write_config(config, {**clusters, "later": clusters["staging"]})
    await expect(row(page, "aaa-late")).to_be_visible(timeout=60_000)
    await expect(page.locator("#trouble")).to_be_hidden()


async def test_what_may_not_be_read_is_said(open_page: OpenPage, server: Server, clusters: Clusters) -> None:
    for cluster in clusters.values():
        cluster.faults.add(Fault.FORBIDDEN, resource="configmaps")
    page = await open_page(f"{server.url}/?resource=configmaps")
    await expect(page.locator(".empty")).to_contain_text("Nobody knows which configmaps there are.")
    await expect(page.locator(".empty")).to_contain_text("prod: may not be read")


async def test_a_cluster_that_is_removed_is_told(page: Page, config: Path, clusters: Clusters) -> None:
    await expect(page.locator(".chip .state")).to_have_text(["live", "live"])
    write_config(config, {"prod": clusters["prod"]})
    await expect(page.locator("#said")).to_have_text("The cluster staging was removed.", timeout=60_000)
    await expect(page.locator(".chip .name")).to_have_text(["prod"])
    await expect(row(page, "staging")).to_have_count(0)


async def test_another_version_and_another_token_after_a_restart(
    config: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Server(config, token="one") as server:
        page = await open_page(f"{server.url}/#token=one")
        await expect(page.locator(".chip .state")).to_have_text(["live", "live"])
        await server.stop()
        monkeypatch.setattr(health, "this_version", lambda: "9.9.9")
        server.token = "two"
        await server.start()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("needs a token", timeout=30_000)
        await page.keyboard.type("two")
        await page.keyboard.press("Enter")
        await expect(page.locator(".news")).to_contain_text("is of version 9.9.9 now", timeout=30_000)
        await expect(page.locator(".chip .state")).to_have_text(["live", "live"])
        await page.locator(".news button").click()
        await expect(page.locator(".chip .state")).to_have_text(["live", "live"])
        await expect(page.locator(".news")).to_have_count(0)
