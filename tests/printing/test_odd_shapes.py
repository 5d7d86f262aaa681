"""What an object has that nobody expects spoils its own row, field or line, and no other."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.cache.ages import UNCOUNTED, since
from app.cache.event_times import last_seen
from app.cache.tables import Column, Table, table_for
from app.client.kube_object import Object
from app.json_access import Object as Json
from tests.querying.objects import make

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def test_a_row_that_cannot_be_made_leaves_the_others() -> None:
    def row(obj: Json, now: datetime) -> list[Any]:
        return [obj["metadata"]["name"], 1 // obj["size"]]

    for of_list in (None, lambda objects, now: [row(each, now) for each in objects]):
        table = Table((Column("Name", format="name"), Column("Size")), row, of_list)
        rows = table.rows([{"metadata": {"name": name}, "size": ord(name) - 98} for name in "abc"], NOW)
        assert rows == [["a", -1], ["b", "<unknown>"], ["c", 1]]


def test_an_object_that_cannot_be_decoded_keeps_its_name() -> None:
    found = make({"metadata": {"name": "deep"}, "spec": "X"})
    deep = type(found)(found.key, "", 1, found.labels, found.tail.replace(b'"X"', b"[" * 2000 + b"]" * 2000))
    rows = table_for("configmaps").rows_of([make({"metadata": {"name": "a"}}), deep], NOW)
    assert rows == [["a", 0, "<unknown>"], ["deep", "<unknown>", "<unknown>"]]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_beyond_all_calendars_are_unknown(time: str) -> None:
    assert since(time, NOW) == since(time, UNCOUNTED) == "<unknown>"


@pytest.mark.parametrize("odd", [{"series": "x"}, {"series": {"count": 1e300}}, {"metadata": {"x": 1}}])
def test_an_event_of_odd_shape_is_sorted_by_the_times_that_it_has(odd: Json) -> None:
    assert last_seen(make({"lastTimestamp": "2026-11-27T10:00:00Z", **odd})) == "2026-11-27T10:00:00Z"
    assert last_seen(make({"lastTimestamp": 5, "eventTime": "2026-11-27T10:00:00Z", **odd})) == (
        "2026-11-27T10:00:00Z"
    )


def test_lists_in_lists_of_a_clients_object_may_be_deep() -> None:
    deep: Any = [{"a": 1}]
    for _ in range(900):
        deep = [deep, 2]
    found: Any = Object(deep=deep).deep
    for _ in range(900):
        found, two = found
        assert two == 2
    assert found[0].a == 1
