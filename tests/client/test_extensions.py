"""Programs in the server's process have an ApiClient of kubernetes_asyncio for each cluster."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_asyncio.client import ApiException, CoreV1Api, V1ConfigMap, V1ObjectMeta
from kubernetes_asyncio.dynamic import DynamicClient
from kubernetes_asyncio.watch import Watch

from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from bench.testbed.control_plane import ControlPlane
from bench.testbed.product import ROOT
from tests.client.test_scripts import kubeconfig

__all__ = ["kubeconfig"]
OPTIONS = ClusterOptions(watch=("configmaps",), release_after=600, managed_fields=False, secret_values=False)
NAME = "of-extension"
MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": {"a": "d"}}


def test_the_documented_example_runs(kubeconfig: Path) -> None:
    page = (ROOT / "docs" / "extensions.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", example],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert all(re.fullmatch(r"prod-eu \S+ (Running|Succeeded|Pending|Failed)", line) for line in lines)


async def test_there_is_none_where_there_is_no_way_to_the_cluster(tmp_path: Path) -> None:
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "ftp://nowhere"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "broken", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    fleet = Fleet(OPTIONS, [tmp_path / "config"])
    await fleet.start()
    try:
        cluster = fleet.clusters["broken"]
        await cluster.settled.wait()
        assert cluster.api_client is None
    finally:
        await fleet.close()


async def test_the_librarys_api_reaches_a_real_cluster(control_plane: ControlPlane, tmp_path: Path) -> None:
    """Reads, writes, errors and the library's Watch, over the cluster's own connections."""
    fleet = Fleet(OPTIONS, [control_plane.kubeconfig(tmp_path / "config")])
    await fleet.start()
    try:
        cluster = fleet.clusters["plane"]
        await cluster.settled.wait()
        assert cluster.connection is not None
        assert cluster.api_client is cluster.connection.api_client
        core = CoreV1Api(cluster.api_client)
        body = V1ConfigMap(metadata=V1ObjectMeta(name=NAME), data={"a": "b"})
        made = await core.create_namespaced_config_map("default", body)
        try:
            patched = await core.patch_namespaced_config_map(NAME, "default", {"data": {"a": "c"}})
            assert patched.data == {"a": "c"}
            read = await core.read_namespaced_config_map(NAME, "default")
            assert read.metadata.resource_version == patched.metadata.resource_version
            selector = f"metadata.name={NAME}"
            listed = await core.list_namespaced_config_map("default", field_selector=selector)
            assert [item.metadata.uid for item in listed.items] == [made.metadata.uid]
            with pytest.raises(ApiException) as caught:
                await core.create_namespaced_config_map("default", body)
            assert (caught.value.status, caught.value.reason) == (409, "Conflict")
        finally:
            await core.delete_namespaced_config_map(NAME, "default")
        dynamic: Any = await DynamicClient(cluster.api_client)
        config_maps = await dynamic.resources.get(api_version="v1", kind="ConfigMap")
        applied = await config_maps.server_side_apply(
            namespace="default", name=NAME, field_manager="test", body=MANIFEST
        )
        assert applied.data.a == "d"
        await config_maps.delete(namespace="default", name=NAME)
        events = Watch().stream(
            core.list_namespaced_config_map,
            "default",
            field_selector=selector,
            resource_version=made.metadata.resource_version,
            timeout_seconds=2,
        )
        async with events:
            types = [event["type"] async for event in events]
        assert types == ["MODIFIED", "DELETED", "ADDED", "DELETED"]
    finally:
        await fleet.close()
