"""The control planes that other tests build on do what those tests take for granted."""

import json
import urllib.error
from pathlib import Path

import pytest
import yaml

from bench.testbed.control_plane import BASIC, ControlPlane, Refused, write_kubeconfig
from tests.conftest import StartPlane
from tests.kubernetes.binaries import assets


def version_of(plane: ControlPlane) -> int:
    return int(plane.request("GET", "/api/v1/namespaces?limit=1")["metadata"]["resourceVersion"])


def test_rbac_separates_the_users(control_plane: ControlPlane) -> None:
    assert control_plane.request("GET", "/api/v1/pods")["kind"] == "PodList"

    with pytest.raises(Refused) as refused:
        control_plane.request("GET", "/api/v1/pods", user="alice")

    assert refused.value.status == 403


def test_a_kubeconfig_names_each_plane(control_plane: ControlPlane, tmp_path: Path) -> None:
    path = tmp_path / "config"
    write_kubeconfig(path, {"east": control_plane, "west": control_plane}, user="alice")

    document = yaml.safe_load(path.read_text())

    assert [context["name"] for context in document["contexts"]] == ["east", "west"]
    assert document["clusters"][0]["cluster"]["server"] == control_plane.url
    assert document["users"][1]["user"]["token"] == control_plane.token_of("alice")


def test_a_killed_apiserver_comes_back_with_its_objects_and_a_wiped_etcd_without() -> None:
    with ControlPlane(assets(*BASIC)) as plane:
        plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": "kept"}})
        before, url = version_of(plane), plane.url

        plane.kill_apiserver()
        with pytest.raises(urllib.error.URLError):
            plane.request("GET", "/readyz")
        plane.start_apiserver()
        assert plane.url == url
        assert plane.request("GET", "/api/v1/namespaces/kept")["metadata"]["name"] == "kept"
        for number in range(50):
            plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": f"more-{number}"}})
        assert version_of(plane) >= before + 50

        plane.wipe_etcd()
        with pytest.raises(Refused) as missing:
            plane.request("GET", "/api/v1/namespaces/kept")
        assert missing.value.status == 404

        folder, pid = plane.folder, plane.pid()
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()


def test_deployments_become_running_pods(start_plane: StartPlane) -> None:
    plane = start_plane(2)
    plane.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=3")

    plane.kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=60s")

    pods = json.loads(plane.kubectl("get", "pods", "-o", "json"))["items"]
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert {pod["spec"]["nodeName"] for pod in pods} <= {"node-0", "node-1"}


def test_missing_binaries_skip_with_a_reason_and_fail_in_ci(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="lacks kwok"):
        assets("kwok")

    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no test may be skipped"):
        assets("kwok")
