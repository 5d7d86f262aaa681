"""Creating, replacing and deleting in simulated and real API servers."""

from typing import Any

import pytest

from tests.builders import deployment, pod
from tests.simulated.api import JSON_PATCH, MERGE, TWO_CONTAINERS, Api, data_map


async def test_what_is_created_is_completed(api: Api) -> None:
    created = await api.create(api.path("configmaps"), data_map("a", labels={"app": "web"}))
    metadata = created["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("a", api.namespace)
    assert metadata["uid"]
    assert int(metadata["resourceVersion"]) > 0
    assert metadata["creationTimestamp"].endswith("Z")
    (entry,) = metadata["managedFields"]
    assert (entry["operation"], entry["apiVersion"], entry["fieldsType"]) == ("Update", "v1", "FieldsV1")
    assert entry["fieldsV1"]["f:data"]["f:a"] == {}
    assert entry["fieldsV1"]["f:metadata"]["f:labels"]["f:app"] == {}
    again = await api.request("POST", api.path("configmaps"), data_map("a"))
    assert again.status == 409
    assert again.body["message"] == 'configmaps "a" already exists'
    assert (again.body["reason"], again.body["details"]) == (
        "AlreadyExists",
        {"name": "a", "kind": "configmaps"},
    )


async def test_names_are_generated(api: Api) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "gen-"}}
    names = {(await api.create(api.path("configmaps"), body))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("gen-") and len(name) == len("gen-") + 5 for name in names)


async def test_workloads_get_their_defaults(api: Api) -> None:
    created = await api.create(
        api.path("deployments", group="apps/v1"), deployment("web", None, containers=TWO_CONTAINERS)
    )
    spec = created["spec"]
    assert created["metadata"]["generation"] == 1
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    inner = spec["template"]["spec"]
    assert (inner["restartPolicy"], inner["terminationGracePeriodSeconds"]) == ("Always", 30)
    policies = {each["name"]: each["imagePullPolicy"] for each in inner["containers"]}
    assert policies == {"main": "IfNotPresent", "side": "Always"}
    lonely = await api.create(api.path("pods"), pod("a", None))
    assert lonely["status"]["phase"] == "Pending"
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    made = await api.create(api.path("services"), {**service, "spec": {"ports": [{"port": 80}]}})
    assert made["spec"]["type"] == "ClusterIP"
    assert made["spec"]["clusterIPs"] == [made["spec"]["clusterIP"]]
    assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    namespace = (await api.get(f"/api/v1/namespaces/{api.namespace}")).body
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": api.namespace}
    assert (namespace["spec"], namespace["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})


@pytest.mark.parametrize(
    ("method", "name", "body", "status", "reason"),
    [
        ("POST", "", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, 422, "Invalid"),
        ("POST", "", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}, 400, "BadRequest"),
        ("POST", "", {"apiVersion": "v2", "kind": "ConfigMap", "metadata": {}}, 400, "BadRequest"),
        ("POST", "", data_map("Bad_Name"), 422, "Invalid"),
        ("POST", "", data_map("x", namespace="elsewhere"), 400, "BadRequest"),
        ("POST", "", b"{nonsense", 400, "BadRequest"),
        ("PUT", "/missing", data_map("missing"), 404, "NotFound"),
        ("PUT", "/there", data_map("other"), 400, "BadRequest"),
        ("PUT", "/there", data_map("there", resourceVersion="1"), 409, "Conflict"),
        ("DELETE", "/missing", None, 404, "NotFound"),
        ("DELETE", "/there", {"propagationPolicy": "Sideways"}, 422, "Invalid"),
        ("DELETE", "/there", {"preconditions": {"uid": "another"}}, 409, "Conflict"),
    ],
)
async def test_what_cannot_be_is_refused(
    api: Api, method: str, name: str, body: object, status: int, reason: str
) -> None:
    (there,) = await api.config_maps("there")
    answer = await api.request(method, api.path("configmaps") + name, body)
    assert (answer.status, answer.body["kind"], answer.body["reason"]) == (status, "Status", reason)
    assert answer.body["code"] == status
    assert (await api.get(api.path("configmaps"))).names == ["there"]
    assert (await api.get(api.path("configmaps", "there"))).body == there


async def test_an_invalid_field_is_named(api: Api) -> None:
    answer = await api.request("POST", api.path("configmaps"), {"metadata": {}})
    assert answer.body["details"] == {
        "kind": "ConfigMap",
        "causes": [
            {
                "reason": "FieldValueRequired",
                "message": "Required value: name or generateName is required",
                "field": "metadata.name",
            }
        ],
    }
    assert answer.body["message"] == (
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    )


async def test_nothing_is_created_where_there_is_no_namespace(api: Api) -> None:
    answer = await api.request("POST", "/api/v1/namespaces/no-such-place/configmaps", data_map("a"))
    assert (answer.status, answer.body["message"]) == (404, 'namespaces "no-such-place" not found')
    assert answer.body["details"] == {"name": "no-such-place", "kind": "namespaces"}


async def test_a_namespace_that_goes_takes_in_nothing_new(api: Api) -> None:
    gone = await api.delete(f"/api/v1/namespaces/{api.namespace}")
    assert gone["status"]["phase"] == "Terminating"
    assert "deletionTimestamp" in gone["metadata"]
    answer = await api.request("POST", api.path("configmaps"), data_map("a"))
    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    assert answer.body["details"]["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": f"namespace {api.namespace} is being terminated",
            "field": "metadata.namespace",
        }
    ]


