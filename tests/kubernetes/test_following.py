"""What is served equals what real clusters hold, whatever happens to them."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bench.testbed.control_plane import BASIC, ControlPlane, write_kubeconfig
from bench.testbed.product import Product, until
from tests.builders import crd, pod
from tests.conftest import StartPlane
from tests.kubernetes.binaries import assets

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A kube-apiserver and etcd that the test may break."""
    with ControlPlane(assets(*BASIC)) as started:
        yield started


def create(plane: ControlPlane, *names: str) -> None:
    for name in names:
        plane.request("POST", PODS, pod(name))


def truth(plane: ControlPlane, path: str = "/api/v1/pods") -> dict[str, str]:
    """uid and resourceVersion of everything that a cluster holds."""
    return {
        item["metadata"]["uid"]: item["metadata"]["resourceVersion"]
        for item in plane.request("GET", path)["items"]
    }


def served(product: Product, path: str = "/pods") -> dict[str, str]:
    return {
        item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in product.get(path)["items"]
    }


def same(product: Product, plane: ControlPlane, *, seconds: float = 10) -> None:
    """Both hold the same objects in the same versions, and the product says that it is synced."""
    until(
        lambda: product.state("plane") == "synced" and served(product) == truth(plane),
        seconds=seconds,
    )


def test_what_kubectl_does_in_two_clusters_shows_within_a_second(
    control_plane: ControlPlane, plane: ControlPlane, tmp_path: Path
) -> None:
    planes = {"east": control_plane, "west": plane}
    write_kubeconfig(tmp_path / "config", planes)
    with Product(tmp_path, "--kubeconfig", str(tmp_path / "config")) as product:
        until(lambda: product.state("east") == product.state("west") == "synced", seconds=15)
        for name, each in planes.items():
            place = f"{name}/default/shown"
            each.kubectl("run", "shown", "--image=nginx", "--labels=app=shown")
            until(partial(product.holds, place, "/pods", namespace="default"), seconds=1)
            each.kubectl("label", "pod", "shown", "tier=front")
            until(partial(product.holds, place, "/po", labelSelector="tier=front"), seconds=1)
        assert product.names("/pods", labelSelector="app=shown") == {
            "east/default/shown",
            "west/default/shown",
        }
        assert product.names("/pods", labelSelector="app=shown", cluster="west") == {"west/default/shown"}
        for name, each in planes.items():
            each.kubectl("delete", "pod", "shown", "--force", "--grace-period=0")
            place = f"{name}/default/shown"
            until(partial(product.lacks, place, "/pods"), seconds=1)


def test_a_definition_made_later_is_served_and_its_removal_empties_it(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    definition = crd("gadgets", "Gadget", short_names=["gg"])
    gadget = {
        "apiVersion": "example.com/v1",
        "kind": "Gadget",
        "metadata": {"name": "g", "namespace": "default"},
    }

    def listed() -> set[str] | None:
        try:
            return product.names("/gg")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None

    with Product(tmp_path, "--kubeconfig", str(control_plane.kubeconfig(tmp_path / "config"))) as product:
        until(lambda: product.state("plane") == "synced", seconds=15)
        assert listed() is None
        for _ in range(2):
            control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(definition))
            control_plane.kubectl("wait", "--for=condition=established", "crd/gadgets.example.com")
            control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(gadget))
            until(lambda: listed() == {"plane/default/g"}, seconds=2)
            assert product.names("/gadget.example.com") == {"plane/default/g"}
            control_plane.kubectl("delete", "crd", "gadgets.example.com")
            until(lambda: not listed(), seconds=2)


def test_a_killed_api_server_shows_and_returns(plane: ControlPlane, tmp_path: Path) -> None:
    create(plane, "a", "b", "c")
    with Product(tmp_path, "--kubeconfig", str(plane.kubeconfig(tmp_path / "config"))) as product:
        same(product, plane)
        before = served(product)
        plane.kill_apiserver()
        until(lambda: product.state("plane") == "unreachable", seconds=5)
        assert served(product) == before
        plane.start_apiserver()
        create(plane, "d")
        plane.kubectl("delete", "pod", "a", "--force", "--grace-period=0")
        same(product, plane, seconds=30)


