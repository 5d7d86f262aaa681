"""What API servers do by default and warn of, as the fleet's writes pass it on."""

import json
import logging
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.client import AsyncFleet, Fleet
from bench.testbed.control_plane import ControlPlane, write_kubeconfig
from bench.testbed.product import ROOT, Product

POD: dict[str, Any] = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "nginx"}]}}
# API servers warn of this label, which is deprecated.
SELECTOR = {"beta.kubernetes.io/os": "linux"}
WARNS = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "warns"},
    "spec": {"containers": [{"name": "main", "image": "nginx"}], "nodeSelector": SELECTOR},
}


@pytest.fixture
def product(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Product]:
    write_kubeconfig(tmp_path / "kubeconfig", {"a": control_plane, "b": control_plane})
    with Product(tmp_path, "--kubeconfig", str(tmp_path / "kubeconfig")) as product:
        yield product


def stored_policy(plane: ControlPlane, name: str) -> list[str]:
    """The finalizers of a Job that is being deleted tell what becomes of its pods."""
    job = plane.request("GET", f"/apis/batch/v1/namespaces/default/jobs/{name}")
    return list(job["metadata"].get("finalizers", ()))


@pytest.fixture
def job(control_plane: ControlPlane) -> Iterator[str]:
    """A Job that stays when it is deleted, as nobody removes its finalizer."""
    name = f"job-{uuid.uuid4().hex[:8]}"
    body = {
        "metadata": {"name": name, "finalizers": ["example.com/stays"]},
        "spec": {"template": POD},
    }
    control_plane.request("POST", "/apis/batch/v1/namespaces/default/jobs", body)
    yield name
    path = f"/apis/batch/v1/namespaces/default/jobs/{name}"
    operations = [{"op": "remove", "path": "/metadata/finalizers"}]
    control_plane.request("PATCH", path, operations, content_type="application/json-patch+json")


async def test_a_deleted_job_does_not_leave_its_pods_behind(
    control_plane: ControlPlane, product: Product, job: str
) -> None:
    async with AsyncFleet(product.url) as fleet:
        await fleet.delete("jobs", job, cluster="a", namespace="default")
    assert stored_policy(control_plane, job) == ["example.com/stays"]


async def test_pods_are_left_behind_where_that_is_asked_for(
    control_plane: ControlPlane, product: Product, job: str
) -> None:
    async with AsyncFleet(product.url) as fleet:
        await fleet.delete("jobs", job, cluster="a", namespace="default", propagation_policy="Orphan")
    assert "orphan" in stored_policy(control_plane, job)


def test_warnings_reach_who_wrote(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[tuple[str, str]] = []
    with Fleet(product.url, warned=lambda cluster, text: heard.append((cluster, text))) as fleet:
        fleet.create("pods", WARNS, cluster="a", namespace="default", dry_run=True)
        results = fleet.create("pods", WARNS, cluster=["a", "b"], namespace="default", dry_run=True)
        applied = fleet.apply(WARNS, cluster=["b"], namespace="default", dry_run=True)
    (text,) = results[0]["warnings"]
    assert "beta.kubernetes.io/os" in text
    assert [(cluster, text) for cluster in ("a", "a", "b", "b")] == heard
    assert applied[0]["documents"][0]["warnings"] == [text]
    with Fleet(product.url) as fleet, caplog.at_level(logging.WARNING, "app.client"):
        fleet.create("pods", WARNS, cluster="a", namespace="default", dry_run=True)
    assert [record.getMessage() for record in caplog.records] == [f"a: {text}"]


def test_the_command_line_warns_as_kubectl_does(product: Product, tmp_path: Path) -> None:
    path = tmp_path / "warns.json"
    path.write_text(json.dumps(WARNS))
    done = subprocess.run(
        [*(sys.executable, "-m", "app", "apply", "-f", path, "-n", "default", "--cluster", "a"), "--dry-run"],
        env={"K8S_MCP_URL": product.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Warning: a: spec.nodeSelector" in done.stderr