async def test_who_writes_last_without_having_read_is_refused(api: Api) -> None:
    path = api.path("configmaps", "a")
    (read,) = await api.config_maps("a")
    await api.patch(path, {"data": {"a": "2"}})
    answer = await api.request("PUT", path, {**read, "data": {"a": "3"}})
    assert answer.status == 409
    assert answer.body["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert (answer.body["reason"], answer.body["details"]) == (
        "Conflict",
        {"name": "a", "kind": "configmaps"},
    )
    patched = await api.request("PATCH", path, {"metadata": {"resourceVersion": "1"}}, content_type=MERGE)
    assert patched.status == 409
    unconditional = await api.request("PUT", path, data_map("a"))
    assert (unconditional.status, unconditional.body["data"]) == (200, {"a": "1"})
    assert unconditional.body["metadata"]["uid"] == read["metadata"]["uid"]


async def test_a_write_that_changes_nothing_has_no_version(api: Api) -> None:
    path = api.path("configmaps", "a")
    (created,) = await api.config_maps("a", labels={"app": "web"})
    assert (await api.patch(path, {"data": {"a": "1"}})) == created
    assert (await api.request("PUT", path, created)).body == created
    assert (await api.patch(path, {"metadata": {"labels": {"app": "db"}}})) != created


async def test_a_dry_run_answers_as_if_and_leaves_nothing(api: Api) -> None:
    (there,) = await api.config_maps("there")
    path = api.path("configmaps")
    created = await api.create(path, data_map("a"), dryRun="All")
    assert created["metadata"]["uid"]
    assert "resourceVersion" not in created["metadata"]
    assert (await api.request("POST", path, data_map("there"), dryRun="All")).status == 409
    patched = await api.patch(f"{path}/there", {"data": {"a": "2"}}, dryRun="All")
    assert patched["data"] == {"a": "2"}
    assert (await api.delete(f"{path}/there", dryRun="All"))["status"] == "Success"
    await api.delete(path, dryRun="All")
    assert (await api.get(f"{path}/there")).body == there
    assert (await api.get(path)).names == ["there"]


async def test_a_deletion_is_answered_with_the_news(api: Api) -> None:
    (created,) = await api.config_maps("a")
    answer = await api.delete(api.path("configmaps", "a"))
    details = {"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]}
    assert answer == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


async def test_a_pod_that_runs_nowhere_is_deleted_at_once_and_shown(api: Api) -> None:
    await api.create(api.path("pods"), pod("a", None))
    answer = await api.delete(api.path("pods", "a"))
    assert (answer["kind"], answer["metadata"]["name"]) == ("Pod", "a")
    assert (await api.get(api.path("pods", "a"))).status == 404


async def test_a_pod_on_a_node_gets_its_time_to_stop(api: Api) -> None:
    created = await api.create(api.path("pods"), pod("a", None, node="n1"))
    stopping = await api.delete(api.path("pods", "a"), gracePeriodSeconds="5")
    metadata = stopping["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 5
    assert metadata["deletionTimestamp"] > created["metadata"]["creationTimestamp"]
    assert metadata["generation"] == created["metadata"]["generation"] + 1
    assert (await api.get(api.path("pods", "a"))).status == 200
    await api.delete(api.path("pods", "a"), gracePeriodSeconds="0")
    assert (await api.get(api.path("pods", "a"))).status == 404


async def test_finalizers_hold_what_is_deleted(api: Api) -> None:
    path = api.path("configmaps", "a")
    await api.config_maps("a", finalizers=["example.com/one", "example.com/two"])
    held = await api.delete(path)
    assert held["kind"] == "ConfigMap"
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    again = await api.delete(path)
    assert again["metadata"]["deletionTimestamp"] == held["metadata"]["deletionTimestamp"]
    more = [{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/three"}]
    refused = await api.request("PATCH", path, more, content_type=JSON_PATCH)
    assert (refused.status, refused.body["reason"]) == (422, "Invalid")
    one_left = await api.patch(path, {"metadata": {"finalizers": ["example.com/two"]}})
    assert "deletionTimestamp" in one_left["metadata"]
    await api.patch(path, {"metadata": {"finalizers": []}})
    assert (await api.get(path)).status == 404


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"]), ("Background", None)],
)
async def test_the_propagation_policy_decides_what_holds_an_owner(
    api: Api, policy: str, finalizers: list[str] | None
) -> None:
    path = api.path("deployments", "web", "apps/v1")
    await api.create(
        api.path("deployments", group="apps/v1"), deployment("web", None, containers=TWO_CONTAINERS)
    )
    await api.delete(path, {"propagationPolicy": policy})
    answer = await api.get(path)
    if finalizers is None:
        assert answer.status == 404
        return
    assert answer.body["metadata"]["finalizers"] == finalizers
    assert "deletionTimestamp" in answer.body["metadata"]


async def test_a_selection_is_deleted_together(api: Api) -> None:
    await api.config_maps("a", "b", labels={"app": "web"})
    await api.config_maps("c")
    answer: Any = await api.delete(api.path("configmaps"), labelSelector="app=web")
    assert answer["kind"] == "ConfigMapList"
    assert [item["metadata"]["name"] for item in answer["items"]] == ["a", "b"]
    assert (await api.get(api.path("configmaps"))).names == ["c"]
