"""``k8s-mcp get`` prints what the real kubectl prints of a real cluster, and CLUSTER."""

import asyncio
import re
from pathlib import Path

import pytest
import yaml

from bench.testbed.control_plane import WHOLE, ControlPlane
from bench.testbed.product import Product, until
from tests.builders import widget, widget_crd
from tests.commands.conftest import Clusters
from tests.commands.running import SECONDS, Command
from tests.kubernetes.binaries import assets

KINDS = ["pods", "deployments", "services", "nodes", "events", "widgets.k8s.example.com", "pods,services"]
DEFINITION = widget_crd(
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    group="k8s.example.com",
)
WIDGET = widget("one", size=3, colour="blue") | {"apiVersion": "k8s.example.com/v1"}


def filled(plane: ControlPlane) -> None:
    plane.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=3")
    plane.kubectl("expose", "deployment", "web", "--port=80")
    plane.kubectl("create", "namespace", "other")
    plane.kubectl("--namespace=other", "create", "deployment", "db", "--image=postgres")
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    plane.request("POST", path, DEFINITION)
    plane.kubectl("wait", "--for=condition=Established", "crd/widgets.k8s.example.com")
    plane.request("POST", "/apis/k8s.example.com/v1/namespaces/default/widgets", WIDGET)
    until(lambda: len(plane.kubectl("get", "pods", "-A", "--no-headers").split("Running")) == 5, seconds=60)


def without_cluster(text: str) -> str:
    """A table without its first column, which is the same in all lines but the first."""
    lines = []
    for line in text.splitlines(keepends=True):
        head, rest = line[: len("CLUSTER   ")], line[len("CLUSTER   ") :]
        assert head.strip() in ("CLUSTER", "plane", "")
        lines.append(rest if head.strip() else line)
    return "".join(lines)


@pytest.mark.timeout(300)
async def test_tables_are_those_of_kubectl(tmp_path: Path) -> None:
    async with ControlPlane(assets(*WHOLE), nodes=2) as plane:
        await asyncio.to_thread(filled, plane)
        product = Product(tmp_path, "--kubeconfig", str(plane.kubeconfig(tmp_path / "config")))
        await asyncio.to_thread(product.__enter__)
        try:
            await asyncio.to_thread(until, lambda: product.state("plane") == "synced", seconds=20)
            command = Command(product.url)
            for kinds in KINDS:
                for wide in ([], ["-o", "wide"]):
                    await _same(plane, command, kinds, wide)
            await _changed(plane, command)
        finally:
            await asyncio.to_thread(product.__exit__, None, None, None)


async def _same(plane: ControlPlane, command: Command, kinds: str, wide: list[str]) -> None:
    # The ages may be those of another second; then it is asked again.
    for _ in range(6):
        before = await asyncio.to_thread(plane.kubectl, "get", kinds, "-A", *wide)
        ours = await command("get", kinds, *wide)
        after = await asyncio.to_thread(plane.kubectl, "get", kinds, "-A", *wide)
        assert ours.status == 0, ours.err
        printed = without_cluster(ours.out)
        if sorted(printed.splitlines()) in (sorted(before.splitlines()), sorted(after.splitlines())):
            # kubectl orders by the version in which it lists, we by namespace and name.
            assert printed in (before, after) or kinds == "events"
            return
    pytest.fail(f"{kinds}: ours\n{printed}\nkubectl's\n{after}")


async def _changed(plane: ControlPlane, command: Command) -> None:
    """What is read and changed here is what kubectl sees."""
    shown = await command("get", "deploy", "web", "-n", "default", "-o", "yaml")
    found = yaml.safe_load(shown.out)
    assert (found["cluster"], found["spec"]["replicas"]) == ("plane", 3)
    scaled = await command("scale", "deploy/web", "-n", "default", "--replicas=1")
    assert (scaled.status, scaled.out.split()[0]) == (0, "plane"), scaled.err
    replicas = await asyncio.to_thread(
        plane.kubectl, "get", "deploy", "web", "--output=jsonpath={.spec.replicas}"
    )
    assert replicas == "1"
    described = await command("describe", "deploy/web")
    assert "ScalingReplicaSet" in described.out


async def test_of_several_clusters_it_is_the_tables_of_all(
    command: Command, clusters: Clusters, tmp_path: Path
) -> None:
    kubectl = str(assets("kubectl") / "kubectl")

    async def rows(cluster: str) -> list[list[str]]:
        arguments = ["--server", f"{command.url}/clusters/{cluster}", "--cache-dir", str(tmp_path)]
        process = await asyncio.create_subprocess_exec(
            kubectl, *arguments, "get", "pods", "-A", env={}, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(SECONDS):
            out, _ = await process.communicate()
        return cells(out.decode())

    done = await command("get", "pods", "-o", "table")
    header, *ours = cells(done.out)
    theirs = {cluster: await rows(cluster) for cluster in clusters}
    assert header == ["CLUSTER", *theirs["prod"][0]]
    # All but the ages, which are those of another second.
    assert [row[:-1] for row in ours] == [
        [cluster, *row[:-1]] for cluster, found in theirs.items() for row in found[1:]
    ]


def cells(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line) for line in text.splitlines()]
