"""One object, live, and what can be done to it."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.dashboard.conftest import OpenPage
from tests.dashboard.serving import Server, row, shop_pod

Clusters = dict[str, SimulatedCluster]
CART = "/?resource=deployments.apps&open=prod/shop/cart"


def cart(clusters: Clusters) -> dict[str, Any]:
    return clusters["prod"].storage.collection("deployments.apps")["shop", "cart"].obj


async def test_overview_yaml_events_logs_and_children(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    page = await open_page(server.url + CART)
    panel = page.locator("#panel")
    await expect(panel).to_contain_text("MinimumReplicasAvailable")
    await expect(panel).to_contain_text("ReplicaSet (")
    await page.get_by_role("tab", name="YAML").click()
    await expect(panel).to_contain_text("kind: Deployment")
    await expect(panel).to_contain_text(f"{cart(clusters)['metadata']['uid']}")
    await page.get_by_role("tab", name="Logs").click()
    await expect(page.locator(".log .from").first).to_contain_text("cart-")
    await page.get_by_role("tab", name="Events").click()
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "cart.1", "namespace": "shop"},
        "involvedObject": {"kind": "Deployment", "name": "cart", "uid": cart(clusters)["metadata"]["uid"]},
        "type": "Warning",
        "reason": "Tested",
        "message": "as it happens",
    }
    clusters["prod"].storage.create(event)
    await expect(panel).to_contain_text("as it happens")
    await page.get_by_role("tab", name="Overview").click()
    child = panel.locator("a[href*='resource=pods']").first
    name = await child.text_content()
    await child.click()
    await expect(page.locator("#drawer h2")).to_have_text(name or "")
    owner = panel.locator("dd a", has_text="ReplicaSet")
    await owner.click()
    await expect(panel.locator("dd a", has_text="Deployment cart")).to_be_visible()
    await page.go_back()
    await expect(page.locator("#drawer h2")).to_have_text(name or "")


async def test_the_object_is_live_and_its_end_is_told(page: Page, clusters: Clusters) -> None:
    storage = clusters["prod"].storage
    storage.create(shop_pod("aaa-web", "ContainerCreating"))
    await row(page, "aaa-web").click()
    panel = page.locator("#panel")
    await expect(panel).to_contain_text("ContainerCreating")
    storage.replace(shop_pod("aaa-web"))
    await expect(panel).to_contain_text("Running")
    storage.remove(shop_pod("aaa-web"))
    await expect(page.locator("#drawer h2")).to_contain_text("deleted")
    await expect(page.locator("#action-d")).to_have_count(0)


async def test_scale(open_page: OpenPage, server: Server, clusters: Clusters) -> None:
    page = await open_page(server.url + CART)
    await page.get_by_role("button", name="Scale").click()
    dialog = page.locator("dialog")
    await dialog.get_by_label("Replicas").fill("7")
    await expect(dialog.locator(".curl")).to_have_text(
        f"curl -X POST '{server.url}/deployments.apps/cart/scale?cluster=prod&namespace=shop' "
        "-H 'Content-Type: application/json' --data-binary '{\"replicas\":7}'"
    )
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    assert cart(clusters)["spec"]["replicas"] == 7
    await expect(row(page, "cart").first).to_contain_text("/7")


async def test_delete_wants_the_name_typed(open_page: OpenPage, server: Server, clusters: Clusters) -> None:
    storage = clusters["prod"].storage
    storage.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old", "namespace": "shop"}}
    )
    page = await open_page(f"{server.url}/?resource=configmaps&open=prod/shop/old")
    await expect(page.locator("#action-d")).to_be_visible()
    await page.keyboard.press("d")
    dialog = page.locator("dialog")
    button = dialog.get_by_role("button", name="Delete")
    await expect(button).to_be_disabled()
    await dialog.locator("#typed").fill("ol")
    await expect(button).to_be_disabled()
    await page.keyboard.press("Enter")
    assert ("shop", "old") in storage.collection("configmaps")
    await dialog.locator("#typed").fill("old")
    await button.click()
    await expect(dialog).to_have_count(0)
    await expect(page.locator("#drawer h2")).to_contain_text("deleted")
    assert ("shop", "old") not in storage.collection("configmaps")


async def test_restart(open_page: OpenPage, server: Server, clusters: Clusters) -> None:
    page = await open_page(server.url + CART)
    await page.get_by_role("button", name="Restart").click()
    await page.locator("#typed").fill("cart")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog")).to_have_count(0)
    annotations = cart(clusters)["spec"]["template"]["metadata"]["annotations"]
    assert "kubectl.kubernetes.io/restartedAt" in annotations


async def test_edit_shows_what_would_change_before_it_does(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    page = await open_page(server.url + CART)
    await page.get_by_role("button", name="Edit").click()
    dialog = page.locator("dialog")
    text = await dialog.locator("textarea").input_value()
    assert "\nkind: Deployment\n" in f"\n{text}"
    assert "cluster: prod" not in text
    before = cart(clusters)["spec"]["replicas"]
    await dialog.locator("textarea").fill(text.replace(f"\n  replicas: {before}\n", "\n  replicas: 9\n", 1))
    await dialog.get_by_role("button", name="Review").click()
    await expect(dialog.locator("[data-sign='+']", has_text="  replicas: 9")).to_be_visible()
    await expect(dialog.locator("[data-sign='-']", has_text=f"  replicas: {before}")).to_be_visible()
    assert cart(clusters)["spec"]["replicas"] == before
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    assert cart(clusters)["spec"]["replicas"] == 9


async def test_edit_says_what_is_wrong(open_page: OpenPage, server: Server) -> None:
    page = await open_page(server.url + CART)
    await page.get_by_role("button", name="Edit").click()
    dialog = page.locator("dialog")
    await dialog.locator("textarea").fill("a: [")
    await dialog.get_by_role("button", name="Review").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("line 2")
    await expect(dialog.locator("textarea")).to_be_visible()


async def test_what_is_read_only_has_no_actions(config: Path, open_page: OpenPage) -> None:
    async with Server(config, read_only=frozenset({"prod"})) as server:
        page = await open_page(server.url + CART)
        await expect(page.locator("#drawer header")).to_contain_text("read-only")
        await expect(page.locator("#drawer .actions [id^=action-]")).to_have_count(0)
        await page.keyboard.press("d")
        await expect(page.locator("dialog")).to_have_count(0)
        await page.goto(server.url + CART.replace("prod", "staging"))
        await expect(page.locator("#action-d")).to_be_visible()
        await expect(page.locator(".chip[data-cluster=prod] .state")).to_contain_text("read-only")


async def test_a_key_right_after_a_dialog_has_closed_is_heard(open_page: OpenPage, server: Server) -> None:
    page = await open_page(server.url + CART)
    await expect(page.locator("#action-e")).to_be_visible()
    await page.keyboard.press("d")
    await expect(page.get_by_role("dialog", name="Delete Deployment")).to_be_visible()
    # In one task: the page is not laid out between both.
    focused = await page.evaluate("""() => {
      document.querySelector("dialog").close();
      const field = document.activeElement;
      field.dispatchEvent(new KeyboardEvent("keydown", { key: "e", bubbles: true }));
      return field.id;
    }""")
    assert focused == "typed"
    await expect(page.get_by_role("dialog", name="Edit Deployment")).to_be_visible()
