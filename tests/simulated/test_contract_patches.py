"""Patches, apply, and subresources of simulated and real API servers."""

from typing import Any

import pytest

from tests.builders import deployment
from tests.simulated.api import APPLY, JSON, JSON_PATCH, MERGE, STRATEGIC, TWO_CONTAINERS, Api, data_map


def _applied(data: dict[str, str], name: str = "a") -> dict[str, Any]:
    return {**data_map(name), "data": data}


async def _deployment(api: Api) -> tuple[str, dict[str, Any]]:
    created = await api.create(
        api.path("deployments", group="apps/v1"), deployment("web", None, containers=TWO_CONTAINERS)
    )
    return api.path("deployments", "web", "apps/v1"), created


async def test_a_merge_patch_replaces_lists_and_removes_nulls(api: Api) -> None:
    path = api.path("configmaps", "a")
    await api.config_maps("a", finalizers=["example.com/one"])
    merged = await api.patch(path, {"data": {"a": None, "b": "2"}, "metadata": {"finalizers": ["x.io/y"]}})
    assert (merged["data"], merged["metadata"]["finalizers"]) == ({"b": "2"}, ["x.io/y"])
    await api.patch(path, {"metadata": {"finalizers": None}})


async def test_a_strategic_patch_merges_lists_by_their_keys(api: Api) -> None:
    path, _ = await _deployment(api)
    containers = [{"name": "side", "image": "envoy:2"}, {"name": "new", "image": "busybox"}]
    patch: dict[str, Any] = {"spec": {"template": {"spec": {"containers": containers}}}}
    images = _images(await api.patch(path, patch, STRATEGIC))
    assert images == {"main": "nginx:1.27", "side": "envoy:2", "new": "busybox"}
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "$patch": "delete"}]}}}}
    assert _images(await api.patch(path, patch, STRATEGIC)) == {"side": "envoy:2", "new": "busybox"}
    patch = {"spec": {"template": {"metadata": {"labels": {"app": "web", "$patch": "replace"}}}}}
    labels = (await api.patch(path, patch, STRATEGIC))["spec"]["template"]["metadata"]["labels"]
    assert labels == {"app": "web"}


async def test_a_json_patch_does_what_it_says_or_nothing(api: Api) -> None:
    path = api.path("configmaps", "a")
    await api.config_maps("a")
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "add", "path": "/data/b", "value": "2"},
        {"op": "move", "from": "/data/a", "path": "/data/d"},
        {"op": "add", "path": "/metadata/labels", "value": {"example.com/app": "web"}},
        {"op": "replace", "path": "/metadata/labels/example.com~1app", "value": "db"},
    ]
    patched = await api.patch(path, operations, JSON_PATCH)
    assert (patched["data"], patched["metadata"]["labels"]) == (
        {"b": "2", "d": "1"},
        {"example.com/app": "db"},
    )
    for operation in (
        {"op": "test", "path": "/data/b", "value": "other"},
        {"op": "remove", "path": "/data/none"},
        {"op": "add", "path": "/none/none", "value": "x"},
        {"op": "invent", "path": "/data/b"},
    ):
        refused = await api.request("PATCH", path, [operation], content_type=JSON_PATCH)
        assert (refused.status, refused.body["reason"]) == (422, "Invalid"), operation
    assert (await api.get(path)).body == patched


@pytest.mark.parametrize("content_type", [JSON, "text/plain"])
async def test_a_patch_of_no_known_kind_is_refused(api: Api, content_type: str) -> None:
    await api.config_maps("a")
    answer = await api.request("PATCH", api.path("configmaps", "a"), {}, content_type=content_type)
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")


async def test_a_patch_creates_nothing_but_an_apply_does(api: Api) -> None:
    path = api.path("configmaps", "a")
    for content_type in (MERGE, STRATEGIC):
        assert (await api.request("PATCH", path, {}, content_type=content_type)).status == 404
    applied = await api.request("PATCH", path, _applied({"x": "1"}), content_type=APPLY, fieldManager="me")
    assert applied.status == 201
    (entry,) = applied.body["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("me", "Apply")
    assert entry["fieldsV1"]["f:data"]["f:x"] == {}


async def test_an_apply_removes_what_it_no_longer_names(api: Api) -> None:
    path = api.path("configmaps", "a")
    await api.patch(path, _applied({"x": "1", "y": "1"}), APPLY, fieldManager="me")
    await api.patch(path, {"data": {"z": "1"}}, fieldManager="other")
    applied = await api.patch(path, _applied({"y": "2"}), APPLY, fieldManager="me")
    assert applied["data"] == {"y": "2", "z": "1"}
    again = await api.patch(path, _applied({"y": "2"}), APPLY, fieldManager="me")
    assert again == applied


async def test_what_two_apply_stays_until_both_have_let_go(api: Api) -> None:
    path = api.path("configmaps", "a")
    await api.patch(path, _applied({"x": "1", "y": "1"}), APPLY, fieldManager="me")
    await api.patch(path, _applied({"x": "1"}), APPLY, fieldManager="you")
    mine_gone = await api.patch(path, _applied({"y": "1"}), APPLY, fieldManager="me")
    assert mine_gone["data"] == {"x": "1", "y": "1"}
    yours_gone = await api.patch(path, _applied({"y": "1"}), APPLY, fieldManager="you")
    assert yours_gone["data"] == {"y": "1"}


async def test_an_apply_that_would_take_a_field_is_a_conflict_unless_forced(api: Api) -> None:
    path = api.path("configmaps", "a")
    await api.patch(path, _applied({"x": "1"}), APPLY, fieldManager="me")
    body = _applied({"x": "2"})
    answer = await api.request("PATCH", path, body, content_type=APPLY, fieldManager="you")
    assert answer.status == 409
    assert answer.body["reason"] == "Conflict"
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "me": .data.x'
    assert answer.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "me"', "field": ".data.x"}
    ]
    forced = await api.patch(path, body, APPLY, fieldManager="you", force="true")
    assert forced["data"] == {"x": "2"}
    assert [entry["manager"] for entry in forced["metadata"]["managedFields"]] == ["you"]
    anonymous = await api.request("PATCH", path, body, content_type=APPLY)
    assert anonymous.status == 422
    assert anonymous.body["details"]["causes"][0]["field"] == "fieldManager"


