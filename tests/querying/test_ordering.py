"""Rows sort as their values mean, whatever is missing or mixed, and never tie."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.query.comparison import MISSING, comparable
from app.cache.query.order import Order, Row, first
from app.cache.query.query_errors import SelectorError
from app.cache.store import Store
from app.turns import Pace
from tests.querying.objects import make, patient


def arranged(sort: str, values: list[Any]) -> list[Any]:
    """The values of ``spec.x`` in order; NONE has none. Equal ones stay in the order given."""
    order = Order.parse(sort)
    rows = []
    for number, value in enumerate(values):
        found = make({"metadata": {"name": f"{number:04}"}, "spec": {} if value is NONE else {"x": value}})
        rows.append((order.key(found, "c"), value))
    return [value for _, value in sorted(rows, key=lambda row: row[0])]


NONE: Any = object()


def test_numbers_quantities_and_times_are_no_texts() -> None:
    assert arranged("spec.x", [10, 9, "1500m", "1Ki", 2.5]) == ["1500m", 2.5, 9, 10, "1Ki"]
    times = ["2026-01-01T10:00:00Z", "2026-01-01T11:30:00+02:00", "2026-01-01T09:59:59.5Z"]
    assert arranged("spec.x", times) == [times[1], times[2], times[0]]
    assert arranged("-spec.x", ["b", "ab", "a", "abc", "é"]) == ["é", "b", "abc", "ab", "a"]


def test_what_is_missing_comes_last_either_way() -> None:
    values = [NONE, "b", None, "a", "", 3]
    assert arranged("spec.x", values) == [3, "a", "b", NONE, None, ""]
    assert arranged("-spec.x", values) == ["b", "a", 3, NONE, None, ""]


def test_of_several_values_the_first_in_order_counts() -> None:
    many = [{"x": [{"y": 5}, {"y": 1}]}, {"x": [{"y": 3}]}, {"x": []}, {"x": [{}, {"y": 2}]}]
    order, back = Order.parse("spec.x[*].y"), Order.parse("-spec.x[*].y")
    found = [make({"metadata": {"name": str(number)}, "spec": spec}) for number, spec in enumerate(many)]
    assert sorted(range(4), key=lambda number: order.key(found[number], "c")) == [0, 3, 1, 2]
    assert sorted(range(4), key=lambda number: back.key(found[number], "c")) == [0, 1, 3, 2]


def test_names_are_texts_and_clusters_can_be_sorted_by() -> None:
    order = Order.parse("metadata.name")
    keys = {name: order.key(make({"metadata": {"name": name}}), "c") for name in ("10", "9", "1e1", "a")}
    assert sorted(keys, key=keys.__getitem__) == ["10", "1e1", "9", "a"]
    back = Order.parse("-cluster")
    assert back.key(make({}), "b") < back.key(make({}), "a")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("a[", "found '['"), ("--a", "found '-a'"), ("a,b,c,d,e", "5 paths"), ("a b", "found 'b'")],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SelectorError, match=r"^sort ") as caught:
        Order.parse(text)
    assert problem in str(caught.value)
    assert "descending with - before them" in str(caught.value)


anything = st.one_of(
    st.just(NONE),
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    st.sampled_from(["1", "10", "9", "100m", "1Ki", "1e2", "2026-01-01T10:00:00Z", "a\0", "a"]),
    st.just([]),
    st.just({}),
)


@patient
@given(st.lists(anything, max_size=12))
def test_both_directions_agree_with_comparing_values(values: list[Any]) -> None:
    def plain(value: Any) -> tuple[int, Any]:
        return comparable(None if value is NONE else value)

    present = [value for value in values if plain(value)[0] != MISSING]
    missing = [value for value in values if plain(value)[0] == MISSING]
    assert arranged("spec.x", values) == sorted(present, key=plain) + missing
    assert arranged("-spec.x", values) == sorted(present, key=plain, reverse=True) + missing


@pytest.mark.parametrize("count", [None, 0, 1, 1500, 4999, 6000])
async def test_many_rows_sort_in_steps(count: int | None) -> None:
    store, found = Store("c", "pods"), make({})
    rows: list[Row] = [((number // 7, str(number)), store, found) for number in range(5000)]
    shuffled = random.Random(3).sample(rows, len(rows))
    assert await first(shuffled, count, Pace()) == sorted(rows, key=lambda row: row[0])[:count]


async def test_long_work_lets_others_run() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    store, found = Store("c", "pods"), make({})
    rng = random.Random(4)
    rows: list[Row] = [((rng.random(), str(number)), store, found) for number in range(60_000)]
    await first(rows, None, Pace())
    task.cancel()
    assert turns > 3
