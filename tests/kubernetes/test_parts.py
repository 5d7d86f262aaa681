"""What ``fields=`` has left of an object is not taken for all of it, on a real API server."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.client import Fleet, FleetError
from bench.testbed.control_plane import ControlPlane, write_kubeconfig
from bench.testbed.product import Product

WHERE: dict[str, Any] = {"cluster": "prod", "namespace": "default"}


@pytest.fixture
def name(control_plane: ControlPlane) -> Iterator[str]:
    name = f"part-{uuid.uuid4().hex[:8]}"
    path = "/api/v1/namespaces/default/configmaps"
    labels = {"a": "b"}
    body = {"metadata": {"name": name, "labels": labels}, "data": {"x": "1", "y": "2"}}
    control_plane.request("POST", path, body)
    yield name
    control_plane.request("DELETE", f"{path}/{name}")


@pytest.mark.parametrize("fields", ["metadata.labels", "data", "data.x,metadata.labels", "kind"])
def test_a_part_is_refused_and_the_whole_is_accepted(
    control_plane: ControlPlane, tmp_path: Path, name: str, fields: str
) -> None:
    def stored() -> Any:
        found = control_plane.request("GET", f"/api/v1/namespaces/default/configmaps/{name}")
        return found["data"], found["metadata"].get("labels")

    write_kubeconfig(tmp_path / "kubeconfig", {"prod": control_plane})
    with (
        Product(tmp_path, "--kubeconfig", str(tmp_path / "kubeconfig")) as product,
        Fleet(product.url) as fleet,
    ):
        part = json.loads(json.dumps(fleet.get("configmaps", name, fields=fields, **WHERE)))
        listed = fleet.list("configmaps", field_selector=f"metadata.name={name}", fields=fields)[0]
        for body in (part, listed):
            with pytest.raises(FleetError, match="it is what fields= has left of one") as error:
                fleet.replace("configmaps", name, body, **WHERE)
            assert (error.value.status, error.value.members["reason"]) == (422, "Invalid")
            (result,) = fleet.apply(body, cluster=["prod"], force=True)
            assert result["documents"][0]["status"] == 422
        assert stored() == ({"x": "1", "y": "2"}, {"a": "b"})

        whole = fleet.get("configmaps", name, **WHERE)
        whole["data"]["x"] = "3"
        fleet.replace("configmaps", name, whole, **WHERE)
        # What somebody writes by hand names no uid, and means what it says.
        fleet.replace("configmaps", name, {"metadata": {"name": name}, "data": {"x": "4"}}, **WHERE)
        assert stored() == ({"x": "4"}, None)