async def test_an_apply_owns_elements_of_lists_by_their_keys(api: Api) -> None:
    path, _ = await _deployment(api)
    body = deployment("web", None, containers=TWO_CONTAINERS)
    body["spec"]["template"]["spec"]["containers"] = [{"name": "extra", "image": "busybox"}]
    del body["spec"]["replicas"]
    applied = await api.patch(path, body, APPLY, fieldManager="me")
    assert _images(applied) == {"main": "nginx:1.27", "side": "envoy", "extra": "busybox"}
    entry = next(each for each in applied["metadata"]["managedFields"] if each["manager"] == "me")
    containers = entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert containers['k:{"name":"extra"}']["f:image"] == {}
    body["spec"]["template"]["spec"]["containers"] = [{"name": "main", "image": "nginx:1.27"}]
    assert _images(await api.patch(path, body, APPLY, fieldManager="me")) == {
        "main": "nginx:1.27",
        "side": "envoy",
    }


async def test_the_generation_counts_changes_of_the_spec_alone(api: Api) -> None:
    path, _ = await _deployment(api)
    labelled = await api.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    assert (await api.patch(path, {"spec": {"paused": True}}))["metadata"]["generation"] == 2
    reported = await api.patch(f"{path}/status", {"status": {"replicas": 3, "observedGeneration": 2}})
    assert reported["metadata"]["generation"] == 2


async def test_status_and_the_rest_are_written_apart(api: Api) -> None:
    path, created = await _deployment(api)
    both = {"spec": {"replicas": 9}, "status": {"replicas": 3, "observedGeneration": 1}}
    reported = await api.patch(f"{path}/status", both)
    assert (reported["spec"], reported["status"]["replicas"]) == (created["spec"], 3)
    changed = await api.patch(path, {"spec": {"replicas": 5}, "status": {"replicas": 7}})
    assert (changed["spec"]["replicas"], changed["status"]["replicas"]) == (5, 3)
    replaced = (await api.request("PUT", path, {**changed, "status": {}})).body
    assert replaced["status"]["replicas"] == 3
    replaced = (await api.request("PUT", f"{path}/status", {**changed, "status": {"replicas": 4}})).body
    assert replaced["status"] == {"replicas": 4}
    assert (await api.get(f"{path}/status")).body == replaced


async def test_a_scale_is_read_and_written(api: Api) -> None:
    path, created = await _deployment(api)
    scale = (await api.get(f"{path}/scale")).body
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 0, "selector": "app=web"}
    assert scale["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    patched = await api.patch(f"{path}/scale", {"spec": {"replicas": 5}})
    assert patched["spec"]["replicas"] == 5
    assert (await api.get(path)).body["spec"]["replicas"] == 5
    stale = await api.request("PUT", f"{path}/scale", {**scale, "spec": {"replicas": 1}})
    assert (stale.status, stale.body["reason"]) == (409, "Conflict")
    put = await api.request("PUT", f"{path}/scale", {**patched, "spec": {"replicas": 1}})
    assert (put.status, put.body["spec"]) == (200, {"replicas": 1})
    refused = await api.request("PATCH", f"{path}/scale", {"spec": {"replicas": -1}}, content_type=MERGE)
    assert (refused.status, refused.body["reason"]) == (422, "Invalid")
    assert "must be greater than or equal to 0" in refused.body["message"]


async def test_subresources_that_are_not_there_are_not_found(api: Api) -> None:
    await api.config_maps("a")
    for path in (
        api.path("configmaps", "a/status"),
        api.path("pods", "a/log"),
        api.path("pods", "a/nothing"),
    ):
        answer = await api.get(path)
        assert (answer.status, answer.body["reason"]) == (404, "NotFound"), path


def _images(obj: dict[str, Any]) -> dict[str, str]:
    containers = obj["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["image"] for each in containers}
