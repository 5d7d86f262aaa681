"""What is seen is in the address, and comes back from it."""

from playwright.async_api import Page, expect

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.dashboard.conftest import OpenPage
from tests.dashboard.serving import Server, row, shop_pod, shows

Clusters = dict[str, SimulatedCluster]


async def test_the_filter_goes_into_the_address_and_back(
    page: Page, open_page: OpenPage, clusters: Clusters
) -> None:
    for name in ("blue-web", "blue-worker", "green-web"):
        clusters["prod"].storage.create(shop_pod(name))
    await page.keyboard.press("/")
    for text, found in (
        ("blue", ["blue-web", "blue-worker"]),
        ("blue !worker", ["blue-web"]),
        (r"/^prod shop (blue|green)-web/", ["blue-web", "green-web"]),
        ("-l app in (green-web,blue-worker)", ["blue-worker", "green-web"]),
        ("web -l app!=green-web,app in (green-web,blue-web)", ["blue-web"]),
    ):
        await page.locator("#filter").fill(text)
        await shows(page, found)
    await page.wait_for_function("new URLSearchParams(location.search).get('q')?.startsWith('web -l app!=')")
    again = await open_page(page.url)
    await expect(again.locator("#filter")).to_have_value("web -l app!=green-web,app in (green-web,blue-web)")
    await shows(again, ["blue-web"])


async def test_a_filter_that_is_wrong_is_told_and_breaks_nothing(page: Page) -> None:
    await page.locator("#filter").fill("/[/")
    await expect(page.locator("#trouble")).to_contain_text("regular expression")
    await page.locator("#filter").fill("-l a in b")
    await expect(page.locator("#trouble")).to_contain_text("labelSelector")
    await page.locator("#filter").fill("")
    await expect(page.locator("#trouble")).to_be_hidden()
    await expect(page.locator("[role=gridcell]").first).to_be_visible()


async def test_the_address_says_resource_clusters_namespace_order_and_problems(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    page = await open_page(f"{server.url}/?resource=deploy&cluster=prod&namespace=shop&sort=-name")
    found = [
        name
        for namespace, name in clusters["prod"].storage.collection("deployments.apps")
        if namespace == "shop"
    ]
    await shows(page, sorted(found, reverse=True))
    await expect(page.locator("#resource")).to_have_text("Deployment")
    await (
        page.get_by_role("button", name="Order by Age")
        .or_(page.locator("button[title='Order by Age']"))
        .click()
    )
    await page.wait_for_function("location.search.includes('sort=age')")
    clusters["prod"].storage.create(shop_pod("aaa-broken", "CrashLoopBackOff"))
    clusters["prod"].storage.create(shop_pod("aaa-fine"))
    page = await open_page(f"{server.url}/?q=aaa&problems")
    await shows(page, ["aaa-broken"])
    await expect(page.locator("#problems")).to_have_attribute("aria-pressed", "true")


async def test_any_resource_with_the_columns_of_its_kind(open_page: OpenPage, server: Server) -> None:
    page = await open_page(f"{server.url}/?resource=nodes")
    await expect(page.locator("[role=columnheader]")).to_have_text(
        ["Cluster", "Name", "Status", "Roles", "Age", "Version", "Internal-IP"]
    )
    await expect(row(page, "control-plane").first).to_contain_text("Ready")
    await page.keyboard.press(":")
    await page.keyboard.type("certificates.cert")
    await page.keyboard.press("Enter")
    await expect(page.locator("#resource")).to_have_text("Certificate")
    await expect(page.locator("[role=columnheader]")).to_contain_text(
        ["Namespace", "Name", "Ready", "Secret"]
    )


async def test_keys_do_it_all(page: Page) -> None:
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    second = await page.locator(".body [role=row][aria-rowindex='3']").get_attribute("data-key")
    selected = page.locator("[role=row][aria-selected=true]")
    await expect(selected).to_have_attribute("data-key", second or "")
    await page.keyboard.press("G")
    await expect(selected).to_have_attribute("aria-rowindex", await rows_of(page))
    await page.keyboard.press("g")
    await page.keyboard.press("Enter")
    await expect(page.locator("#drawer h2")).to_be_visible()
    await page.keyboard.press("y")
    await expect(page.locator(".yaml")).to_contain_text("kind: Pod")
    await page.keyboard.press("j")
    await expect(page.locator(".yaml")).to_contain_text("kind: Pod")
    await page.keyboard.press("Escape")
    await expect(page.locator("#drawer")).to_be_hidden()
    await page.keyboard.press("2")
    await expect(page.locator(".chip[data-cluster=staging]")).to_have_attribute("aria-pressed", "true")
    await page.wait_for_function("location.search.includes('cluster=staging')")
    await page.keyboard.press("p")
    await expect(page.locator("#problems")).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("?")
    await expect(page.locator("dialog")).to_contain_text("another resource")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)


async def rows_of(page: Page) -> str:
    return await page.locator("#grid").get_attribute("aria-rowcount") or ""
