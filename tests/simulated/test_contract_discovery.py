"""What simulated and real API servers say they serve, and how they refuse."""

from typing import Any

import pytest

from tests.simulated.api import DEFINITIONS, MERGE, STRATEGIC, Api, data_map

ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def _named(entries: list[Any], key: str, name: str) -> Any:
    return next(entry for entry in entries if entry[key] == name)


async def test_the_version_is_that_of_a_kubernetes(api: Api) -> None:
    version = (await api.get("/version")).body
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


async def test_discovery_in_the_old_form(api: Api) -> None:
    assert (await api.get("/api")).body["versions"] == ["v1"]
    groups = (await api.get("/apis")).body
    assert groups["kind"] == "APIGroupList"
    apps = {"groupVersion": "apps/v1", "version": "v1"}
    expected = {"name": "apps", "versions": [apps], "preferredVersion": apps}
    assert _named(groups["groups"], "name", "apps") == expected
    assert (await api.get("/apis/apps")).body == {"kind": "APIGroup", "apiVersion": "v1", **expected}

    core = (await api.get("/api/v1")).body
    assert (core["kind"], core["groupVersion"]) == ("APIResourceList", "v1")
    pods = _named(core["resources"], "name", "pods")
    pods.pop("storageVersionHash", None)
    assert pods == {
        "name": "pods",
        "singularName": "pod",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ALL_VERBS,
        "shortNames": ["po"],
        "categories": ["all"],
    }
    assert _named(core["resources"], "name", "pods/log") == {
        "name": "pods/log",
        "singularName": "",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ["get"],
    }
    namespaces = _named(core["resources"], "name", "namespaces")
    assert namespaces["verbs"] == [verb for verb in ALL_VERBS if verb != "deletecollection"]
    secrets = _named(core["resources"], "name", "secrets")
    assert not {"shortNames", "categories"} & secrets.keys()

    resources = (await api.get("/apis/apps/v1")).body["resources"]
    assert _named(resources, "name", "deployments/scale") == {
        "name": "deployments/scale",
        "singularName": "",
        "namespaced": True,
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
        "verbs": ["get", "patch", "update"],
    }


async def test_discovery_in_the_aggregated_form(api: Api) -> None:
    accept = f"{AGGREGATED},application/json"
    core = await api.request("GET", "/api", accept=accept)
    assert core.content_type == AGGREGATED
    assert (core.body["kind"], core.body["apiVersion"]) == (
        "APIGroupDiscoveryList",
        "apidiscovery.k8s.io/v2",
    )
    (version,) = core.body["items"][0]["versions"]
    assert (version["version"], version["freshness"]) == ("v1", "Current")
    assert _named(version["resources"], "resource", "configmaps") == {
        "resource": "configmaps",
        "responseKind": {"group": "", "version": "", "kind": "ConfigMap"},
        "scope": "Namespaced",
        "singularResource": "configmap",
        "verbs": ALL_VERBS,
        "shortNames": ["cm"],
    }
    groups = (await api.request("GET", "/apis", accept=accept)).body["items"]
    apps = next(group for group in groups if group["metadata"] == {"name": "apps"})
    deployments = _named(apps["versions"][0]["resources"], "resource", "deployments")
    assert deployments["subresources"] == [
        {
            "subresource": "scale",
            "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
            "verbs": ["get", "patch", "update"],
        },
        {
            "subresource": "status",
            "responseKind": {"group": "", "version": "", "kind": "Deployment"},
            "verbs": ["get", "patch", "update"],
        },
    ]
    nodes = _named(version["resources"], "resource", "nodes")
    assert nodes["scope"] == "Cluster"


@pytest.mark.parametrize("path", ["/nothing", "/apis/no.such.group", "/apis/no.such.group/v1/things"])
async def test_paths_of_no_group_are_not_found_in_plain_text(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status, answer.body) == (404, "404 page not found\n")


@pytest.mark.parametrize(
    "path", ["/api/v1/things", "/apis/apps/v9", "/apis/apps/v1/things", "/apis/apps/v9/deployments"]
)
async def test_paths_below_a_group_are_not_found_with_a_status(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert answer.status == 404
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server could not find the requested resource",
        "reason": "NotFound",
        "details": {},
        "code": 404,
    }


