"""kubectl works with simulated clusters."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from app.simulator.simulated_fleet import run_demo
from tests.kubernetes.binaries import assets

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: greeter}}
  template:
    metadata: {labels: {app: greeter}}
    spec: {containers: [{name: main, image: "nginx:1.27"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: greeter, namespace: default}
data: {greeting: hello}
"""


class Kubectl:
    def __init__(self, kubeconfig: Path, cache: Path) -> None:
        binary = assets("kubectl") / "kubectl"
        self._command = [str(binary), f"--kubeconfig={kubeconfig}", f"--cache-dir={cache}"]

    async def __call__(self, *arguments: str, stdin: str = "", fails: bool = False) -> str:
        """What it printed, its errors included."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = (await process.communicate(stdin.encode()))[0].decode()
        assert bool(process.returncode) is fails, f"kubectl {arguments}: {printed}"
        return printed


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    """For a living cluster that asks for no token, which kubectl does not send without TLS."""
    assets("kubectl")
    async with run_demo(1, speed=20, tokens=False) as demo:
        yield Kubectl(demo.path, tmp_path)


async def test_what_is_there_is_shown(kubectl: Kubectl) -> None:
    assert "deployments" in await kubectl("api-resources")
    pods = await kubectl("get", "pods", "--all-namespaces", "--chunk-size=20", "--no-headers")
    assert len(pods.splitlines()) > 30
    everything = orjson.loads(await kubectl("get", "pods", "--namespace=shop", "-o", "json"))
    names = [item["metadata"]["name"] for item in everything["items"]]
    described = await kubectl("describe", "pod", names[0], "--namespace=shop")
    assert f"Name:             {names[0]}" in described
    assert "Capacity:" in await kubectl("describe", "nodes")
    assert await kubectl("logs", names[0], "--namespace=shop", "--tail=2", "--all-containers")
    assert "No resources" not in await kubectl("get", "events", "--all-namespaces")


async def test_a_deployment_is_applied_changed_and_deleted(kubectl: Kubectl) -> None:
    created = await kubectl("apply", "--filename=-", stdin=MANIFEST)
    assert created == "deployment.apps/greeter created\nconfigmap/greeter created\n"
    again = await kubectl("apply", "--filename=-", stdin=MANIFEST)
    assert again == "deployment.apps/greeter unchanged\nconfigmap/greeter unchanged\n"
    await kubectl("rollout", "status", "deployment/greeter", "--timeout=60s")

    await kubectl("scale", "deployment/greeter", "--replicas=3")
    await kubectl("wait", "--for=jsonpath={.status.readyReplicas}=3", "deployment/greeter", "--timeout=60s")
    changed = await kubectl("apply", "--filename=-", stdin=MANIFEST.replace("1.27", "1.28"))
    assert "deployment.apps/greeter configured" in changed
    await kubectl("rollout", "status", "deployment/greeter", "--timeout=60s")
    described = await kubectl("describe", "deployment", "greeter")
    assert "nginx:1.28" in described
    assert "ScalingReplicaSet" in described

    conflict = await kubectl("apply", "--server-side", "--filename=-", stdin=MANIFEST, fails=True)
    assert "Apply failed with" in conflict
    forced = await kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=MANIFEST)
    assert "deployment.apps/greeter serverside-applied" in forced

    deleted = await kubectl("delete", "--filename=-", "--timeout=60s", stdin=MANIFEST)
    assert 'deployment.apps "greeter" deleted' in deleted
    await kubectl("wait", "--for=delete", "pod", "--selector=app=greeter", "--timeout=60s")
    assert "not found" in await kubectl("get", "deployment", "greeter", fails=True)


async def test_a_namespace_goes_with_all_that_is_in_it(kubectl: Kubectl) -> None:
    await kubectl("delete", "namespace", "shop", "--timeout=60s")
    assert "not found" in await kubectl("get", "namespace", "shop", fails=True)
    assert "No resources found" in await kubectl("get", "pods", "--namespace=shop")
