"""Writes to one object: in one cluster, in several, and what is refused."""

import json
from typing import Any

import msgspec
import pytest

from app.simulator.apiserver.faults import Fault
from tests.builders import config_map, deployment, widget, widget_crd
from tests.writing.conftest import OPTIONS, Client, Clusters, StartClusters, StartServer

PROD = {"cluster": "prod", "namespace": "default"}
EVERYWHERE = {"cluster": "*", "namespace": "default"}


async def told(client: Client, method: str, path: str, status: int, **arguments: Any) -> Any:
    async with client.request(method, path, **arguments) as answer:
        body = await answer.read()
        assert answer.status == status, body
        kind = (
            "application/json"
            if status < 400 or "results" in json.loads(body)
            else "application/problem+json"
        )
        assert answer.content_type == kind
        return json.loads(body)


def stored(clusters: Clusters, cluster: str, name: str, resource: str = "configmaps") -> Any:
    found = clusters[cluster].storage.collection(resource).get(("default", name))
    return found.obj if found is not None else None


async def test_an_object_is_created_where_it_is_meant_to_be(client: Client, clusters: Clusters) -> None:
    created = await told(
        client,
        "POST",
        "/configmaps",
        201,
        params=PROD,
        json={**config_map("a", data={"x": "1"}), "cluster": "staging"},
    )
    assert (created["cluster"], created["kind"], created["data"]) == ("prod", "ConfigMap", {"x": "1"})
    assert "managedFields" not in created["metadata"]
    assert "cluster" not in stored(clusters, "prod", "a")
    assert stored(clusters, "staging", "a") is None


async def test_yaml_is_taken_as_well(client: Client, clusters: Clusters) -> None:
    body = "kind: ConfigMap\ncluster: prod\nmetadata: {name: a, namespace: default}\ndata: {x: '1'}\n"
    await told(
        client,
        "POST",
        "/cm",
        201,
        params={"cluster": "prod"},
        data=body,
        headers={"Content-Type": "application/yaml"},
    )
    assert stored(clusters, "prod", "a")["data"] == {"x": "1"}


@pytest.mark.parametrize(
    ("media", "body", "left"),
    [
        ("application/merge-patch+json", {"data": {"x": None, "y": "2"}, "cluster": "prod"}, {"y": "2"}),
        ("application/strategic-merge-patch+json", {"data": {"y": "2"}}, {"x": "1", "y": "2"}),
        ("application/json-patch+json", [{"op": "replace", "path": "/data/x", "value": "3"}], {"x": "3"}),
        (
            "application/apply-patch+yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {z: '4'}",
            {"x": "1", "z": "4"},
        ),
    ],
)
async def test_every_kind_of_patch_goes_through(
    client: Client, clusters: Clusters, media: str, body: Any, left: dict[str, str]
) -> None:
    clusters["prod"].storage.create(config_map("a", data={"x": "1"}))
    data = body if isinstance(body, str) else json.dumps(body)
    changed = await told(
        client, "PATCH", "/configmaps/a", 200, params=PROD, data=data, headers={"Content-Type": media}
    )
    assert changed["data"] == left
    assert stored(clusters, "prod", "a")["data"] == left
    assert "cluster" not in stored(clusters, "prod", "a")


async def test_replacing_with_an_old_version_is_a_conflict(client: Client, clusters: Clusters) -> None:
    old = clusters["prod"].storage.create(config_map("a", data={"x": "1"}))
    replaced = {**old, "data": {"x": "2"}}
    await told(client, "PUT", "/configmaps/a", 200, params=PROD, json=replaced)
    problem = await told(client, "PUT", "/configmaps/a", 409, params=PROD, json=replaced)
    assert (problem["reason"], problem["cluster"]) == ("Conflict", "prod")
    assert "modified" in problem["detail"]


