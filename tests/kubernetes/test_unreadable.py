"""A custom resource that anybody may create, and nobody can read, hides nothing but itself."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from bench.testbed.control_plane import ControlPlane
from bench.testbed.product import Product, until
from tests.builders import crd

pytestmark = [pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(300)]

PATH = "/apis/example.com/v1/namespaces/default/burrows"
RESOURCE = "burrows.example.com"
DEFINITION = crd("burrows", "Burrow")


def burrow(name: str, depth: int) -> bytes:
    kind = b'"apiVersion":"example.com/v1","kind":"Burrow"'
    return b'{%s,"metadata":{"name":"%s"},"spec":%s1%s}' % (
        kind,
        name.encode(),
        b'{"in":' * depth,
        b"}" * depth,
    )


def send(plane: ControlPlane, method: str, path: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {plane.token}", "Content-Type": "application/json"}
    if method == "PATCH":
        headers["Content-Type"] = "application/merge-patch+json"
    request = urllib.request.Request(plane.url + path, method=method, data=body, headers=headers)
    with urllib.request.urlopen(request, context=plane.ssl_context) as answer:
        answer.read()


def held(product: Product) -> tuple[list[str], int]:
    document: dict[str, Any] = product.get(f"/{RESOURCE}")
    (cluster,) = document["clusters"]
    assert cluster["state"] in ("synced", "syncing"), cluster
    return [item["metadata"]["name"] for item in document["items"]], cluster.get("unreadable", 0)


def test_what_is_nested_too_deep_is_left_out_and_said(control_plane: ControlPlane, tmp_path: Path) -> None:
    config = control_plane.kubeconfig(tmp_path / "config")
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(DEFINITION))
    control_plane.kubectl("wait", "--for=condition=established", f"crd/{RESOURCE}")
    try:
        send(control_plane, "POST", PATH, burrow("before", 1))
        send(control_plane, "POST", PATH, burrow("deep", 1200))
        with Product(tmp_path, "--kubeconfig", str(config)) as product:
            until(lambda: held(product) == (["before"], 1), seconds=15)
            send(control_plane, "POST", PATH, burrow("after", 1))
            send(control_plane, "POST", PATH, burrow("deeper", 1500))
            until(lambda: held(product) == (["after", "before"], 2), seconds=15)
            # The cluster's own API has them all.
            with urllib.request.urlopen(f"{product.url}/clusters/plane{PATH}") as answer:
                assert answer.headers["X-Cache"] != "hit"
                assert answer.read().count(b'"kind":"Burrow"') == 4
            send(control_plane, "PATCH", f"{PATH}/deep", b'{"spec":null}')
            until(lambda: held(product) == (["after", "before", "deep"], 1), seconds=15)
            control_plane.kubectl("delete", "burrow", "deeper")
            until(lambda: held(product) == (["after", "before", "deep"], 0), seconds=15)
            with urllib.request.urlopen(f"{product.url}/clusters/plane{PATH}?resourceVersion=0") as answer:
                assert answer.headers["X-Cache"] == "hit"
            assert product.log.read_text().count("an object cannot be read") == 2
    finally:
        control_plane.kubectl("delete", "crd", RESOURCE)
