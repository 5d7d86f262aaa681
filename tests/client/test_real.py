"""The client and a real cluster."""

from pathlib import Path

from app.client import Event, Fleet
from bench.testbed.control_plane import ControlPlane
from bench.testbed.product import Product, until

KEY = ("plane", "default", "of-client")
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: of-client, labels: {for: client}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: nginx}]}
"""


def test_what_is_written_to_a_real_cluster_is_in_every_view(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    with (
        Product(tmp_path, "--kubeconfig", str(control_plane.kubeconfig(tmp_path / "config"))) as product,
        Fleet(product.url) as fleet,
    ):
        until(lambda: product.state("plane") == "synced", seconds=20)
        seen: list[Event] = []
        with fleet.informer("deployments", label_selector="for=client", handler=seen.append) as known:
            known.synced()
            (result,) = fleet.apply(DEPLOYMENT, namespace="default")
            assert [document.status for document in result.documents] == [201]
            until(lambda: KEY in known, seconds=10)
            fleet.scale("deployments", "of-client", 2, namespace="default")
            assert [
                each.spec.replicas for each in fleet.list("deployments", label_selector="for=client")
            ] == [2]
            until(lambda: known[KEY].spec.replicas == 2, seconds=10)
            fleet.delete("deployments", "of-client", namespace="default", propagation_policy="Background")
            assert fleet.list("deployments", label_selector="for=client") == []
            until(lambda: seen[-1].type == "DELETED", seconds=10)
            assert not known
