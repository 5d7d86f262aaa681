"""What the page makes of cells: texts, orders and columns of clusters that differ."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from tests.builders import widget, widget_crd
from tests.dashboard.conftest import OpenPage
from tests.dashboard.serving import Server, row, shows

Clusters = dict[str, SimulatedCluster]


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Capacity", ["250m", "1", "1500m", "2k", "1Mi", "2M", "1Gi", "5Gi", "<none>"]),
        ("Usage", ["10m", "250m", "2"]),
        ("Interval", ["30s", "5m", "10m", "1h", "2h30m", "3d", "unknown"]),
        ("Duration", ["45s", "5m10s", "10m", "2d5h", "3y20d"]),
        ("Ready", ["0/3", "1/2", "1/1", "3/3"]),
        ("Targets", ["5%/80%", "45%/80%", "110%/80%"]),
        ("Name", [2, 10, "alpha", "beta"]),
        ("Age", [{"since": "2026-11-27T10:00:00Z"}, {"since": "2026-11-26T10:00:00Z"}]),
        (
            "Restarts",
            [
                "0",
                {"since": "2020-01-01T00:00:00Z", "text": "9 ({} ago)"},
                {"since": "2026-01-01T00:00:00Z", "text": "10 ({} ago)"},
            ],
        ),
    ],
)
async def test_cells_are_ordered_by_what_they_mean(page: Page, column: str, cells: list[Any]) -> None:
    ordered = await page.evaluate(
        """async ([column, cells]) => {
          const { compareRanks, rankOf } = await import('/web/cells.js');
          return cells.toReversed().sort((a, b) => compareRanks(rankOf(a, column), rankOf(b, column)));
        }""",
        [column, cells],
    )
    assert ordered == cells


async def test_columns_with_slices_and_filters_of_clusters_that_differ(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    last = {"name": "Last", "type": "string", "jsonPath": ".spec.hosts[-1:]"}
    state = {"name": "State", "type": "string", "jsonPath": '.spec.parts[?(@.kind=="a")].state'}
    size = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
    parts = [{"kind": "b", "state": "no"}, {"kind": "a", "state": "Running"}]
    clusters["prod"].storage.create(widget_crd(last, state))
    clusters["prod"].storage.create(widget("one", hosts=["x", "y"], parts=parts))
    clusters["staging"].storage.create(widget_crd(size, last))
    clusters["staging"].storage.create(widget("two", hosts=["z"], size=10))
    clusters["staging"].storage.create(widget("three", hosts=["z"], size=9))
    page = await open_page(f"{server.url}/?resource=widgets.example.com&sort=-size")
    await expect(row(page, "one").locator("[role=gridcell]")).to_contain_text(["y", "Running"])
    heads = page.locator("[role=columnheader]")
    await expect(heads.filter(has_text="Size")).to_have_count(1)
    names = await heads.all_text_contents()
    assert sorted(names[3:]) == ["Last", "Size", "State"]
    cells = dict(
        zip(names, await row(page, "two").locator("[role=gridcell]").all_text_contents(), strict=True)
    )
    assert (cells["Last"], cells["Size"], cells["State"]) == ("z", "10", "")
    await shows(page, ["one", "two", "three"])


async def test_a_condition_that_is_not_true_is_a_problem(
    open_page: OpenPage, server: Server, clusters: Clusters
) -> None:
    clusters["prod"].storage.create(widget_crd())
    bad = {"conditions": [{"type": "Ready", "status": "False"}]}
    clusters["prod"].storage.create(widget("sound"))
    clusters["prod"].storage.create({**widget("broken"), "status": bad})
    page = await open_page(f"{server.url}/?resource=widgets.example.com&problems")
    await shows(page, ["broken"])


async def test_what_hides_in_a_text_is_shown(page: Page) -> None:
    shown = await page.evaluate(
        "async (text) => (await import('/web/cells.js')).textOf(text)", "a\u202eb\u200bc\x1b[31m"
    )
    assert shown == r"a\u202eb\u200bc\u001b[31m"


async def test_the_filter_finds_what_is_cut_on_the_screen(page: Page, clusters: Clusters) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "long", "namespace": "shop"},
        "type": "Normal",
        "message": "x" * 1000 + " needle",
    }
    clusters["prod"].storage.create(event)
    await page.goto(f"{page.url.partition('?')[0]}?resource=events&q=needle")
    await shows(page, ["long"])
    text = await row(page, "long").text_content() or ""
    assert "needle" not in text
    assert "x" * 400 + "…" in text
