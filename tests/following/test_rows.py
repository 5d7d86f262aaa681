"""Streams of rows: the cells that a table has, in place of objects."""

from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from app.cache.objects import CachedObject
from app.cache.tables import Table, live_cells
from app.cache.tables.live_cells import LiveCell
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.streams import frame_shapes
from bench.testbed.served_fleet import Server, serving
from tests.builders import config_map, pod, widget, widget_crd
from tests.following.watching import Watched, listed, told, watched

BORN = "2026-01-02T03:04:05Z"
ROWS = {"resource": "pods", "shape": "table"}
WIDGETS = {"resource": "widgets.example.com", "shape": "table"}


def running(name: str, restarts: int = 0, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "creationTimestamp": BORN, "labels": labels}
    ended = {"terminated": {"finishedAt": "2026-01-02T04:00:00Z"}} if restarts else {}
    container = {"name": "main", "ready": True, "restartCount": restarts, "state": {"running": {}}}
    return pod(name) | {
        "metadata": metadata,
        "status": {"phase": "Running", "containerStatuses": [container | {"lastState": ended}]},
    }


def columns_of(frame: dict[str, Any]) -> list[str]:
    assert frame["type"] == "COLUMNS", frame
    return [column["name"] for column in frame["columns"]]


async def settled(stream: Watched, name: str, cells: list[Any]) -> list[dict[str, Any]]:
    """All frames up to the one that says that these are the cells of an object."""
    frames = [await stream.next()]
    while frames[-1].get("name") != name or frames[-1].get("cells") != cells:
        frames.append(await stream.next())
    return frames


