"""Lists across clusters: the envelope, what is chosen, pages, and clusters that are not well."""

import asyncio
import json
import time

import pytest

from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import Catalog
from app.kube.discovery.well_known import WELL_KNOWN
from tests.builders import stored_pod
from tests.reading.conftest import Client, Held, StartServer


async def names(client: Client, path: str, **query: str) -> list[str]:
    async with client.get(path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        items = (await answer.json())["items"]
    return ["/".join((i["cluster"], i["metadata"]["namespace"], i["metadata"]["name"])) for i in items]


async def problem(client: Client, path: str, status: int, **query: str) -> str:
    async with client.get(path, params=query) as answer:
        document = json.loads(await answer.text())
        assert (answer.status, answer.content_type) == (status, "application/problem+json"), document
        assert list(document)[:4] == ["type", "title", "status", "detail"]
        assert document["status"] == status
        return str(document["detail"])


async def test_a_list_is_the_envelope_of_the_contract_in_its_order(client: Client) -> None:
    async with client.get("/pods", headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        text = await answer.text()
        cursor = answer.headers["X-Cursor"]
        assert "X-Clusters" not in answer.headers
        assert int(answer.headers["Content-Length"]) == len(text.encode())
    document = json.loads(text)
    assert list(document) == ["kind", "apiVersion", "metadata", "clusters", "items"]
    assert (document["kind"], document["apiVersion"]) == ("PodList", "v1")
    assert document["metadata"] == {"resourceVersion": cursor}
    assert [list(cluster) for cluster in document["clusters"]] == [
        ["name", "state", "since", "objects", "error"]
    ] * 2
    assert [(c["name"], c["state"], c["objects"], c["error"]) for c in document["clusters"]] == [
        ("prod", "synced", 2, None),
        ("staging", "synced", 2, None),
    ]
    item = document["items"][1]
    assert list(item)[:3] == ["cluster", "kind", "apiVersion"]
    assert item == {"cluster": "prod", **stored_pod("web-1", version=5, app="web")}


@pytest.mark.parametrize("word", ["pods", "po", "pod", "Pod", "PODS"])
async def test_a_resource_has_many_names(client: Client, word: str) -> None:
    assert len(await names(client, f"/{word}")) == 4


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["prod/data/db-1", "prod/default/web-1", "staging/default/web-1", "staging/default/web-2"]),
        ({"cluster": "staging"}, ["staging/default/web-1", "staging/default/web-2"]),
        ({"cluster": "staging,prod", "namespace": "data"}, ["prod/data/db-1"]),
        ({"namespace": "nowhere"}, []),
        ({"labelSelector": "app in (db)"}, ["prod/data/db-1"]),
        ({"fieldSelector": "metadata.name~^web,cluster=prod"}, ["prod/default/web-1"]),
        (
            {"sort": "-metadata.name"},
            ["staging/default/web-2", "prod/default/web-1", "staging/default/web-1", "prod/data/db-1"],
        ),
    ],
)
async def test_what_is_asked_for_is_chosen(client: Client, query: dict[str, str], found: list[str]) -> None:
    assert await names(client, "/pods", **query) == found


async def test_a_parameter_without_a_value_is_one_left_out(client: Client) -> None:
    empty = dict.fromkeys(("cluster", "namespace", "labelSelector", "sort", "limit", "fields", "format"), "")
    assert await names(client, "/pods", **empty) == await names(client, "/pods")


async def test_parameters_that_name_things_may_repeat(client: Client) -> None:
    both = ["prod/data/db-1", "prod/default/web-1"]
    assert await names(client, "/pods?namespace=data&namespace=default", cluster="prod") == both


