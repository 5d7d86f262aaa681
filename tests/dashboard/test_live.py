"""What is there is on the page, and stays as it is in the clusters."""

from playwright.async_api import Page, expect

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.dashboard.conftest import SECONDS
from tests.dashboard.serving import Server, row, shop_pod

Clusters = dict[str, SimulatedCluster]


async def test_it_opens_on_the_pods_of_all_clusters(page: Page, clusters: Clusters) -> None:
    total = sum(len(cluster.storage.collection("pods")) for cluster in clusters.values())
    await expect(page.locator("#count")).to_have_text(str(total))
    await expect(page.locator("[role=columnheader]")).to_have_text(
        ["Cluster", "Namespace", "Name", "Ready", "Status", "Restarts", "Age", "Node"]
    )
    await expect(page.locator(".chip .name")).to_have_text(["prod", "staging"])
    await expect(page.locator(".chip .state")).to_have_text(["live", "live"])


async def test_a_pod_changes_before_ones_eyes(page: Page, clusters: Clusters) -> None:
    storage = clusters["prod"].storage
    storage.create(shop_pod("aaa-new", "ContainerCreating"))
    line = row(page, "aaa-new")
    await expect(line).to_contain_text("ContainerCreating")
    await page.evaluate(
        """() => {
          window.flashes = 0;
          const animate = Element.prototype.animate;
          Element.prototype.animate = function (...all) {
            window.flashes += 1;
            return animate.apply(this, all);
          };
        }"""
    )
    storage.replace(shop_pod("aaa-new"))
    await expect(line).to_contain_text("1/1Running")
    assert await page.evaluate("flashes") >= 2
    storage.remove(shop_pod("aaa-new"))
    await expect(line).to_have_count(0)


async def test_a_cluster_that_dies_fades_and_comes_back(page: Page, clusters: Clusters) -> None:
    staging = clusters["staging"]
    staging.storage.create(shop_pod("zzz-last"))
    before = len(staging.storage.collection("pods"))
    chip = page.locator(".chip[data-cluster=staging]")
    await expect(chip.locator(".objects")).to_have_text(str(before))
    await page.locator("#filter").fill("staging")
    await staging.stop()
    await expect(chip).to_have_attribute("data-state", "unreachable", timeout=60_000)
    await expect(chip.locator(".objects")).to_have_text(str(before))
    await expect(row(page, "zzz-last")).to_have_class("row faded")
    await expect(chip.locator(".state")).to_contain_text("unreachable")
    await staging.start()
    staging.storage.create(shop_pod("zzz-later"))
    await expect(chip).to_have_attribute("data-state", "synced", timeout=60_000)
    await expect(row(page, "zzz-later")).to_have_class("row")
    await expect(row(page, "zzz-last")).to_have_class("row")


async def test_it_reconnects_and_goes_on_from_where_it_was(
    page: Page, server: Server, clusters: Clusters
) -> None:
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: sent.append(str(text))))
    await server.stop()
    await expect(page.locator("#link")).to_have_attribute("data-state", "waiting", timeout=SECONDS)
    assert await page.locator("[role=gridcell]").count() > 0
    clusters["prod"].storage.create(shop_pod("aaa-meanwhile"))
    await server.start()
    await expect(row(page, "aaa-meanwhile")).to_contain_text("Running")
    await expect(page.locator("#link")).to_have_attribute("data-state", "open")
    pods = [text for text in sent if '"resource":"pods"' in text]
    assert len(pods) == 1
    assert '"cursor":"' in pods[0]