async def test_deleting_takes_its_options_along(client: Client, clusters: Clusters) -> None:
    clusters["prod"].storage.create(deployment("web"))
    asked = {**PROD, "propagationPolicy": "Foreground"}
    gone = await told(client, "DELETE", "/deployments/web", 200, params=asked)
    assert gone["metadata"]["finalizers"] == ["foregroundDeletion"]
    problem = await told(client, "DELETE", "/deployments/nothing", 404, params=PROD)
    assert (problem["reason"], problem["cluster"]) == ("NotFound", "prod")
    clusters["prod"].storage.create(config_map("a"))
    gone = await told(client, "DELETE", "/configmaps/a", 200, params=PROD)
    assert (gone["cluster"], gone["kind"], gone["status"]) == ("prod", "Status", "Success")


async def test_a_namespace_that_is_being_emptied_is_not_waited_for(
    client: Client, clusters: Clusters
) -> None:
    """It is still there, and may be for long: what was written of it is that it ends."""
    await told(client, "GET", "/namespaces", 200)
    for path in ("/namespaces/default?cluster=prod", "/clusters/staging/api/v1/namespaces/default"):
        await told(client, "DELETE", path, 200)
    found = await told(client, "GET", "/namespaces", 200, params={"fieldSelector": "metadata.name=default"})
    assert [each["state"] for each in found["clusters"]] == ["synced", "synced"]
    assert all(item["metadata"]["deletionTimestamp"] for item in found["items"])


async def test_workloads_are_scaled_and_restarted(client: Client, clusters: Clusters) -> None:
    clusters["prod"].storage.create(deployment("web"))
    scaled = await told(client, "POST", "/deploy/web/scale", 200, params=PROD, json={"replicas": 5})
    assert (scaled["kind"], scaled["spec"]["replicas"]) == ("Scale", 5)
    await told(client, "POST", "/deploy/web/restart", 200, params=PROD)
    spec = stored(clusters, "prod", "web", "deployments.apps")["spec"]
    assert spec["replicas"] == 5
    annotations = spec["template"]["metadata"]["annotations"]
    assert annotations["kubectl.kubernetes.io/restartedAt"].endswith("Z")


async def test_what_is_paused_is_not_restarted(client: Client, clusters: Clusters) -> None:
    paused = deployment("web")
    paused["spec"]["paused"] = True
    clusters["prod"].storage.create(paused)
    problem = await told(client, "POST", "/deployments/web/restart", 409, params=PROD)
    assert "paused" in problem["detail"]
    problem = await told(client, "POST", "/configmaps/web/restart", 400, params=PROD)
    assert "deployments.apps" in problem["detail"]


async def test_a_dry_run_changes_nothing_and_has_no_cursor(client: Client, clusters: Clusters) -> None:
    dry = {**PROD, "dryRun": "All"}
    async with client.post("/configmaps", params=dry, json=config_map("a")) as answer:
        assert answer.status == 201
        assert "X-Cursor" not in answer.headers
    assert stored(clusters, "prod", "a") is None
    clusters["prod"].storage.create(config_map("b"))
    async with client.delete("/configmaps/b", params=dry) as answer:
        assert answer.status == 200
        assert "X-Cursor" not in answer.headers
    assert stored(clusters, "prod", "b") is not None


async def test_who_manages_the_fields_goes_through(client: Client, clusters: Clusters) -> None:
    await told(client, "POST", "/configmaps", 201, params=PROD, json=config_map("a"))
    await told(
        client, "POST", "/configmaps", 201, params={**PROD, "fieldManager": "me"}, json=config_map("b")
    )
    managers = [stored(clusters, "prod", name)["metadata"]["managedFields"][0]["manager"] for name in "ab"]
    assert managers == ["k8s-mcp", "me"]


# Several clusters


async def test_several_clusters_have_a_result_each(client: Client, clusters: Clusters) -> None:
    answer = await told(
        client, "POST", "/configmaps", 201, params=EVERYWHERE, json=config_map("a", data={"x": "1"})
    )
    assert [(each["cluster"], each["status"]) for each in answer["results"]] == [
        ("prod", 201),
        ("staging", 201),
    ]
    assert answer["results"][0]["object"]["cluster"] == "prod"
    clusters["staging"].storage.delete(stored(clusters, "staging", "a"))
    answer = await told(
        client, "DELETE", "/configmaps/a", 207, params={**EVERYWHERE, "cluster": "staging,prod"}
    )
    assert [(each["cluster"], each["status"]) for each in answer["results"]] == [
        ("prod", 200),
        ("staging", 404),
    ]
    error = answer["results"][1]["error"]
    assert (error["status"], error["reason"], error["cluster"]) == (404, "NotFound", "staging")
    answer = await told(client, "DELETE", "/configmaps/a", 404, params=EVERYWHERE)
    assert {each["status"] for each in answer["results"]} == {404}