async def test_pages_carry_the_first_cursor_and_count_down(client: Client, clusters: dict[str, Held]) -> None:
    seen, cursors, counts = [], set(), []
    query = {"limit": "1"}
    while True:
        async with client.get("/pods", params=query) as answer:
            page = await answer.json()
        seen += [item["metadata"]["uid"] for item in page["items"]]
        cursors.add(page["metadata"]["resourceVersion"])
        counts.append(page["metadata"].get("remainingItemCount"))
        if "continue" not in page["metadata"]:
            break
        query["continue"] = page["metadata"]["continue"]
        # What changes meanwhile moves the cursor of a new list, not of this one.
        clusters["prod"].fill(
            "pods", [stored_pod("web-1", version=5), stored_pod("db-1", "data", 7)], 10 + len(seen)
        )
    assert seen == ["data/db-1", "default/web-1", "default/web-1", "default/web-2"]
    assert (len(cursors), counts) == (1, [3, 2, 1, None])


async def test_a_page_of_another_query_is_refused(client: Client) -> None:
    async with client.get("/pods", params={"limit": "1"}) as answer:
        token = (await answer.json())["metadata"]["continue"]
    assert "continue" in await problem(client, "/pods", 400, **{"continue": token, "namespace": "data"})


async def test_fields_cut_items_down(client: Client) -> None:
    async with client.get(
        "/pods", params={"fields": "status.phase", "cluster": "prod", "limit": "1"}
    ) as answer:
        (item,) = (await answer.json())["items"]
    assert item == {
        "cluster": "prod",
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "db-1", "namespace": "data", "uid": "data/db-1", "resourceVersion": "7"},
        "status": {"phase": "Running"},
    }


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ({"labelselector": "a"}, ["'labelselector'", "accepted is labelSelector"]),
        ({"nonsense": "1"}, ["'nonsense'", "cluster", "fieldSelector"]),
        ({"labelSelector": "a=b=c"}, ["labelSelector", "'a=b=c'"]),
        ({"labelSelector": "a in b"}, ["labelSelector", "'a in b'"]),
        ({"fieldSelector": "a~("}, ["fieldSelector", "a~("]),
        ({"limit": "-1"}, ["limit", "'-1'", "a whole number"]),
        ({"sort": "a..b"}, ["sort", "a..b"]),
        ({"format": "xml"}, ["format", "'xml'", "ndjson"]),
        ({"after": "nonsense"}, ["after", "nonsense", "cursor"]),
        ({"namespace": "A_B"}, ["namespace", "A_B"]),
        ({"continue": "x"}, ["continue", "'x'"]),
    ],
)
async def test_a_wrong_parameter_is_named_with_what_is_accepted(
    client: Client, query: dict[str, str], parts: list[str]
) -> None:
    detail = await problem(client, "/pods", 400, **query)
    assert all(part in detail for part in parts), detail


async def test_a_parameter_that_cannot_repeat_is_refused_twice(client: Client) -> None:
    assert "limit" in await problem(client, "/pods?limit=1&limit=2", 400)


async def test_what_does_not_exist_is_named_with_what_is_near(client: Client) -> None:
    assert "pods" in await problem(client, "/podz", 404)
    assert "staging" in await problem(client, "/pods", 404, cluster="stagin")
    async with client.get("/pods", params={"cluster": "prod,stagin"}) as answer:
        assert json.loads(await answer.text())["cluster"] == "stagin"
    assert "/nothing/at/all" in await problem(client, "/nothing/at/all", 404)
    assert "/apply" in await problem(client, "/apply", 404)
    assert "/clusters/prod" in await problem(client, "/clusters/prod", 404)


async def test_other_methods_are_405_and_say_which_are_possible(client: Client) -> None:
    async with client.put("/pods") as answer:
        assert (answer.status, answer.content_type) == (405, "application/problem+json")
        assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_an_ambiguous_word_is_409_and_names_the_resources(
    client: Client, clusters: dict[str, Held]
) -> None:
    more = [
        Resource(group, "v1", "widgets", "widget", "Widget", True, verbs=frozenset({"list", "watch"}))
        for group in ("a.example.com", "b.example.com")
    ]
    clusters["prod"].catalog = Catalog([*WELL_KNOWN.resources, *more])
    async with client.get("/widgets") as answer:
        assert answer.status == 409
        assert json.loads(await answer.text())["resources"] == [
            "widgets.a.example.com",
            "widgets.b.example.com",
        ]


