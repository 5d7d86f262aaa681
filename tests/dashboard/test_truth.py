"""What the page makes of objects is what kubectl makes of them."""

import pytest
from playwright.async_api import Page

from app.cache.ages import human_duration


@pytest.mark.parametrize("seconds", [0, 119, 121, 600, 10_799, 28_700, 172_799, 700_000, 63_100_000, 3e8])
async def test_ages_are_those_of_the_server(page: Page, seconds: float) -> None:
    shown = await page.evaluate("async (s) => (await import('/web/ages.js')).humanDuration(s)", seconds)
    assert shown == human_duration(seconds)
