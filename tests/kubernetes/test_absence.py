"""What is said of an object that a real API server does not have."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.client import Fleet, FleetError
from bench.testbed.control_plane import ControlPlane, write_kubeconfig
from bench.testbed.product import Product

Asked = Callable[[Fleet, str], Any]
WHERE = {"cluster": "prod", "namespace": "default"}


@pytest.mark.parametrize(
    ("resource", "asked"),
    [
        ("pod", lambda fleet, name: fleet.get("pods", name, **WHERE)),
        ("pod", lambda fleet, name: fleet.delete("pods", name, **WHERE)),
        ("pod", lambda fleet, name: fleet.patch("pods", name, {"metadata": {"labels": {"a": "b"}}}, **WHERE)),
        ("pod", lambda fleet, name: list(fleet.logs("pods", name, **WHERE))),
        ("statefulset", lambda fleet, name: fleet.scale("sts", name, 1, **WHERE)),
        ("statefulset", lambda fleet, name: fleet.restart("sts", name, **WHERE)),
    ],
)
def test_what_there_is_in_its_place_is_named(
    control_plane: ControlPlane, tmp_path: Path, resource: str, asked: Asked
) -> None:
    name = f"cart-{uuid.uuid4().hex[:8]}"
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    deployment = {
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }
    path = "/apis/apps/v1/namespaces/default/deployments"
    control_plane.request("POST", path, {"apiVersion": "apps/v1", "kind": "Deployment", **deployment})
    write_kubeconfig(tmp_path / "kubeconfig", {"prod": control_plane})
    try:
        with (
            Product(tmp_path, "--kubeconfig", str(tmp_path / "kubeconfig")) as product,
            Fleet(product.url) as fleet,
        ):
            assert fleet.get("deployments", name, **WHERE).metadata.name == name
            with pytest.raises(FleetError) as error:
                asked(fleet, name)
    finally:
        control_plane.request("DELETE", f"{path}/{name}")
    assert error.value.status == 404
    assert error.value.detail == f"{resource} {name!r} not found; deployment {name!r} exists"
