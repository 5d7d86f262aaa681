"""What counts as a change, and that a real API server sees it the same way."""

from typing import Any

import pytest
from multidict import MultiDict

from app.api.door.permissions import is_change
from app.kube.discovery.request_info import parse
from bench.testbed.control_plane import ControlPlane, Refused

PODS = "/api/v1/namespaces/x/pods"


def changes(method: str, path: str, body: bytes = b"", **query: str) -> bool:
    return is_change(method, parse(path), MultiDict(query), body)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/pods",
        f"{PODS}/web",
        f"{PODS}/web/log",
        f"{PODS}/exec",
        "/api/v1/namespaces/exec",
        "/api/v1/namespaces/exec/pods",
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/namespaces/x/deployments/web/scale",
        "/version",
        "/openapi/v3",
        "/api/v1/watch/pods",
        f"{PODS}/web/status",
        "/api/v1/namespaces/x/status",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests/a/approval",
        "/apis/custom.metrics.k8s.io/v1beta2/namespaces/x/pods/*/http_requests",
        "/apis/metrics.k8s.io/v1beta1/namespaces/x/pods/web",
    ],
)
def test_reading_is_none(method: str, path: str) -> None:
    assert not changes(method, path)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        f"{PODS}/web/exec",
        f"{PODS}/web/attach",
        f"{PODS}/web/portforward",
        f"{PODS}/web/proxy",
        f"{PODS}/web/proxy/admin/delete",
        "/api/v1/namespaces/x/services/web/proxy/",
        "/api/v1/nodes/node-1/proxy/run/x/y/z",
        "/api/v1/proxy/namespaces/x/pods/web",
        "/apis/subresources.kubevirt.io/v1/namespaces/x/virtualmachineinstances/vm/portforward/22",
    ],
)
def test_reaching_into_what_runs_is_one_even_as_a_dry_run(method: str, path: str) -> None:
    assert changes(method, path)
    assert changes(method, path, dryRun="All")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        "/apis/subresources.kubevirt.io/v1/namespaces/x/virtualmachineinstances/vm/console",
        "/apis/subresources.kubevirt.io/v1/namespaces/x/virtualmachineinstances/vm/vnc",
        "/apis/subresources.kubevirt.io/v1/namespaces/x/virtualmachines/vm/vsock",
        "/apis/example.com/v1/things/a/connect",
        "/apis/example.com/v1/things/a/log/console",
        f"{PODS}/web/exec%20",
        f"{PODS}/web/LOG",
    ],
)
def test_what_may_connect_is_one(method: str, path: str) -> None:
    assert changes(method, path)


@pytest.mark.parametrize("path", ["/api/v1/pods", f"{PODS}/web/log", "/apis", "/"])
def test_an_upgrade_is_one_whatever_it_is_called(path: str) -> None:
    assert is_change("GET", parse(path), MultiDict(), upgrades=True)
    assert is_change("GET", parse(path), MultiDict({"dryRun": "All"}), upgrades=True)


@pytest.mark.parametrize(
    "path",
    [
        "/apis/subresources.kubevirt.io/v1/namespaces/x/virtualmachines/vm/restart",
        "/apis/apps.openshift.io/v1/namespaces/x/deploymentconfigs/a/instantiate",
        f"{PODS}/web/status/more",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_dry_run_that_nobody_promises_is_one(method: str, path: str) -> None:
    assert changes(method, path, dryRun="All")
    assert not changes(method, f"{PODS}/web/eviction", dryRun="All")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "MKCOL"])
@pytest.mark.parametrize("path", ["/api/v1/pods", f"{PODS}/web", f"{PODS}/web/eviction", "/", "/apis"])
def test_every_other_method_is_one(method: str, path: str) -> None:
    assert changes(method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        "/apis/authorization.k8s.io/v1/namespaces/x/localsubjectaccessreviews",
        "/apis/authentication.k8s.io/v1/tokenreviews",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    ],
)
def test_reviews_are_none(path: str) -> None:
    assert not changes("POST", path)
    assert changes("PUT", path)


