"""Cells whose ages somebody else counts say what a table of that moment says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from app.cache.ages import parse_time, since
from app.cache.objects import CachedObject, Labels
from app.cache.tables import Column, Table, live_cells, table_for
from app.simulator.apiserver.registry import Registry
from app.simulator.seed.cluster_seed import ClusterPlan, cluster_objects

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
PLAN = ClusterPlan("prod", region="eu", nodes=3, scale=0.5, namespaces=frozenset({"shop", "cert-manager"}))


def cached(obj: dict[str, Any] | bytes) -> CachedObject:
    document = obj if isinstance(obj, bytes) else orjson.dumps(obj)
    return CachedObject("default\0one", "u", 1, Labels(b"{}", {}), document[1:])


def counted(cell: Any, now: datetime) -> Any:
    """What a client shows of a cell."""
    if not isinstance(cell, dict):
        return cell
    return cell.get("text", "{}").replace("{}", since(parse_time(cell["since"]), now))


@pytest.mark.parametrize("later", [timedelta(), timedelta(minutes=7), timedelta(days=400)])
def test_every_kind_of_the_demo(later: timedelta) -> None:
    registry = Registry()
    aged = 0
    for obj in cluster_objects(PLAN, NOW):
        if obj["kind"] == "CustomResourceDefinition":
            registry.follow(None, obj)
        name = registry.of(obj).name
        table = table_for(name)
        if table.of_list is not None:
            continue
        cells = live_cells(table, cached(obj))
        (row,) = table.rows([obj], NOW + later)
        assert [counted(cell, NOW + later) for cell in cells] == row, name
        aged += any(isinstance(cell, dict) for cell in cells)
    assert aged > 20


def test_dates_of_definitions_and_of_running_jobs_go_on() -> None:
    date = {"name": "Renews", "type": "date", "jsonPath": ".spec.at"}
    obj = {"metadata": {"name": "one"}, "spec": {"at": "2026-11-27T09:00:00.25Z"}}
    assert live_cells(table_for("a.example.com", [date]), cached(obj)) == [
        "one",
        {"since": "2026-11-27T09:00:00.250000Z"},
    ]
    job = {"metadata": {"name": "one"}, "status": {"startTime": "2026-11-27T09:00:00Z"}}
    assert live_cells(table_for("jobs.batch"), cached(job))[3] == {"since": "2026-11-27T09:00:00Z"}
    job["status"]["completionTime"] = "2026-11-27T09:05:10Z"
    assert live_cells(table_for("jobs.batch"), cached(job))[3] == "5m10s"


def test_numbers_that_are_read_as_others_are_texts() -> None:
    size = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
    share = {"name": "Share", "type": "number", "jsonPath": ".spec.share"}
    table = table_for("a.example.com", [size, share])
    document = b'{"metadata":{"name":"one"},"spec":{"size":9007199254740993,"share":1e999}}'
    assert live_cells(table, cached(document)) == ["one", "9007199254740993", "1e999"]


def test_a_number_of_any_length_leaves_the_rest_readable() -> None:
    document = b'{"metadata":{"name":"one"},"spec":{"size":%s},"status":{"phase":"Odd"}}' % (b"9" * 5000)
    assert live_cells(table_for("pods"), cached(document))[2] == "Odd"


@pytest.mark.parametrize("document", [b"{]", b'{"spec":%s}' % (b"[" * 2000 + b"]" * 2000)])
def test_what_cannot_be_read_is_unknown(document: bytes) -> None:
    cells = live_cells(table_for("pods"), cached(document))
    assert cells == ["one", *["<unknown>"] * 8]


def test_a_table_that_fails_is_unknown() -> None:
    def fails(obj: Any, now: datetime) -> Any:
        raise KeyError("spec")

    table = Table((Column("Name", format="name"), Column("Size")), fails)
    assert live_cells(table, cached({"metadata": {"name": "one"}})) == ["one", "<unknown>"]
