"""The editor: the server's text, what was changed in it, and the review before it is saved."""

import base64
from typing import Any

from playwright.async_api import Locator, Page, expect

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.dashboard.conftest import OpenPage
from tests.dashboard.serving import Server

Clusters = dict[str, SimulatedCluster]
# What a browser, JSON in JavaScript or YAML take for something else.
DATA = {
    "controls": "a\u0085b\u2028c\u2029d\u007fe\u0001f\ufeffg",
    "ends": "a\r\nb\rc",
    "lines": "\n  a \n\tb\n\n\n",
    "looks": "1e3",
    "k" * 1500: "long",
    "\u2028": "name",
    "emoji": "😀 漢 \u202e\u200b",
}
SPEC = {"big": 2**63 - 1, "negative": -(2**53) - 1, "float": 1e21, "list": [DATA["controls"], 2**53 + 1]}


def plant(clusters: Clusters, kind: str = "ConfigMap", **members: Any) -> None:
    metadata = {"name": "odd", "namespace": "shop"}
    clusters["prod"].storage.create({"apiVersion": "v1", "kind": kind, "metadata": metadata, **members})


def stored(clusters: Clusters, resource: str = "configmaps") -> Any:
    return clusters["prod"].storage.collection(resource)["shop", "odd"].obj


async def edited(page: Page, old: str, new: str) -> Locator:
    """The dialog, in which one text stands in place of another."""
    await page.get_by_role("button", name="Edit").click()
    dialog = page.locator("dialog")
    text = await dialog.locator("textarea").input_value()
    assert old in text
    await dialog.locator("textarea").fill(text.replace(old, new, 1))
    await dialog.get_by_role("button", name="Review").click()
    return dialog