@pytest.mark.parametrize(
    "path",
    [
        "/apis/example.com/v1/tokenreviews",
        "/apis/authorization.k8s.io.example.com/v1/selfsubjectaccessreviews",
        "/apis/authentication.k8s.io/v1/tokens",
        "/api/v1/tokenreviews",
    ],
)
def test_what_is_only_called_like_a_review_is_one(path: str) -> None:
    assert changes("POST", path)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_dry_runs_are_none(method: str) -> None:
    assert not changes(method, f"{PODS}/web", dryRun="All")


@pytest.mark.parametrize("value", ["", "all", "true", "None", "All,All"])
def test_what_is_not_quite_a_dry_run_is_one(value: str) -> None:
    assert changes("POST", PODS, dryRun=value)


def test_a_dry_run_that_is_named_twice_or_in_another_case_is_one() -> None:
    assert is_change("POST", parse(PODS), MultiDict([("dryRun", "All"), ("dryRun", "")]))
    assert is_change("POST", parse(PODS), MultiDict({"dryrun": "All"}))
    assert is_change("POST", parse("/anything"), MultiDict({"dryRun": "All"}))


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b'{"dryRun":["All"]}' + b" " * 100_000,
        b"{}",
        b'{"dryRun":[]}',
        b'{"dryRun":"All"}',
        b"dryRun: [All]",
        b"[]",
        b"\xff",
    ],
)
def test_the_options_in_the_body_of_a_deletion_win(body: bytes) -> None:
    assert changes("DELETE", f"{PODS}/web", body, dryRun="All")
    assert not changes("DELETE", f"{PODS}/web", b'{"dryRun":["All"]}')


def test_a_token_is_handed_out_by_a_dry_run_too() -> None:
    assert changes("POST", "/api/v1/namespaces/x/serviceaccounts/robot/token", dryRun="All")


def test_a_real_server_deletes_what_the_query_alone_calls_a_dry_run(control_plane: ControlPlane) -> None:
    """Why `is_change` must see the body."""
    maps = "/api/v1/namespaces/default/configmaps"
    for options, left in ((None, True), ({"kind": "DeleteOptions", "apiVersion": "v1"}, False)):
        name = f"dry-run-{left}".lower()
        control_plane.request("POST", maps, {"metadata": {"name": name}})
        control_plane.request("DELETE", f"{maps}/{name}?dryRun=All", options)
        assert there(control_plane, f"{maps}/{name}") is left
    control_plane.request("DELETE", f"{maps}/dry-run-true")


def test_a_real_server_knows_no_dry_run_of_a_token(control_plane: ControlPlane) -> None:
    """Why `asks_dry_run` does not believe it."""
    account = {"metadata": {"name": "robot"}}
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    control_plane.request("POST", accounts, account)
    asked: Any = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}}
    answer = control_plane.request("POST", f"{accounts}/robot/token?dryRun=All", asked)
    control_plane.request("DELETE", f"{accounts}/robot")
    assert answer["status"]["token"]


def test_a_real_server_reads_a_dry_run_of_an_eviction(control_plane: ControlPlane) -> None:
    pods = "/api/v1/namespaces/default/pods"
    pod = {"metadata": {"name": "evicted"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    control_plane.request("POST", pods, pod)
    for options in (None, dict[str, Any]()):
        eviction: dict[str, Any] = {
            "kind": "Eviction",
            "apiVersion": "policy/v1",
            "metadata": {"name": "evicted"},
        }
        if options is not None:
            eviction["deleteOptions"] = options
        control_plane.request("POST", f"{pods}/evicted/eviction?dryRun=All", eviction)
        assert there(control_plane, f"{pods}/evicted")
    control_plane.request("DELETE", f"{pods}/evicted?gracePeriodSeconds=0")


def there(plane: ControlPlane, path: str) -> bool:
    try:
        plane.request("GET", path)
    except Refused as refused:
        if refused.status != 404:
            raise
        return False
    return True