def relists(product: Product) -> dict[str, int]:
    """How often each resource was listed again."""
    with urllib.request.urlopen(f"{product.url}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    found = re.findall(r'^k8s_mcp_relists_total\{cluster="plane",resource="([^"]*)"\} ([0-9.]+)', text, re.M)
    return {resource: int(float(number)) for resource, number in found}


def test_what_is_quiet_is_not_listed_again_when_the_api_server_restarts(
    plane: ControlPlane, tmp_path: Path
) -> None:
    create(plane, "a", "b")
    plane.request("DELETE", f"{PODS}/b?gracePeriodSeconds=0")
    config = str(plane.kubeconfig(tmp_path / "config"))

    def version() -> str:
        return str(plane.request("GET", "/api/v1/pods?limit=1")["metadata"]["resourceVersion"])

    for _ in range(10):
        before = version()
        with Product(tmp_path, "--kubeconfig", config) as product:
            same(product, plane)
            if version() != before:
                continue  # Some lease was renewed meanwhile: a server that restarts begins behind it.
            plane.kill_apiserver()
            plane.start_apiserver()
            create(plane, "c")
            same(product, plane, seconds=40)
            again = relists(product)
            assert again.pop("pods") == 0
            assert again
            assert set(again.values()) == {0}, again
            return
    pytest.fail("something is written all the time")


def test_an_emptied_etcd_begins_another_history(plane: ControlPlane, tmp_path: Path) -> None:
    create(plane, *(f"pod-{number}" for number in range(60)))
    with Product(tmp_path, "--kubeconfig", str(plane.kubeconfig(tmp_path / "config"))) as product:
        same(product, plane)
        plane.wipe_etcd()
        create(plane, "other-1", "other-2")
        same(product, plane, seconds=40)
        # And the watch goes on from there.
        create(plane, "other-3")
        same(product, plane, seconds=2)


def test_a_revoked_role_empties_what_it_showed_and_its_return_brings_it_back(
    plane: ControlPlane, tmp_path: Path
) -> None:
    create(plane, "a")
    plane.kubectl("create", "clusterrole", "reader", "--verb=get,list,watch", "--resource=pods,services")
    bind = ("create", "clusterrolebinding", "alice", "--clusterrole=reader", "--user=alice")
    plane.kubectl(*bind)
    config = plane.kubeconfig(tmp_path / "config", user="alice")
    with Product(tmp_path, "--kubeconfig", str(config)) as product:
        same(product, plane)
        assert product.state("plane", "/deployments") == "forbidden"
        plane.kubectl("delete", "clusterrolebinding", "alice")
        # An API server asks for permission when a watch begins, so the open one must end first.
        plane.kill_apiserver()
        plane.start_apiserver()
        until(lambda: product.state("plane") == "forbidden", seconds=40)
        assert served(product) == {}
        plane.kubectl(*bind)
        same(product, plane, seconds=60)


def test_an_account_of_one_namespace_sees_that_one(control_plane: ControlPlane, tmp_path: Path) -> None:
    control_plane.kubectl("create", "namespace", "mine")
    control_plane.kubectl(
        "create", "role", "reader", "-n", "mine", "--verb=get,list,watch", "--resource=pods"
    )
    control_plane.kubectl("create", "rolebinding", "bob", "-n", "mine", "--role=reader", "--user=bob")
    for namespace in ("mine", "default"):
        control_plane.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod("scoped", namespace))
    config = control_plane.kubeconfig(tmp_path / "config", user="bob")
    (tmp_path / "settings.yaml").write_text("clusters:\n  plane:\n    namespaces: [mine]\n")
    flags = ("--kubeconfig", str(config), "--config", str(tmp_path / "settings.yaml"))
    with Product(tmp_path, *flags) as product:
        until(lambda: product.state("plane") == "synced", seconds=15)
        assert product.names("/pods") == {"plane/mine/scoped"}
        control_plane.request("DELETE", "/api/v1/namespaces/mine/pods/scoped?gracePeriodSeconds=0")
        until(lambda: product.names("/pods") == set(), seconds=1)
    control_plane.request("DELETE", "/api/v1/namespaces/default/pods/scoped?gracePeriodSeconds=0")


def test_an_expired_token_is_replaced_by_the_one_in_its_file(plane: ControlPlane, tmp_path: Path) -> None:
    create(plane, "a")
    token = tmp_path / "token"
    token.write_text("token-of-admin")
    config = json.dumps(
        {
            "clusters": [
                {
                    "name": "plane",
                    "cluster": {"server": plane.url, "certificate-authority-data": plane.ca_data},
                }
            ],
            "users": [{"name": "robot", "user": {"tokenFile": str(token)}}],
            "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "robot"}}],
        }
    )
    (tmp_path / "config").write_text(config)
    with Product(tmp_path, "--kubeconfig", str(tmp_path / "config")) as product:
        same(product, plane)
        plane.kill_apiserver()
        tokens = plane.folder / "tokens.csv"
        tokens.write_text(tokens.read_text() + 'renewed,robot,robot,"system:masters"\n')
        tokens.write_text(
            "".join(line for line in tokens.read_text().splitlines(True) if "admin" not in line)
        )
        plane.token_of = lambda user: "renewed"  # type: ignore[method-assign]
        plane.start_apiserver()
        until(lambda: "401" in str(product.get("/pods")["clusters"]), seconds=40)
        create(plane, "b")
        token.write_text("renewed")
        same(product, plane, seconds=60)


@pytest.mark.timeout(400)
def test_a_rolling_restart_of_500_pods_ends_in_the_truth(start_plane: StartPlane, tmp_path: Path) -> None:
    plane = start_plane(5)
    plane.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=500")
    plane.kubectl("rollout", "status", "deployment/web", "--timeout=100s", timeout=110)
    with Product(tmp_path, "--kubeconfig", str(plane.kubeconfig(tmp_path / "config"))) as product:
        same(product, plane)
        plane.kubectl("rollout", "restart", "deployment/web")
        plane.kubectl("rollout", "status", "deployment/web", "--timeout=200s", timeout=210)
        until(lambda: len(truth(plane)) == 500, seconds=60)
        same(product, plane)
        sets = product.get("/replicasets")["items"]
        assert sorted(item["spec"]["replicas"] for item in sets) == [0, 500]
