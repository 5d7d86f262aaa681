"""Objects become kubernetes_asyncio's models."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiClient, V1Pod, models

from app.client import Fleet, Object
from bench.testbed.control_plane import ControlPlane
from bench.testbed.product import Product, until

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "cluster": "prod",
    "metadata": {"name": "web", "creationTimestamp": "2026-01-02T03:04:05Z", "labels": {"a": "b"}},
    "spec": {"containers": [{"name": "main", "ports": [{"containerPort": 80}]}], "nodeSelector": None},
    "status": {"podIP": "10.0.0.1", "invented": 1},
}


def test_a_pod_becomes_a_v1_pod() -> None:
    pod = Object(POD).to_model()
    assert isinstance(pod, V1Pod)
    assert pod.metadata.creation_timestamp == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert pod.metadata.labels == {"a": "b"}
    assert pod.spec.containers[0].ports[0].container_port == 80
    assert pod.spec.node_selector is None
    assert pod.status.pod_ip == "10.0.0.1"
    assert not hasattr(pod, "cluster")


@pytest.mark.parametrize(
    ("api_version", "kind", "model"),
    [
        ("apps/v1", "Deployment", "V1Deployment"),
        ("v1", "Event", "CoreV1Event"),
        ("events.k8s.io/v1", "Event", "EventsV1Event"),
        ("autoscaling/v2", "HorizontalPodAutoscaler", "V2HorizontalPodAutoscaler"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "V1ClusterRole"),
        ("storage.k8s.io/v1", "CSIStorageCapacity", "V1CSIStorageCapacity"),
    ],
)
def test_the_model_is_that_of_group_version_and_kind(api_version: str, kind: str, model: str) -> None:
    read = Object({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}}).to_model()
    assert type(read).__name__ == model
    assert read.metadata.name == "a"


def test_what_the_schema_requires_may_be_null_in_a_cluster() -> None:
    event = Object({"apiVersion": "events.k8s.io/v1", "kind": "Event", "eventTime": None})
    assert event.to_model().event_time is None


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("example.com/v1", "Widget"),
        ("serving.knative.dev/v1", "Service"),  # is no V1Service
        ("gateway.networking.k8s.io/v1", "Gateway"),
        ("networking/v1", "Ingress"),
        ("v1", "Podz"),
        ("v7", "Pod"),
        ("a/b/c", "Pod"),
        ("", ""),
    ],
)
def test_what_has_no_model_is_said_so(api_version: str, kind: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^kubernetes_asyncio has no model of '{kind}' of '{api_version}': "
    ):
        Object({"apiVersion": api_version, "kind": kind}).to_model()


def test_a_part_of_an_object_has_no_model() -> None:
    for part in (Object(POD).metadata, Object({"kind": 1, "apiVersion": "v1"})):
        with pytest.raises(ValueError, match="without apiVersion and kind"):
            part.to_model()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"containers": 1}, "Pod.spec.containers is 1; accepted is a list"),
        ({"containers": [{}, "a"]}, "Pod.spec.containers[1] is 'a'; accepted is a dict"),
        ({"nodeSelector": []}, "Pod.spec.nodeSelector is []; accepted is a dict"),
        ([], "Pod.spec is []; accepted is a dict"),
    ],
)
def test_a_field_of_another_shape_is_named(spec: Any, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Object({**POD, "spec": spec}).to_model()
    assert str(caught.value) == said


@pytest.mark.parametrize("time", ["yesterday", 5])
def test_a_time_that_is_none_is_named(time: Any) -> None:
    with pytest.raises(ValueError, match=r"^Pod\.metadata\.creationTimestamp is .*; accepted is a time"):
        Object({**POD, "metadata": {"creationTimestamp": time}}).to_model()


@pytest.mark.parametrize(
    "script",
    [
        "import app.client",
        "import app.cli; app.cli.run(['get', '--help'])",
        "import app.cli; app.cli.run(['get', 'pods', '--server', 'http://127.0.0.1:1'])",
        "import app.cli; app.cli.run(['serve', '--help'])",
    ],
)
def test_the_library_is_not_imported_before_it_is_needed(script: str) -> None:
    script += "; import sys; print('kubernetes_asyncio' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "False"


KINDS = (
    "namespaces",
    "services",
    "serviceaccounts",
    "endpointslices",
    "clusterroles",
    "clusterrolebindings",
    "apiservices",
    "flowschemas",
    "prioritylevelconfigurations",
    "priorityclasses",
    "leases",
)


async def test_models_of_a_real_cluster_are_the_librarys(control_plane: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = control_plane.kubeconfig(tmp_path / "config")
    with Product(tmp_path, "--kubeconfig", str(kubeconfig)) as product, Fleet(product.url) as fleet:
        until(lambda: product.state("plane") == "synced", seconds=30)
        objects = [item for kind in KINDS for item in fleet.list(kind)]
    assert {item.kind for item in objects} >= {"Namespace", "Service", "ClusterRole", "FlowSchema"}
    async with ApiClient() as client:
        for item in objects:
            model = item.to_model()
            response: Any = SimpleNamespace(data=json.dumps(item))
            assert model.to_dict() == client.deserialize(response, type(model).__name__).to_dict()


def test_every_resource_of_a_real_cluster_has_a_model(control_plane: ControlPlane) -> None:
    """All but those that the cluster's version has and the library's does not."""
    for group in ("api/v1", *(f"apis/{version}" for version in versions(control_plane))):
        for resource in control_plane.request("GET", f"/{group}")["resources"]:
            if "/" in resource["name"] or "get" not in resource["verbs"]:
                continue
            kind, version = resource["kind"], group.partition("/")[2]
            try:
                Object({"apiVersion": version, "kind": kind}).to_model()
            except ValueError:
                assert not hasattr(models, f"{version.rpartition('/')[2].capitalize()}{kind}")


def versions(plane: ControlPlane) -> list[str]:
    groups = plane.request("GET", "/apis")["groups"]
    return [version["groupVersion"] for group in groups for version in group["versions"]]