async def test_what_is_not_touched_stays_to_the_last_bit(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    plant(clusters, data={**DATA, "edited": "old"}, spec=SPEC)
    page = await open_page(f"{server.url}/?resource=configmaps&open=prod/shop/odd&tab=yaml")
    await expect(page.locator(".yaml")).to_contain_text("big: 9223372036854775807")
    dialog = await edited(page, "edited: old", "edited: 9007199254740993")
    await expect(dialog.get_by_role("alert")).to_be_hidden()
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    found = stored(clusters)
    assert found["data"] == {**DATA, "edited": 2**53 + 1}
    assert found["spec"] == SPEC
    await expect(page.locator(".yaml")).to_contain_text("edited: 9007199254740993")


async def test_everything_can_be_typed(open_page: OpenPage, server: Server, clusters: Clusters) -> None:
    plant(clusters, data={"edited": "old"}, spec={"n": 1})
    page = await open_page(f"{server.url}/?resource=configmaps&open=prod/shop/odd")
    name = "k" * 1100
    typed = f'"a\\Nb\\L\\P\\x7F"\n  ? {name}\n  : "\\u202e"'
    dialog = await edited(page, "old", typed)
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    found = stored(clusters)["data"]
    assert (found["edited"], found[name]) == ("a\u0085b\u2028\u2029\u007f", "\u202e")


async def test_a_status_that_changes_meanwhile_does_not_hinder(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    plant(clusters, data={"a": "old", "b": "old"}, status={"seen": 1})
    page = await open_page(f"{server.url}/?resource=configmaps&open=prod/shop/odd")
    dialog = await edited(page, "a: old", "a: mine")
    await expect(dialog.get_by_role("button", name="Save")).to_be_visible()
    clusters["prod"].storage.replace({**stored(clusters), "status": {"seen": 2}})
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    assert stored(clusters)["data"] == {"a": "mine", "b": "old"}
    assert stored(clusters)["status"] == {"seen": 2}


async def test_what_somebody_else_changed_is_named_and_nothing_is_thrown_away_at_once(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    plant(clusters, data={"a": "old"})
    page = await open_page(f"{server.url}/?resource=configmaps&open=prod/shop/odd")
    await page.get_by_role("button", name="Edit").click()
    dialog = page.locator("dialog")
    text = await dialog.locator("textarea").input_value()
    await dialog.locator("textarea").fill(text.replace("a: old", "a: mine"))
    clusters["prod"].storage.replace({**stored(clusters), "data": {"a": "theirs"}})
    await dialog.get_by_role("button", name="Review").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("somebody else has changed data.a meanwhile")
    await page.keyboard.press("Escape")
    await expect(dialog.get_by_role("alert")).to_contain_text("not saved")
    assert "a: mine" in await dialog.locator("textarea").input_value()
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_have_count(0)
    assert stored(clusters)["data"] == {"a": "theirs"}


async def test_a_value_of_a_secret_is_changed_and_none_is_sent_back(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    data = {name: base64.b64encode(name.encode()).decode() for name in ("user", "password")}
    plant(clusters, kind="Secret", data=data)
    page = await open_page(f"{server.url}/?resource=secrets&open=prod/shop/odd")
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.post_data or "") if request.method == "PATCH" else None
    )
    dialog = await edited(page, "password: ''", "password: bmV3")
    await expect(dialog.locator("[data-sign='+']", has_text="password: bmV3")).to_be_visible()
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    assert stored(clusters, "secrets")["data"] == {**data, "password": "bmV3"}
    assert not [body for body in sent if data["user"] in body]


async def test_nothing_changed_is_said(open_page: OpenPage, server: Server, clusters: Clusters) -> None:
    plant(clusters, data={"a": "old"})
    page = await open_page(f"{server.url}/?resource=configmaps&open=prod/shop/odd")
    dialog = await edited(page, "\ndata:", "\n# a comment\ndata:")
    await expect(dialog.locator(".diff")).to_contain_text("Nothing would change.")
    await expect(dialog.get_by_role("button", name="Save")).to_be_disabled()


# Runs a comparison several times; the machine may be busy with others.
_FASTEST = """async ([before, after]) => {
  const { changes, diffLines } = await import('/web/diff.js');
  let fastest = Infinity, lines = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const began = performance.now();
    lines = diffLines(before, after);
    fastest = Math.min(fastest, performance.now() - began);
  }
  const old = before.split('\\n'), now = after.split('\\n'), made = [];
  let at = 0;
  for (const [from, to, first, last] of changes(old, now)) {
    made.push(...old.slice(at, from), ...now.slice(first, last));
    at = to;
  }
  made.push(...old.slice(at));
  return [fastest, made.join('\\n') === after, lines.length];
}"""


async def test_long_texts_are_compared_at_once(page: Page) -> None:
    old = [f"  key-{number}: value {number % 97}" for number in range(20_000)]
    shapes = {
        "few": [line + "x" if number % 5000 == 7 else line for number, line in enumerate(old)],
        "many": [line + "x" if number % 50 == 0 else line for number, line in enumerate(old)],
        "every other": [line + "x" if number % 2 else line for number, line in enumerate(old)],
        "all": [f"z{line}" for line in old],
        "turned": old[::-1],
        "moved": old[9000:] + old[:9000],
        "alike": [f"line {number * 7919 % 13}" for number in range(20_000)],
        "none": [],
    }
    for name, now in shapes.items():
        took, right, _ = await page.evaluate(_FASTEST, ["\n".join(old), "\n".join(now)])
        assert right, name
        assert took < 50, name
    assert (await page.evaluate(_FASTEST, ["\n".join(old), "\n".join(shapes["few"])]))[2] == 4 * 8 + 5
    alike = "\n".join(f"line {number % 13}" for number in range(20_000))
    took, right, _ = await page.evaluate(_FASTEST, [alike, "\n".join(shapes["alike"])])
    assert right
    assert took < 50


async def test_a_comparison_is_as_short_as_can_be(page: Page) -> None:
    """Against the longest common subsequence, of small texts with many equal lines."""
    assert (
        await page.evaluate("""async () => {
      const { changes } = await import('/web/diff.js');
      let seed = 1;
      const next = (n) => (seed = (seed * 48271) % 2147483647) % n;
      const made = () => Array.from({ length: next(14) }, () => `l${next(4)}`);
      for (let turn = 0; turn < 3000; turn += 1) {
        const a = made(), b = made(), w = b.length + 1, t = new Int32Array((a.length + 1) * w);
        for (let i = a.length - 1; i >= 0; i -= 1)
          for (let j = b.length - 1; j >= 0; j -= 1)
            t[i * w + j] =
              a[i] === b[j] ? t[(i + 1) * w + j + 1] + 1 : Math.max(t[(i + 1) * w + j], t[i * w + j + 1]);
        const found = changes(a, b), out = [];
        let at = 0, size = 0;
        for (const [from, to, first, last] of found) {
          out.push(...a.slice(at, from), ...b.slice(first, last));
          at = to;
          size += to - from + last - first;
        }
        out.push(...a.slice(at));
        if (out.join() !== b.join() || size !== a.length + b.length - 2 * t[0]) return [a, b, found];
      }
      return true;
    }""")
        is True
    )


async def test_the_review_of_a_long_object_does_not_hold_the_page(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    data = {f"key-{number}": f"value {number}" for number in range(20_000)}
    plant(clusters, data=data)
    page = await open_page(f"{server.url}/?resource=configmaps&open=prod/shop/odd")
    await page.get_by_role("button", name="Edit").click()
    area = page.locator("dialog textarea")
    text = await area.input_value()
    after = "\n".join(
        line.replace("value", "other") if number % 5 == 0 else line
        for number, line in enumerate(text.split("\n"))
    )
    await area.evaluate("(area, text) => (area.value = text)", after)
    await page.evaluate("""() => {
      window.tasks = [];
      new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((each) => each.duration)))
        .observe({ type: 'longtask' });
    }""")
    await page.get_by_role("button", name="Review").click()
    # All of them come, a part at a time.
    lines = page.locator("dialog .diff [data-sign='+']")
    await expect(lines).to_have_count(4000, timeout=60_000)
    tasks = await page.evaluate("window.tasks")
    # By the clock, on a machine that may be busy with others: alone, no task takes more than some 50 ms.
    assert max(tasks, default=0) < 400, tasks
