"""What the page makes of objects is what kubectl and YAML make of them."""

from typing import Any

import pytest
import yaml
from playwright.async_api import Page

from app.cache.ages import human_duration
from app.demo.server import SimulatedCluster

NASTY = [
    *(
        "",
        " a",
        "a ",
        "yes",
        "NO",
        "null",
        "~",
        "1",
        "-1.5e3",
        "0x1f",
        "010",
        "1:30",
        "2026-01-01",
        "=",
        "<<",
    ),
    *(
        "a: b",
        "a #b",
        "#a",
        "- a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "'a",
        '"a',
        "{a",
        "[a",
        "a:",
        "|",
        ">",
    ),
    *(
        "a\nb",
        "a\nb\n",
        "a\n\nb\n\n",
        "\na",
        "a\n b\n",
        "tab\there",
        "a\r\nb",
        "é ü 漢",
        "\u0007",
        "a\n",
        "\n",
    ),
]


async def test_yaml_comes_back_as_it_went(page: Page, clusters: dict[str, SimulatedCluster]) -> None:
    values: list[Any] = [*clusters["prod"].storage.objects()]
    values += [
        {"texts": NASTY, "empty": [{}, [], None, True, 0.5], "deep": [[["a"], {"b": [1]}]]},
        {text: {text: [text, {"k": text}]} for text in NASTY},
    ]
    written = await page.evaluate(
        "async (values) => { const { toYaml } = await import('/web/yaml.js'); return values.map(toYaml); }",
        values,
    )
    for value, text in zip(values, written, strict=True):
        assert yaml.safe_load(text) == value


@pytest.mark.parametrize("seconds", [0, 119, 121, 600, 10_799, 28_700, 172_799, 700_000, 63_100_000, 3e8])
async def test_ages_are_those_of_the_server(page: Page, seconds: float) -> None:
    shown = await page.evaluate("async (s) => (await import('/web/ages.js')).humanDuration(s)", seconds)
    assert shown == human_duration(seconds)
