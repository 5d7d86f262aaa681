"""POST /apply: many documents, in an order that can work, to many clusters."""

import asyncio
import time
from typing import Any

import orjson
import pytest
import yaml

from app.simulator.apiserver.faults import Fault
from tests.builders import config_map, deployment, namespace, widget, widget_crd
from tests.writing.conftest import Client, Clusters, StartClusters, StartServer

YAML = {"Content-Type": "application/yaml"}
DEFINITION = widget_crd()
WIDGET = widget("w", "shop")
SHOP = namespace("shop")


def manifest(*documents: Any) -> str:
    return yaml.safe_dump_all(documents)


async def applied(client: Client, body: Any, status: int = 201, **params: str) -> Any:
    data = body if isinstance(body, str) else orjson.dumps(body)
    headers = YAML if isinstance(body, str) else {"Content-Type": "application/json"}
    async with client.post(
        "/apply", params={"cluster": "prod"} | params, data=data, headers=headers
    ) as answer:
        text = await answer.read()
        assert answer.status == status, text
        return orjson.loads(text)


def documents(answer: Any, cluster: int = 0) -> list[tuple[str, str | None, str, int]]:
    return [
        (each["kind"], each["namespace"], each["name"], each["status"])
        for each in answer["results"][cluster]["documents"]
    ]


async def test_what_others_need_comes_first_and_results_keep_the_order(client: Client) -> None:
    answer = await applied(client, manifest(WIDGET, config_map("a", "shop"), DEFINITION, SHOP))
    assert documents(answer) == [
        ("Widget", "shop", "w", 201),
        ("ConfigMap", "shop", "a", 201),
        ("CustomResourceDefinition", None, "widgets.example.com", 201),
        ("Namespace", None, "shop", 201),
    ]
    assert answer["results"][0]["documents"][0]["object"]["cluster"] == "prod"
    answer = await applied(client, manifest(WIDGET, config_map("b", "shop")), 207)
    assert [status for *_, status in documents(answer)] == [200, 201]


async def test_lists_are_taken_apart(client: Client) -> None:
    bare = config_map("c")
    bare.pop("kind")
    inner = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [bare]}
    answer = await applied(
        client, {"apiVersion": "v1", "kind": "List", "items": [config_map("a"), inner, config_map("b")]}
    )
    assert [name for _, _, name, _ in documents(answer)] == ["a", "c", "b"]


async def test_json_may_have_many_documents_too(client: Client) -> None:
    answer = await applied(client, [config_map("a", "shop"), SHOP])
    assert [name for _, _, name, _ in documents(answer)] == ["a", "shop"]


async def test_a_read_only_cluster_refuses_every_document(clusters: Clusters, serve: StartServer) -> None:
    client = await serve(clusters, read_only=True)
    answer = await applied(client, manifest(SHOP, config_map("a")), 403)
    assert [status for *_, status in documents(answer)] == [403, 403]
    assert "read-only" in answer["results"][0]["documents"][0]["error"]["detail"]
    assert ("", "shop") not in clusters["prod"].storage.collection("namespaces")
    await applied(client, manifest(SHOP), dryRun="All")


async def test_namespace_is_for_those_that_name_none(client: Client, clusters: Clusters) -> None:
    bare = config_map("a")
    del bare["metadata"]["namespace"]
    answer = await applied(client, manifest(bare, SHOP), 207)
    assert documents(answer)[0] == ("ConfigMap", None, "a", 400)
    assert "needs a namespace" in answer["results"][0]["documents"][0]["error"]["detail"]
    answer = await applied(client, manifest(bare, config_map("b"), SHOP), 207, namespace="shop")
    assert documents(answer) == [
        ("ConfigMap", "shop", "a", 201),
        ("ConfigMap", "default", "b", 201),
        ("Namespace", None, "shop", 200),
    ]


async def test_each_document_says_what_became_of_it(client: Client, clusters: Clusters) -> None:
    clusters["prod"].storage.create(
        {
            **config_map("taken", data={"x": "1"}),
            "metadata": {
                "name": "taken",
                "namespace": "default",
                "managedFields": [
                    {
                        "manager": "other",
                        "operation": "Apply",
                        "apiVersion": "v1",
                        "fieldsType": "FieldsV1",
                        "fieldsV1": {"f:data": {"f:x": {}}},
                    }
                ],
            },
        }
    )
    unknown = {"apiVersion": "example.org/v1", "kind": "Nothing", "metadata": {"name": "nothing"}}
    lost = config_map("lost", "nowhere")
    body = manifest(config_map("taken", data={"x": "2"}), unknown, lost, config_map("fine"))
    answer = await applied(client, body, 207)
    assert [status for *_, status in documents(answer)] == [409, 404, 404, 201]
    errors = [each.get("error", {}) for each in answer["results"][0]["documents"]]
    assert errors[0]["reason"] == "Conflict"
    assert '"other"' in errors[0]["detail"]
    assert "example.org/v1" in errors[1]["detail"]
    answer = await applied(client, body, 207, force="true")
    assert [status for *_, status in documents(answer)] == [200, 404, 404, 200]


