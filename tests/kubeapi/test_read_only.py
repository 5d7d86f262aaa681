"""Whatever is asked of a cluster that is read-only, a real API server holds the same objects after it."""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bench.testbed.control_plane import ControlPlane
from tests.kubeapi.conftest import Client, Front

METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")
# Those that are there for one of the objects below, and those that are not there, or in other clusters.
SUBRESOURCES = (
    *("", "approval", "attach", "binding", "ephemeralcontainers", "eviction", "exec", "finalize", "log"),
    *("portforward", "proxy", "resize", "scale", "status", "token", "console", "restart"),
)
QUERIES = ("", "?dryRun=All", "?dryRun=All&dryRun=", "?dryRun=All;x", "?watch=1&watch=0&timeoutSeconds=1")
LABELLED = {"metadata": {"labels": {"changed": "yes"}}}
POD: Mapping[str, Any] = {"containers": [{"name": "a", "image": "a"}]}
BODIES: Mapping[str, Any] = {
    "binding": {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "nowhere"}},
    "eviction": {"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": "web"}},
    "scale": {"metadata": {"name": "web"}, "spec": {"replicas": 5}},
    "token": {"spec": {}},
}


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """With an object of each kind that has subresources of its own."""
    name = f"read-only-{uuid.uuid4().hex[:8]}"
    path, labels = f"/api/v1/namespaces/{name}", {"app": "web"}
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    web: dict[str, Any] = {"metadata": {"name": "web", "labels": labels}}
    for plural in ("configmaps", "serviceaccounts"):
        control_plane.request("POST", f"{path}/{plural}", web)
    control_plane.request("POST", f"{path}/pods", {**web, "spec": POD})
    template = {"metadata": {"labels": labels}, "spec": POD}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    control_plane.request("POST", f"/apis/apps/v1/namespaces/{name}/deployments", {**web, "spec": spec})
    yield name
    for each in lists_of(name):
        control_plane.request("DELETE", f"{each}?gracePeriodSeconds=0")
    control_plane.request("DELETE", path)
    body = {"metadata": {"name": name}, "spec": {"finalizers": []}}
    control_plane.request("PUT", f"{path}/finalize", body)


def lists_of(namespace: str) -> list[str]:
    path = f"/api/v1/namespaces/{namespace}"
    core = [f"{path}/{plural}" for plural in ("configmaps", "serviceaccounts", "pods")]
    return [*core, f"/apis/apps/v1/namespaces/{namespace}/deployments"]


def held(plane: ControlPlane, namespace: str) -> dict[str, str]:
    """The version of every object."""
    objects = [plane.request("GET", f"/api/v1/namespaces/{namespace}")]
    for path in lists_of(namespace):
        objects += plane.request("GET", path)["items"]
    return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in objects}


async def asked(client: Client, method: str, path: str, body: Any) -> tuple[int, str]:
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    data = None if body is None else json.dumps(body)
    async with client.request(
        method, f"/clusters/prod{path}", data=data, headers={"Content-Type": kind}
    ) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("query", QUERIES)
async def test_nothing_changes(
    front: Front,
    control_plane: ControlPlane,
    namespace: str,
    query: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "app.api.door.audit")
    cluster = {"certificate-authority": str(control_plane.ca_file)}
    client, _ = await front.client(
        control_plane.url, cluster=cluster, user={"token": control_plane.token}, read_only=True
    )
    before, passed = held(control_plane, namespace), 0
    objects = [f"{path}/web" for path in lists_of(namespace)] + [f"/api/v1/namespaces/{namespace}"]
    paths = [f"{path}/{sub}".rstrip("/") for path in objects for sub in SUBRESOURCES] + lists_of(namespace)
    for path in paths:
        for method in METHODS:
            body = BODIES.get(path.rpartition("/")[2], LABELLED) if method not in ("GET", "DELETE") else None
            if method == "PUT" and body is LABELLED:
                status, text = await asked(client, "GET", path, None)
                if status == 200 and text.startswith("{"):
                    current = json.loads(text)
                    current["metadata"]["labels"] = {"changed": "yes"}
                    body = current
            status, text = await asked(client, method, path + query, body)
            passed += method != "GET" and status < 300
            assert '"token":' not in text
    assert held(control_plane, namespace) == before
    # A dry run does pass, where there is one: otherwise this would show nothing.
    assert (passed > 10) is (query == "?dryRun=All")
    lines = [vars(record) for record in caplog.records if record.name == "app.api.door.audit"]
    assert all(line["status"] >= 400 or line["dry_run"] for line in lines if line["verb"] != "connect")