async def test_clusters_that_are_not_synced_are_said_and_delay_nothing(
    start: StartServer, clusters: dict[str, Held]
) -> None:
    clusters["staging"].report("pods", "unreachable", "connection refused")
    client = await start(sync_timeout=30)
    began = time.monotonic()
    async with client.get("/pods") as answer:
        document = await answer.json()
        assert answer.headers["X-Clusters"] == "staging=unreachable"
    assert time.monotonic() - began < 10
    assert len(document["items"]) == 4
    state = document["clusters"][1]
    assert (state["state"], state["objects"], state["error"]) == ("unreachable", 2, "connection refused")


async def test_a_first_list_is_waited_for_and_not_longer_than_said(
    start: StartServer, clusters: dict[str, Held]
) -> None:
    patient = await start(sync_timeout=30)
    clusters["prod"].begun.clear()
    asked = asyncio.create_task(names(patient, "/configmaps", cluster="prod"))
    await clusters["prod"].begun.wait()
    config = stored_pod("settings") | {"kind": "ConfigMap"}
    clusters["prod"].fill("configmaps", [config], 11)
    assert await asked == ["prod/default/settings"]
    impatient = await start(sync_timeout=0.1)
    async with impatient.get("/secrets") as answer:
        assert answer.headers["X-Clusters"] == "prod=syncing,staging=syncing"


async def test_a_resource_of_a_cluster_that_is_still_unknown_is_waited_for(
    start: StartServer, clusters: dict[str, Held]
) -> None:
    widgets = Resource(
        "example.com", "v1", "widgets", "widget", "Widget", True, verbs=frozenset({"list", "watch"})
    )
    clusters["new"] = new = Held("new")
    new.settled.clear()
    client = await start(sync_timeout=30)
    asked = asyncio.create_task(names(client, "/widgets", cluster="new"))
    await asyncio.sleep(0.05)
    assert not asked.done()
    new.catalog = Catalog([widgets])
    new.watches.follow(new.catalog)
    new.fill(
        "widgets.example.com", [stored_pod("one") | {"kind": "Widget", "apiVersion": "example.com/v1"}], 3
    )
    new.settled.set()
    assert await asked == ["new/default/one"]


async def test_after_waits_until_it_is_seen(client: Client, clusters: dict[str, Held]) -> None:
    clusters["prod"].fill("pods", [stored_pod("web-1", version=30)], 30)
    async with client.get("/pods", params={"cluster": "prod"}) as answer:
        cursor = answer.headers["X-Cursor"]
    clusters["prod"].fill("pods", [stored_pod("web-1", version=5)], 10)
    asked = asyncio.create_task(names(client, "/pods", after=cursor, cluster="prod"))
    await asyncio.sleep(0.05)
    assert not asked.done()
    clusters["prod"].fill("pods", [stored_pod("web-9", version=31)], 31)
    assert await asked == ["prod/default/web-9"]


async def test_after_what_does_not_come_says_stale(client: Client, clusters: dict[str, Held]) -> None:
    clusters["prod"].fill("pods", [], 30)
    async with client.get("/pods") as answer:
        cursor = answer.headers["X-Cursor"]
    clusters["prod"].fill("pods", [], 10)
    async with client.get("/pods", params={"after": cursor}) as answer:
        assert answer.headers["X-Clusters"] == "prod=stale"
        (state, _) = (await answer.json())["clusters"]
    assert "after=" in state["error"]


async def test_a_namespace_means_nothing_to_what_has_none(client: Client, clusters: dict[str, Held]) -> None:
    node = {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": "n1", "uid": "u", "resourceVersion": "4"},
    }
    for cluster in clusters.values():
        cluster.fill("nodes", [node], 9)
    async with client.get("/nodes", params={"namespace": "default", "format": "name"}) as answer:
        assert await answer.text() == "prod node/n1\nstaging node/n1\n"