async def test_one_that_hangs_and_one_that_is_down_hurt_no_other(
    start_clusters: StartClusters, serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.write.write_endpoints.LIMIT_SECONDS", 1.0)
    clusters = await start_clusters("a", "b", "c", "d")
    client = await serve(clusters)
    clusters["b"].faults.add(Fault.HANG, verb="create")
    await clusters["c"].stop()
    clusters["d"].faults.add(Fault.FORBIDDEN, verb="create")
    answer = await told(client, "POST", "/configmaps", 207, params=EVERYWHERE, json=config_map("x"))
    found = {each["cluster"]: each for each in answer["results"]}
    assert [found[name]["status"] for name in "abcd"] == [201, 504, 503, 403]
    assert "1 s" in found["b"]["error"]["detail"]
    assert "cannot connect" in found["c"]["error"]["detail"]
    assert found["d"]["error"]["reason"] == "Forbidden"
    clusters["b"].faults.clear()


async def test_a_cluster_that_lacks_the_resource_says_so(client: Client, clusters: Clusters) -> None:
    clusters["prod"].storage.create(widget_crd())
    while True:
        async with client.post("/widgets", params=EVERYWHERE, json=widget("w", None)) as response:
            if response.status != 404:
                answer = await response.json()
                break
    assert [each["status"] for each in answer["results"]] == [201, 404]


# What is refused


@pytest.mark.parametrize(
    ("method", "path", "params", "status", "parts"),
    [
        ("POST", "/configmaps", {"namespace": "default"}, 400, ["cluster", "prod, staging"]),
        ("POST", "/configmaps", {"cluster": "*,prod", "namespace": "default"}, 400, ["cluster '*,prod'"]),
        ("POST", "/configmaps", {"cluster": "nowhere", "namespace": "default"}, 404, ["nowhere", "prod"]),
        ("DELETE", "/configmaps/a", {"cluster": "prod"}, 400, ["configmaps", "namespace="]),
        ("DELETE", "/configmaps/a", {"cluster": "prod", "namespace": "a,b"}, 400, ["namespace 'a,b'"]),
        ("DELETE", "/configmaps/a", {"cluster": "prod", "namespace": ".."}, 400, ["namespace '..'"]),
        ("DELETE", "/configmaps/a%2fb", PROD, 400, ["name 'a/b'"]),
        ("DELETE", "/configmaps/a", {**PROD, "propagationPolicy": "No"}, 400, ["'No'", "Orphan"]),
        ("DELETE", "/configmaps/a", {**PROD, "gracePeriodSeconds": "-1"}, 400, ["'-1'"]),
        ("DELETE", "/configmaps/a", {**PROD, "dryRun": "yes"}, 400, ["dryRun 'yes'", "All"]),
        ("DELETE", "/configmaps/a", {**PROD, "force": "1"}, 400, ["'force'"]),
        ("DELETE", "/podz/a", PROD, 404, ["podz", "pods"]),
        ("POST", "/clusters", PROD, 404, ["/clusters"]),
        ("PATCH", "/configmaps/a", PROD, 415, ["merge-patch+json"]),
    ],
)
async def test_what_is_not_clear_is_not_carried_out(
    client: Client, method: str, path: str, params: dict[str, str], status: int, parts: list[str]
) -> None:
    body: Any = {"json": config_map("a")} if method in ("POST", "PATCH") else {}
    if "namespace" not in params and body:
        body["json"]["metadata"].pop("namespace")
    problem = await told(client, method, path, status, params=params, **body)
    assert all(part in problem["detail"] for part in parts), problem["detail"]


@pytest.mark.parametrize(
    ("path", "media", "body"),
    [
        ("/configmaps", "application/json", b"["),
        ("/configmaps", "application/json", b"[]"),
        ("/configmaps", "application/json", b"[" * 100_000),
        ("/configmaps", "application/json", b'{"a":' * 100_000),
        ("/configmaps", "application/yaml", b"- " * 100_000),
        ("/configmaps", "application/yaml", b"a: b\n---\na: b"),
        ("/configmaps", "application/yaml", b"\xff"),
        ("/deployments/web/scale", "application/json", b'{"replicas":"3"}'),
        ("/deployments/web/scale", "application/json", b'{"replicas":3,"replica":1}'),
        ("/deployments/web/scale", "application/json", b'{"replicas":3,"replicas":0}'),
        ("/deployments/web/scale", "application/json", b""),
    ],
)
async def test_a_body_that_cannot_be_read_is_400(client: Client, path: str, media: str, body: bytes) -> None:
    headers = {"Content-Type": media}
    problem = await told(client, "POST", path, 400, params=PROD, data=body, headers=headers)
    assert "body" in problem["detail"]


async def test_only_one_cluster_needs_no_name(start_clusters: StartClusters, serve: StartServer) -> None:
    client = await serve(await start_clusters("only"))
    created = await told(client, "POST", "/configmaps", 201, json=config_map("a"))
    assert created["cluster"] == "only"
    answer = await told(
        client, "DELETE", "/configmaps/a", 200, params={"cluster": "*", "namespace": "default"}
    )
    assert [each["cluster"] for each in answer["results"]] == ["only"]


async def test_read_only_clusters_refuse_and_the_others_do_not(
    clusters: Clusters, serve: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = await serve(clusters, read_only=frozenset(("prod",)))
    answer = await told(client, "POST", "/configmaps", 207, params=EVERYWHERE, json=config_map("a"))
    assert [each["status"] for each in answer["results"]] == [403, 201]
    assert "read-only" in answer["results"][0]["error"]["detail"]
    assert stored(clusters, "prod", "a") is None
    problem = await told(client, "DELETE", "/configmaps/a", 403, params=PROD)
    assert problem["cluster"] == "prod"
    await told(client, "POST", "/configmaps", 201, params={**PROD, "dryRun": "All"}, json=config_map("a"))
    recorded = [
        (line.verb, line.cluster, line.resource, line.namespace, line.object, line.status)  # type: ignore[attr-defined]
        for line in caplog.records
        if line.name == "app.api.door.audit"
    ]
    assert recorded == [
        ("create", "prod", "configmaps", "default", "a", 403),
        ("create", "staging", "configmaps", "default", "a", 201),
        ("delete", "prod", "configmaps", "default", "a", 403),
        ("create", "prod", "configmaps", "default", "a", 201),
    ]


async def test_the_values_of_a_secret_are_not_told_back(
    client: Client, clusters: Clusters, caplog: pytest.LogCaptureFixture
) -> None:
    copy = {"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "other": "kept"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": copy},
        "stringData": {"password": "hunter2"},
    }
    for method, path, body, status in (
        ("POST", "/secrets", secret, 201),
        ("PUT", "/secrets/s", secret, 200),
        ("DELETE", "/secrets/s", None, 200),
    ):
        arguments: dict[str, Any] = {"json": body} if body else {}
        answer = await told(client, method, path, status, params=EVERYWHERE, **arguments)
        assert "hunter2" not in json.dumps(answer)
    assert "hunter2" not in caplog.text


async def test_what_is_no_secret_does_not_say_that_it_is_redacted(client: Client, clusters: Clusters) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "YQ=="}}
    created = await told(client, "POST", "/secrets", 201, params=PROD, json=secret)
    assert created["metadata"]["annotations"] == {"k8s-mcp/redacted": "true"}
    status = await told(client, "DELETE", "/secrets/s", 200, params=PROD)
    assert (status["kind"], status["status"], status["metadata"]) == ("Status", "Success", {})


async def test_the_values_are_told_where_the_operator_wants_that(
    clusters: Clusters, serve: StartServer
) -> None:
    full = msgspec.structs.replace(OPTIONS, secret_values=True, managed_fields=True)
    client = await serve(clusters, full)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "aHVudGVyMg=="}}
    created = await told(client, "POST", "/secrets", 201, params=PROD, json=secret)
    assert created["data"] == {"a": "aHVudGVyMg=="}
    assert created["metadata"]["managedFields"]
