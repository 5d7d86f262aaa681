"""The servers that the contract tests run against."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from app.simulator.apiserver.accounts import Account
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.control_plane import ControlPlane
from tests.simulated.api import DEFINITIONS, Api

# Nothing of a namespace is cleaned up where no controller runs.
_PLURALS = ("configmaps", "pods", "secrets", "services", "events")


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.xdist_group("kubernetes"))])
def real(request: pytest.FixtureRequest) -> ControlPlane | None:
    """None where a simulated server is meant."""
    if request.param == "simulated":
        return None
    plane: ControlPlane = request.getfixturevalue("control_plane")
    return plane


@pytest.fixture
async def api(real: ControlPlane | None) -> AsyncIterator[Api]:
    """A server, and in it a namespace for the test alone."""
    namespace = f"contract-{uuid.uuid4().hex[:8]}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        if real is not None:
            server = _real(session, real, namespace)
            await server.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
            yield server
            await _clean(server)
            return
        async with SimulatedCluster(token="token-of-admin") as cluster:
            cluster.accounts["token-of-alice"] = Account("alice", namespaces=frozenset())

            async def forget() -> None:
                cluster.storage.compact()

            server = Api(session, cluster.url, "token-of-admin", namespace, forget)
            await server.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
            yield server


def _real(session: aiohttp.ClientSession, plane: ControlPlane, namespace: str) -> Api:
    async def forget() -> None:
        version = (await server.get("/api/v1/namespaces")).version
        compaction: dict[str, Any] = {"revision": version}
        async with session.post(f"{plane.etcd_url}/v3/kv/compaction", json=compaction) as answer:
            assert answer.status == 200, await answer.text()

    server = Api(session, plane.url, plane.token, namespace, forget, plane.ssl_context)
    return server


async def _clean(api: Api) -> None:
    for name in api.definitions:
        await api.request("DELETE", f"{DEFINITIONS}/{name}")
    paths = [api.path(plural) for plural in _PLURALS] + [api.path("deployments", group="apps/v1")]
    for path in paths:
        for name in (await api.get(path)).names:
            await api.request("DELETE", f"{path}/{name}", gracePeriodSeconds="0")
            await api.request(
                "PATCH",
                f"{path}/{name}",
                {"metadata": {"finalizers": None}},
                content_type="application/merge-patch+json",
            )
    namespace = f"/api/v1/namespaces/{api.namespace}"
    await api.request("DELETE", namespace)
    body = {"metadata": {"name": api.namespace}, "spec": {"finalizers": []}}
    await api.request("PUT", f"{namespace}/finalize", body)