async def test_who_is_unknown_is_refused(api: Api) -> None:
    answer = await api.request("GET", "/api/v1/namespaces", token="no-such-token")
    assert answer.status == 401
    assert (answer.body["kind"], answer.body["reason"]) == ("Status", "Unauthorized")


async def test_who_may_not_is_told_what(api: Api) -> None:
    listing = await api.request("GET", api.path("pods"), token="token-of-alice")
    assert listing.status == 403
    assert listing.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods is forbidden: User "alice" cannot list resource "pods" in API group "" '
        f'in the namespace "{api.namespace}"',
        "reason": "Forbidden",
        "details": {"kind": "pods"},
        "code": 403,
    }
    one = await api.request("GET", api.path("deployments", "web", "apps/v1"), token="token-of-alice")
    assert one.body["message"].startswith('deployments.apps "web" is forbidden: User "alice" cannot get')
    assert one.body["details"] == {"name": "web", "group": "apps", "kind": "deployments"}
    watching = await api.request("GET", "/api/v1/nodes", token="token-of-alice", watch="1")
    assert 'cannot watch resource "nodes" in API group "" at the cluster scope' in watching.body["message"]
    assert (await api.request("GET", "/apis", token="token-of-alice")).status == 200


async def test_kinds_come_and_go_with_their_definitions(api: Api) -> None:
    version = await api.define()
    widgets = api.path("widgets", group=version)
    resources = (await api.get(f"/apis/{version}")).body["resources"]
    widget = _named(resources, "name", "widgets")
    assert (widget["kind"], widget["shortNames"], set(widget["verbs"])) == ("Widget", ["wd"], set(ALL_VERBS))
    assert [entry["name"] for entry in resources] == ["widgets", "widgets/status"]

    body = {"apiVersion": version, "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 1}}
    created = await api.create(widgets, body)
    assert created["metadata"]["generation"] == 1
    listed = (await api.get(widgets)).body
    assert list(listed) == ["apiVersion", "items", "kind", "metadata"]
    assert listed["metadata"]["continue"] == ""
    assert listed["items"] == [created]
    assert list(created) == ["apiVersion", "kind", "metadata", "spec"]
    assert list(created["metadata"]) == sorted(created["metadata"])

    patched = await api.request("PATCH", f"{widgets}/a", {"spec": {"size": 2}}, content_type=STRATEGIC)
    assert (patched.status, patched.body["reason"]) == (415, "UnsupportedMediaType")
    assert (await api.patch(f"{widgets}/a", {"spec": {"size": 2}}, MERGE))["metadata"]["generation"] == 2
    selected = await api.get(widgets, fieldSelector="spec.size=2")
    assert (selected.status, selected.body["message"]) == (400, "field label not supported: spec.size")

    async with api.watch(widgets, resourceVersion=listed["metadata"]["resourceVersion"]) as events:
        assert (await events.next())["object"]["spec"] == {"size": 2}
        await api.delete(f"{DEFINITIONS}/widgets.{version.partition('/')[0]}")
        assert (await events.next())["type"] == "DELETED"
        assert await events.rest() == []
    gone = await api.until(widgets, 404)
    assert gone.body == "404 page not found\n"


async def test_items_of_lists_say_no_kind_but_watched_objects_do(api: Api) -> None:
    await api.config_maps("one")
    listed = (await api.get(api.path("configmaps"))).body
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert not {"kind", "apiVersion"} & listed["items"][0].keys()
    async with api.watch(api.path("configmaps")) as events:
        watched = (await events.next())["object"]
    assert (watched["kind"], watched["apiVersion"]) == ("ConfigMap", "v1")
    one = (await api.get(api.path("configmaps", "one"))).body
    assert watched == one
    assert {**listed["items"][0], "kind": "ConfigMap", "apiVersion": "v1"} == one


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/{}/configmaps/one"),
        ("PUT", "/api/v1/namespaces/{}/configmaps"),
        ("PATCH", "/api/v1/namespaces/{}/configmaps"),
        ("POST", "/api/v1/configmaps"),
        ("DELETE", "/version"),
    ],
)
async def test_methods_that_a_path_has_not_are_refused(api: Api, method: str, path: str) -> None:
    answer = await api.request(
        method, path.format(api.namespace), data_map("one"), content_type=MERGE if method == "PATCH" else ""
    )
    assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")