async def test_a_row_is_what_the_table_says_with_ages_to_count(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    made = prod.storage.create(running("one", restarts=3))
    async with watched(session, server, cluster="prod", **ROWS) as stream:
        reset, columns, added, synced = await stream.until("SYNCED")
        assert reset == {"type": "RESET"}
        assert (columns["type"], columns["cluster"], columns["resource"]) == ("COLUMNS", "prod", "pods")
        assert columns["columns"][0] == {"name": "Name", "type": "string", "format": "name", "priority": 0}
        cells = dict(zip(columns_of(columns), added["cells"], strict=True))
        assert (cells["Name"], cells["Ready"], cells["Status"]) == ("one", "1/1", "Running")
        assert cells["Restarts"] == {"since": "2026-01-02T04:00:00Z", "text": "3 ({} ago)"}
        assert cells["Age"] == {"since": BORN}
        assert (added["namespace"], added["name"], added["uid"]) == (
            "default",
            "one",
            made["metadata"]["uid"],
        )
        assert "object" not in added
        assert synced["clusters"][0]["state"] == "synced"

        prod.storage.replace(running("one", restarts=4))
        modified = await stream.next()
        assert modified["type"] == "MODIFIED"
        assert modified["cells"][3]["text"] == "4 ({} ago)"
        prod.storage.remove(made)
        deleted = await stream.next()
        assert list(deleted) == ["type", "cluster", "resource", "namespace", "name", "uid", "resourceVersion"]
        assert (deleted["type"], deleted["name"]) == ("DELETED", "one")


async def test_fields_add_those_of_the_object(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(running("one", app="web"))
    async with watched(session, server, cluster="prod", fields="metadata.labels", **ROWS) as stream:
        added = (await stream.until("ADDED"))[-1]
        assert added["cells"][0] == "one"
        assert added["object"]["cluster"] == "prod"
        assert added["object"]["metadata"]["labels"] == {"app": "web"}
        assert "status" not in added["object"]


async def test_a_cursor_of_rows_is_good_for_rows_alone(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(running("one"))
    async with watched(session, server, **ROWS) as stream:
        cursor = (await stream.until("SYNCED"))[-1]["cursor"]
    prod.storage.create(running("two"))
    async with watched(session, server, cursor=cursor, **ROWS) as stream:
        frames = await stream.until("SYNCED")
        assert sorted(kind for kind, _ in told(frames)) == ["ADDED", "COLUMNS", "COLUMNS", "SYNCED"]
        assert [name for _, name in told(frames) if name] == ["two"]
    async with watched(session, server, resource="pods", cursor=cursor) as stream:
        assert told(await stream.until("SYNCED"))[0] == ("RESET", None)
    objects = (await listed(session, server, "/pods"))["metadata"]["resourceVersion"]
    async with watched(session, server, cursor=objects, **ROWS) as stream:
        assert told(await stream.until("SYNCED"))[0] == ("RESET", None)


async def test_who_wants_no_snapshot_is_told_the_columns_all_the_same(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    async with watched(session, server, initial="none", cluster="prod", **ROWS) as stream:
        assert columns_of(await stream.next())[:2] == ["Name", "Ready"]
        prod.storage.create(running("one"))
        assert (await stream.next())["cells"][2] == "Running"


async def test_printer_columns_of_definitions_with_slices_and_filters_also_when_they_change(
    prod: SimulatedCluster, edge: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    slices = {"name": "Last", "type": "string", "jsonPath": ".spec.hosts[-1:]"}
    filters = {"name": "Ready", "type": "string", "jsonPath": '.spec.parts[?(@.kind=="a")].state'}
    size = {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1}
    one = widget("one", hosts=["x", "y"], parts=[{"kind": "b"}, {"kind": "a", "state": "up"}], size=3)
    for cluster, columns in ((prod, (slices, filters)), (edge, (slices, filters, size))):
        cluster.storage.create(widget_crd(*columns))
        cluster.storage.create(one)
    async with watched(session, server, **WIDGETS) as stream:
        # What a definition says is learnt a little later.
        heads: dict[str, list[str]] = {}
        rows: dict[str, list[Any]] = {}
        while rows != {"edge": ["one", "y", "up", 3], "prod": ["one", "y", "up"]}:
            frame = await stream.next()
            if frame["type"] == "COLUMNS":
                heads[frame["cluster"]] = columns_of(frame)
            elif frame["type"] in ("ADDED", "MODIFIED"):
                rows[frame["cluster"]] = frame["cells"]
        assert heads == {"edge": ["Name", "Last", "Ready", "Size"], "prod": ["Name", "Last", "Ready"]}
    async with watched(session, server, **WIDGETS) as stream:
        cursor = (await stream.until("SYNCED"))[-1]["cursor"]

        # Other columns are other rows: of this cluster alone.
        held = prod.storage.collection("customresourcedefinitions.apiextensions.k8s.io")
        stored = held["", "widgets.example.com"].obj
        prod.storage.replace({**stored, "spec": widget_crd(size)["spec"]})
        changed = await settled(stream, "one", ["one", 3])
        assert told(changed)[-3:] == [("RESET", None), ("COLUMNS", None), ("ADDED", "one")]
        assert {frame["cluster"] for frame in changed if "cluster" in frame} == {"prod"}

    # Who was away meanwhile is told too.
    async with watched(session, server, cursor=cursor, **WIDGETS) as stream:
        frames = await stream.until("SYNCED")
        assert [(each["type"], each.get("cluster")) for each in frames] == [
            ("COLUMNS", "edge"),
            ("RESET", "prod"),
            ("COLUMNS", "prod"),
            ("ADDED", "prod"),
            ("SYNCED", None),
        ]


async def test_many_changes_at_once_arrive_as_rows_too(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    async with watched(session, server, cluster="prod", **ROWS) as stream:
        await stream.until("SYNCED")
        for number in range(700):
            prod.storage.create(running(f"p{number:03}"))
        rows: dict[str, str] = {}
        while len(rows) < 700:
            frame = await stream.next()
            if frame["type"] in ("ADDED", "MODIFIED"):
                rows[frame["name"]] = frame["cells"][2]
        assert set(rows.values()) == {"Running"}


async def test_an_odd_object_has_a_row_and_spoils_no_other(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    odd: list[dict[str, Any]] = [
        {**running("null"), "status": None, "spec": None},
        {
            **running("map"),
            "status": {"containerStatuses": {"a": 1}, "conditions": "x"},
            "spec": {"containers": {}},
        },
        {**running("text"), "status": "broken", "spec": []},
    ]
    for each in odd:
        prod.storage.create(each)
    prod.storage.create(running("zed"))
    async with watched(session, server, cluster="prod", **ROWS) as stream:
        frames = await stream.until("SYNCED")
    rows = {frame["name"]: frame["cells"] for frame in frames if frame["type"] == "ADDED"}
    assert rows.keys() == {"null", "map", "text", "zed"}
    assert [rows[name][0] for name in ("null", "map", "text")] == ["null", "map", "text"]
    assert rows["zed"][1:3] == ["1/1", "Running"]


async def test_rows_of_real_pods_are_a_small_part_of_them(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession
) -> None:
    for number in range(50):
        full = running(f"p{number}")
        full["spec"]["volumes"] = [{"name": f"v{each}", "emptyDir": {}} for each in range(40)]
        prod.storage.create(full)

    async def size(**query: str) -> int:
        async with watched(session, server, cluster="prod", resource="pods", **query) as stream:
            return sum(len(orjson.dumps(frame)) for frame in await stream.until("SYNCED"))

    assert await size(shape="table") * 4 < await size()


async def test_what_cannot_be_is_refused_in_one_line(server: Server, session: aiohttp.ClientSession) -> None:
    for path, query, detail in (
        (
            "/stream",
            {**ROWS, "delta": "merge"},
            "delta 'merge' is not accepted; accepted is none with shape=table",
        ),
        ("/stream", {**ROWS, "shape": "rows"}, "shape 'rows' is not accepted; accepted is object, table"),
        ("/pods", {"shape": "table"}, "shape 'table' is not accepted; accepted is that only with watch=1"),
    ):
        async with session.get(server.url + path, params=query) as answer:
            assert answer.status == 400
            assert (await answer.json())["detail"].startswith(detail)
    async with session.ws_connect(f"{server.url}/ws") as socket:
        await socket.send_json({"op": "subscribe", "id": "1", "delta": "merge", **ROWS})
        frame = await socket.receive_json()
        assert (frame["type"], frame["status"], frame["id"]) == ("ERROR", 400, "1")
        await socket.send_json({"op": "subscribe", "id": "2", **ROWS})
        assert (await socket.receive_json())["type"] == "RESET"
        assert (await socket.receive_json())["type"] == "COLUMNS"


async def test_rows_of_a_server_that_has_just_begun_go_on_from_those_of_another(
    prod: SimulatedCluster, config: Path, session: aiohttp.ClientSession
) -> None:
    prod.storage.create(running("one"))
    async with serving(config) as first, watched(session, first, **ROWS) as stream:
        cursor = (await stream.until("SYNCED"))[-1]["cursor"]
    prod.storage.create(running("two"))
    prod.storage.create(config_map("other"))
    async with serving(config) as second, watched(session, second, cursor=cursor, **ROWS) as stream:
        frames = await stream.until("SYNCED")
        assert "RESET" not in [kind for kind, _ in told(frames)]
        assert [name for _, name in told(frames) if name] == ["two"]


async def test_views_that_ask_for_other_objects_share_rows(
    prod: SimulatedCluster, server: Server, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(table: Table, found: CachedObject) -> list[LiveCell]:
        made.append(found.name)
        return live_cells(table, found)

    monkeypatch.setattr(frame_shapes, "live_cells", counted)
    prod.storage.create(running("one", app="web"))
    prod.storage.create(running("two"))
    async with watched(session, server, cluster="prod", **ROWS) as everything:
        await everything.until("SYNCED")
        async with watched(session, server, cluster="prod", labelSelector="app=web", **ROWS) as some:
            rows = [frame for frame in await some.until("SYNCED") if frame["type"] == "ADDED"]
            assert [frame["cells"][0] for frame in rows] == ["one"]
            assert sorted(made) == ["one", "two"]
            prod.storage.replace(running("one", restarts=2, app="web"))
            for stream in (everything, some):
                assert (await stream.next())["cells"][3]["text"] == "2 ({} ago)"
            assert sorted(made) == ["one", "one", "two"]