async def test_a_dry_run_applies_nothing(client: Client, clusters: Clusters) -> None:
    async with client.post(
        "/apply", params={"cluster": "prod", "dryRun": "All"}, data=manifest(SHOP), headers=YAML
    ) as answer:
        assert answer.status == 201
        assert "X-Cursor" not in answer.headers
    assert ("", "shop") not in clusters["prod"].storage.collection("namespaces")


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", ["no object"]),
        ("---\n---\n", ["no object"]),
        ("a: [", ["line 2"]),
        ("- a", ["document 1", "list"]),
        (manifest(config_map("a"), {"kind": "ConfigMap"}), ["document 2", "apiVersion"]),
        (manifest({**config_map("a"), "metadata": {}}), ["document 1", "metadata.name"]),
        (manifest({**config_map("a"), "metadata": {"name": 5}}), ["metadata.name", "int", "5"]),
        ("[" * 100_000, ["nest"]),
    ],
)
async def test_what_cannot_be_read_is_applied_nowhere(client: Client, body: str, parts: list[str]) -> None:
    problem = await applied(client, body, 400)
    assert all(part in problem["detail"] for part in parts), problem


async def test_thirty_documents_to_ten_clusters_one_dead_and_one_refusing(
    start_clusters: StartClusters, serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{number}" for number in range(10)]
    clusters = await start_clusters(*names)
    client = await serve(clusters)
    monkeypatch.setattr("app.writes.apply_manifest.LIMIT_SECONDS", 6.0)
    clusters["c3"].faults.add(Fault.HANG)
    clusters["c7"].faults.add(Fault.FORBIDDEN, verb="patch")
    thirty = [
        WIDGET,
        *(config_map(f"m{number}", "shop") for number in range(20)),
        *(deployment(f"d{number}") for number in range(7)),
        DEFINITION,
        SHOP,
    ]
    assert len(thirty) == 30
    started = time.monotonic()
    answer = await applied(client, manifest(*thirty), 207, cluster="*")
    took = time.monotonic() - started
    found = {each["cluster"]: each for each in answer["results"]}
    assert list(found) == names
    assert all(len(each["documents"]) == 30 for each in found.values())
    assert {name for name in names if found[name]["status"] == 201} == {*names} - {"c3", "c7"}
    # Where the definition is refused, there is no such kind either.
    assert {status for *_, status in documents(answer, 7)} == {403, 404}
    assert found["c3"]["status"] == 504
    assert "not tried" in found["c3"]["documents"][0]["error"]["detail"]
    assert took < 9
    clusters["c3"].faults.clear()


@pytest.mark.parametrize(
    "changed",
    [
        {"metadata": {"name": "..", "namespace": "default"}},
        {"metadata": {"name": "a/../../secrets/s", "namespace": "default"}},
        {"metadata": {"name": "a%2f..", "namespace": "default"}},
        {"metadata": {"name": "web/status", "namespace": "default"}},
    ],
)
async def test_names_lead_nowhere_else(client: Client, clusters: Clusters, changed: Any) -> None:
    answer = await applied(client, {**config_map("a"), **changed}, 400)
    assert "no name of Kubernetes" in answer["results"][0]["documents"][0]["error"]["detail"]


@pytest.mark.parametrize("version", ["..", "v1/..", "v1?x=", "v1#", "v1\f", "v1\r\nX-A: b", "v1%2f.."])
async def test_versions_lead_nowhere_else(client: Client, clusters: Clusters, version: str) -> None:
    document = {**config_map("a"), "apiVersion": version}
    async with client.post("/apply", params={"cluster": "prod"}, json=document) as answer:
        assert answer.status in (400, 404), await answer.text()
    async with client.post("/configmaps", params={"cluster": "prod"}, json=document) as answer:
        assert answer.status in (400, 404), await answer.text()
    assert not clusters["prod"].storage.collection("configmaps")


async def test_a_large_manifest_keeps_nobody_waiting(client: Client) -> None:
    body = manifest({**config_map("a"), "data": {f"k{number}": "x" for number in range(60_000)}})
    reading = asyncio.create_task(applied(client, body + "--- [", 400))
    answered = 0
    while not reading.done():
        async with client.get("/version") as answer:
            assert answer.status == 200
        answered += 1
    await reading
    assert answered > 5
