"""Lists and single objects of a cluster's own API: from the cache where that is right, else forwarded."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from aiohttp import web

from app.api.door.callers import LOCAL
from app.api.door.quotas import SCANS
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import Catalog
from app.kube.discovery.definitions import Definition
from app.kubeapi.cached import cached_reads, list_pages
from tests.builders import stored_pod
from tests.kubeapi.conftest import Client, Front, Upstream
from tests.reading.conftest import Held
from tests.reading.test_unreadable import deliver, spoilt

PODS = "/clusters/prod/api/v1/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@pytest.fixture
async def held(front: Front, upstream: Upstream) -> tuple[Client, Held]:
    """A cluster with three pods as of version 10, in front of an API server that says nothing of them."""
    client, held = await front.client(upstream.url)
    found = [
        stored_pod("web-1", "team", 5, app="web"),
        stored_pod("db-1", "team-a", 7, app="db"),
        stored_pod("a", "x", 6, app="web"),
    ]
    held.fill("pods", found, 10)
    return client, held


async def ask(
    client: Client, path: str, query: Mapping[str, str] | None = None, **headers: str
) -> tuple[str, Any]:
    """Whether the cache answered, and what."""
    headers = {"Accept-Encoding": "identity", **headers}
    async with client.get(path, params=query, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return answer.headers["X-Cache"], json.loads(await answer.text())


def names(document: Any) -> list[str]:
    return [item["metadata"]["name"] for item in document["items"]]


async def test_a_list_is_one_of_kubernetes(held: tuple[Client, Held]) -> None:
    client, _ = held
    async with client.get(PODS, headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-cache, private"
        assert answer.headers["X-Cache"] == "hit"
        text = await answer.text()
        assert answer.headers["Content-Length"] == str(len(text))
    document = json.loads(text)
    assert list(document) == ["kind", "apiVersion", "metadata", "items"]
    assert (document["kind"], document["apiVersion"], document["metadata"]) == (
        "PodList",
        "v1",
        {"resourceVersion": "10"},
    )
    # In the order of etcd's keys; a list of a built-in kind does not say so of each item.
    assert names(document) == ["db-1", "web-1", "a"]
    assert list(document["items"][0]) == ["metadata", "spec", "status"]


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        ("", {"labelSelector": "app in (web),!x"}, ["web-1", "a"]),
        ("", {"fieldSelector": "metadata.name=a"}, ["a"]),
        ("", {"fieldSelector": "spec.nodeName=node-1,metadata.namespace!=x"}, ["db-1", "web-1"]),
        ("", {"fieldSelector": "status.phase=Failed"}, []),
        ("", {"resourceVersion": "0"}, ["db-1", "web-1", "a"]),
        ("", {"resourceVersion": "0", "limit": "1"}, ["db-1", "web-1", "a"]),
        ("", {"resourceVersion": "9"}, ["db-1", "web-1", "a"]),
        (
            "",
            {"resourceVersion": "9", "resourceVersionMatch": "NotOlderThan", "limit": "2"},
            ["db-1", "web-1"],
        ),
        ("", {"timeoutSeconds": "30", "watch": "false"}, ["db-1", "web-1", "a"]),
    ],
)
async def test_the_cache_answers(
    held: tuple[Client, Held], upstream: Upstream, path: str, query: dict[str, str], found: list[str]
) -> None:
    client, _ = held
    cached, document = await ask(client, PODS + path, query)
    assert (cached, names(document)) == ("hit", found)
    assert not upstream.seen


async def test_a_namespace_is_a_list(held: tuple[Client, Held]) -> None:
    client, _ = held
    for namespace, found in (("team", ["web-1"]), ("team-a", ["db-1"]), ("nowhere", [])):
        cached, document = await ask(client, f"/clusters/prod/api/v1/namespaces/{namespace}/pods")
        assert (cached, names(document)) == ("hit", found)


@pytest.mark.parametrize(
    ("path", "query", "headers"),
    [
        ("/api/v1/pods", {"fieldSelector": "spec.containers[0].name=x"}, {}),
        ("/api/v1/pods", {"fieldSelector": "status.podIPs=x"}, {}),
        ("/api/v1/pods", {"fieldSelector": "metadata.name~a"}, {}),
        ("/api/v1/pods", {"fieldSelector": "nonsense"}, {}),
        ("/api/v1/pods", {"labelSelector": "a=b=c"}, {}),
        ("/api/v1/pods", {"resourceVersion": "x"}, {}),
        ("/api/v1/pods", {"limit": "-1"}, {}),
        ("/api/v1/pods", {"resourceVersion": "10", "resourceVersionMatch": "Exact"}, {}),
        ("/api/v1/pods", {"resourceVersion": "10", "limit": "1"}, {}),
        ("/api/v1/pods", {"resourceVersionMatch": "NotOlderThan"}, {}),
        ("/api/v1/pods", {"pretty": "true"}, {}),
        ("/api/v1/pods", {"sendInitialEvents": "true"}, {}),
        ("/api/v1/pods", {"continue": "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"}, {}),
        ("/api/v1/pods?limit=1&limit=2", {}, {}),
        ("/api/v1/pods", {}, {"Accept": "application/vnd.kubernetes.protobuf"}),
        ("/api/v1/pods", {}, {"Accept": "application/yaml"}),
        ("/api/v1/pods", {}, {"Accept": "application/json;as=Table;v=v1beta1;g=meta.k8s.io"}),
        ("/api/v1/pods", {}, {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}),
        ("/api/v1/pods", {"includeObject": "Some"}, {"Accept": TABLE}),
        ("/api/v2/pods", {}, {}),
        ("/api/v1/pods/", {}, {}),
        ("/api/v1/watch/pods", {}, {}),
        ("/api/v1/namespaces/team/nodes", {}, {}),
        ("/api/v1/namespaces/team/pods/web-1", {}, {}),
        ("/api/v1/namespaces/team/pods/nothing", {}, {"Accept": TABLE}),
        ("/api/v1/namespaces/team/pods/web-1/status", {}, {}),
        ("/api/v1/secrets", {}, {}),
        ("/api/v1/secrets", {}, {"Accept": TABLE}),
        ("/apis/example.com/v1/pods", {}, {}),
    ],
)
async def test_the_api_server_is_asked(
    held: tuple[Client, Held],
    upstream: Upstream,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
) -> None:
    client, cluster = held
    cluster.fill("nodes", [], 9)
    cluster.fill("secrets", [{**stored_pod("s"), "kind": "Secret"}], 9)
    assert (await ask(client, f"/clusters/prod{path}", query, **headers))[0] == "miss"
    assert len(upstream.seen) == 1


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "application/json",
        "application/vnd.kubernetes.protobuf,application/json",
        "application/yaml;q=0.9, application/json;q=0.5",
        "application/json;charset=utf-8",
    ],
)
async def test_json_is_admitted(held: tuple[Client, Held], accept: str) -> None:
    cached, document = await ask(held[0], PODS, Accept=accept)
    assert (cached, document["kind"]) == ("hit", "PodList")


async def test_tables_and_metadata_alone(held: tuple[Client, Held]) -> None:
    client, _ = held
    cached, table = await ask(client, PODS, Accept=TABLE)
    assert (cached, table["kind"], table["apiVersion"]) == ("hit", "Table", "meta.k8s.io/v1")
    assert [column["name"] for column in table["columnDefinitions"]][:3] == ["Name", "Ready", "Status"]
    assert [row["cells"][0] for row in table["rows"]] == ["db-1", "web-1", "a"]
    assert table["rows"][0]["object"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": stored_pod("db-1", "team-a", 7, app="db")["metadata"],
    }
    for included, kind in (("None", None), ("Object", "Pod")):
        _, table = await ask(client, PODS, {"includeObject": included}, Accept=TABLE)
        assert (table["rows"][0]["object"] or {}).get("kind") == kind
    _, alone = await ask(client, PODS, Accept=METADATA)
    assert alone["kind"] == "PartialObjectMetadataList"
    assert [set(item) for item in alone["items"]] == [{"kind", "apiVersion", "metadata"}] * 3
    one = "/clusters/prod/api/v1/namespaces/team/pods/web-1"
    cached, table = await ask(client, one, Accept=TABLE)
    assert (cached, table["metadata"], len(table["rows"])) == ("hit", {"resourceVersion": "5"}, 1)
    cached, alone = await ask(client, one, Accept=METADATA.replace("List", ""))
    assert (cached, alone["metadata"]["name"]) == ("hit", "web-1")


async def test_tables_of_another_version_are_its_own(held: tuple[Client, Held]) -> None:
    client, cluster = held
    cluster.version = "v1.30.1"
    assert (await ask(client, PODS, Accept=TABLE))[0] == "miss"
    assert (await ask(client, PODS))[0] == "hit"


async def test_one_object_as_json_where_managed_fields_are_kept(held: tuple[Client, Held]) -> None:
    client, cluster = held
    cluster._options = msgspec.structs.replace(cluster.options, managed_fields=True)
    cached, document = await ask(client, "/clusters/prod/api/v1/namespaces/team/pods/web-1")
    assert (cached, document) == ("hit", stored_pod("web-1", "team", 5, app="web"))


async def test_a_custom_list_is_of_the_kind_that_its_definition_says(held: tuple[Client, Held]) -> None:
    client, cluster = held
    verbs = frozenset({"list", "watch"})
    widgets = Resource("example.com", "v1", "widgets", "widget", "Widget", True, verbs=verbs)
    cluster.catalog = Catalog([*cluster.catalog.resources, widgets])
    cluster.watches.follow(cluster.catalog)
    cluster.definitions.by_name[widgets.name] = Definition(widgets, {}, "Widgetry")
    custom = {**stored_pod("one", "x", 4), "kind": "Widget", "apiVersion": "example.com/v1"}
    cluster.fill(widgets.name, [custom], 9)
    cached, document = await ask(client, "/clusters/prod/apis/example.com/v1/widgets")
    assert (cached, document["kind"]) == ("hit", "Widgetry")
    # Of custom resources, each item says what it is.
    assert document["items"] == [custom]
    _, table = await ask(client, "/clusters/prod/apis/example.com/v1/widgets", Accept=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Age"]


async def test_secrets_that_are_held_whole(held: tuple[Client, Held]) -> None:
    client, cluster = held
    cluster._options = msgspec.structs.replace(cluster.options, secret_values=True)
    cluster.fill("secrets", [{**stored_pod("s"), "kind": "Secret"}], 9)
    assert (await ask(client, "/clusters/prod/api/v1/secrets"))[0] == "hit"


# Versions


async def test_a_newer_version_is_waited_for(held: tuple[Client, Held], upstream: Upstream) -> None:
    client, cluster = held
    asked = asyncio.create_task(ask(client, PODS, {"resourceVersion": "12"}))
    await asyncio.sleep(0.1)
    cluster._feed("pods").advance(12)
    cached, document = await asked
    assert (cached, document["metadata"]["resourceVersion"]) == ("hit", "12")
    assert not upstream.seen


async def test_a_version_that_does_not_come_is_forwarded(
    held: tuple[Client, Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_reads, "PATIENCE_SECONDS", 0.05)
    assert (await ask(held[0], PODS, {"resourceVersion": "999"}))[0] == "miss"


async def test_the_latest_state_comes_from_a_live_watch_only(held: tuple[Client, Held]) -> None:
    client, cluster = held
    cluster.report("pods", "stale", "connection lost")
    assert (await ask(client, PODS))[0] == "miss"
    # Any state, or one that is not older than this, is held.
    assert (await ask(client, PODS, {"resourceVersion": "0"}))[0] == "hit"
    assert (await ask(client, PODS, {"resourceVersion": "10"}))[0] == "hit"


async def test_the_latest_state_can_always_be_the_api_servers(front: Front, upstream: Upstream) -> None:
    client, cluster = await front.client(upstream.url, consistent_reads=True)
    cluster.fill("pods", [], 10)
    assert (await ask(client, PODS))[0] == "miss"
    assert (await ask(client, PODS, {"resourceVersion": "0"}))[0] == "hit"


async def test_what_is_asked_for_often_begins_to_be_watched(held: tuple[Client, Held]) -> None:
    client, cluster = held
    path = "/clusters/prod/api/v1/configmaps"
    for _ in range(2):
        assert (await ask(client, path))[0] == "miss"
        assert cluster.watches.get("configmaps") is None
    assert (await ask(client, path))[0] == "miss"
    assert cluster.watches.get("configmaps") is not None
    # Nothing waits for it.
    assert (await ask(client, path))[0] == "miss"
    cluster.fill("configmaps", [], 11)
    assert (await ask(client, path))[0] == "hit"


# A server that cannot be reached


async def test_where_nobody_answers_the_cache_does_and_says_so(held: tuple[Client, Held]) -> None:
    client, cluster = held
    access = cluster.connection
    assert access is not None
    access.server = "http://127.0.0.1:1"
    cluster.report("pods", "unreachable", "connection refused")
    for path, accept in (
        (PODS, "application/json"),
        ("/clusters/prod/api/v1/namespaces/team/pods/web-1", "*/*"),
    ):
        async with client.get(path, headers={"Accept": accept}) as answer:
            assert answer.status == 200
            assert answer.headers["X-Cache"] == "hit"
            assert answer.headers["Warning"].startswith('299 - "stale ')
    for path, query in (
        ("/clusters/prod/api/v1/secrets", {}),
        ("/clusters/prod/api/v1/namespaces/team/pods/nothing", {}),
        (PODS, {"pretty": "1"}),
        (PODS, {"resourceVersion": "99"}),
        ("/clusters/prod/version", {}),
    ):
        async with client.get(path, params=query) as answer:
            assert (answer.status, (await answer.json())["reason"]) == (503, "ServiceUnavailable")


async def test_what_lacks_an_object_that_cannot_be_read_does_not_stand_in(held: tuple[Client, Held]) -> None:
    client, cluster = held
    assert cluster.connection is not None
    cluster.connection.server = "http://127.0.0.1:1"
    deliver(cluster, "ADDED", spoilt("web-9", "11"))
    cluster.report("pods", "unreachable", "connection refused")
    one = "/clusters/prod/api/v1/namespaces/team/pods"
    for path, query, status in (
        (PODS, {}, 503),
        (PODS, {"resourceVersion": "0"}, 503),
        (one, {"labelSelector": "app=web"}, 503),
        (PODS, {"watch": "1", "resourceVersion": "11"}, 503),
        (f"{one}/web-9", {}, 503),
        (f"{one}/web-1", {}, 200),
    ):
        async with client.get(path, params=query) as answer:
            assert answer.status == status, (path, query)


# Pages


async def test_pages_show_one_version(held: tuple[Client, Held]) -> None:
    client, cluster = held
    seen, query = [], {"limit": "1"}
    for remaining in (2, 1, None):
        cached, page = await ask(client, PODS, query)
        assert (cached, page["metadata"]["resourceVersion"]) == ("hit", "10")
        assert page["metadata"].get("remainingItemCount") == remaining
        seen += names(page)
        query["continue"] = page["metadata"].get("continue", "")
        cluster.fill("pods", [stored_pod("new", "a", 11)], 11 + len(seen))
    assert (seen, query["continue"]) == (["db-1", "web-1", "a"], "")


async def test_a_selection_does_not_say_how_much_is_left(held: tuple[Client, Held]) -> None:
    _, page = await ask(held[0], PODS, {"limit": "1", "labelSelector": "app=web"})
    assert set(page["metadata"]) == {"resourceVersion", "continue"}


async def test_an_expired_page_can_be_gone_on_from(
    held: tuple[Client, Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, cluster = held
    monkeypatch.setattr(list_pages, "KEPT_SECONDS", 0.0)
    _, page = await ask(client, PODS, {"limit": "1"})
    cluster.fill("pods", [stored_pod("b", "team-a", 11), stored_pod("z", "x", 12)], 12)
    async with client.get(PODS, params={"limit": "1", "continue": page["metadata"]["continue"]}) as answer:
        expired = await answer.json()
    assert (answer.status, expired["reason"], expired["kind"]) == (410, "Expired", "Status")
    token = expired["metadata"]["continue"]
    cached, rest = await ask(client, PODS, {"limit": "5", "continue": token})
    assert (cached, names(rest), rest["metadata"]["resourceVersion"]) == ("hit", ["z"], "12")


async def test_a_token_is_good_for_its_list_only(held: tuple[Client, Held], upstream: Upstream) -> None:
    client, _ = held
    _, page = await ask(client, PODS, {"limit": "1"})
    token = page["metadata"]["continue"]
    async with client.get(PODS, params={"continue": token, "labelSelector": "app=web"}) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (400, "BadRequest")
    assert not upstream.seen


async def test_reads_are_counted(held: tuple[Client, Held]) -> None:
    client, _ = held
    await ask(client, PODS)
    await ask(client, PODS, {"pretty": "1"})
    await ask(client, "/clusters/prod/api/v1/namespaces/team/pods/web-1")
    async with client.get("/metrics") as answer:
        text = await answer.text()
    for verb, cached in (("list", "hit"), ("list", "miss"), ("get", "miss")):
        labels = f'cache="{cached}",cluster="prod",resource="pods",verb="{verb}"'
        assert f"k8s_mcp_cluster_reads_total{{{labels}}} 1.0" in text


# What was written


async def test_a_read_waits_for_what_was_written_before(
    held: tuple[Client, Held], upstream: Upstream
) -> None:
    client, cluster = held

    async def created(request: web.Request) -> web.StreamResponse:
        return web.json_response(stored_pod("new", "team", 12), status=201)

    upstream.handler = created
    async with client.post("/clusters/prod/api/v1/namespaces/team/pods", json={}) as answer:
        assert answer.status == 201
    asked = asyncio.create_task(ask(client, "/clusters/prod/api/v1/namespaces/team/pods"))
    await asyncio.sleep(0.1)
    assert not asked.done()
    cluster.fill("pods", [stored_pod("new", "team", 12)], 12)
    cached, document = await asked
    assert (cached, names(document)) == ("hit", ["new"])


async def test_a_read_waits_for_what_was_deleted_before(
    held: tuple[Client, Held], upstream: Upstream
) -> None:
    client, cluster = held

    async def deleted(request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "details": {"name": "web-1", "uid": "team/web-1"}})

    upstream.handler = deleted
    async with client.delete("/clusters/prod/api/v1/namespaces/team/pods/web-1"):
        pass
    asked = asyncio.create_task(ask(client, "/clusters/prod/api/v1/namespaces/team/pods"))
    await asyncio.sleep(0.1)
    assert not asked.done()
    cluster._feed("pods").store.delete("team\0web-1", "team/web-1", 13)
    assert names((await asked)[1]) == []


async def test_a_dry_run_is_not_waited_for(held: tuple[Client, Held], upstream: Upstream) -> None:
    client, cluster = held

    async def created(request: web.Request) -> web.StreamResponse:
        return web.json_response(stored_pod("new", "team", 12), status=201)

    upstream.handler = created
    async with client.post("/clusters/prod/api/v1/namespaces/team/pods?dryRun=All", json={}):
        pass
    assert not cluster.written.pending("pods")


async def test_scans_are_bounded_for_each_caller(front: Front, upstream: Upstream) -> None:
    client, held = await front.client(upstream.url, scans_per_caller=1)
    held.fill("pods", [stored_pod("web-1", "team", 5, app="web")], 10)
    asked: list[tuple[Mapping[str, str], dict[str, str]]] = [
        ({"resourceVersion": "0", "fieldSelector": "metadata.name=web-1"}, {}),
        ({"resourceVersion": "0"}, {"Accept": TABLE}),
        ({"resourceVersion": "0"}, {"Accept": METADATA}),
    ]
    for _ in range(2):
        assert [(await ask(client, PODS, query, **headers))[0] for query, headers in asked] == ["hit"] * 3
    # As if one were under way.
    client.app[SCANS]._taken[LOCAL.name, "127.0.0.1"] += 1
    for query, headers in asked:
        async with client.get(PODS, params=query, headers=headers) as answer:
            status = await answer.json(content_type=None)
            assert (answer.status, status["kind"], status["reason"]) == (429, "Status", "TooManyRequests")
            assert "raise scans_per_caller" in status["message"]
    async with client.get(PODS, params={"resourceVersion": "0"}) as answer:
        assert answer.status == 200
