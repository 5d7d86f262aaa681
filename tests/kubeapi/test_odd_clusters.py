"""A cluster's own API passes whatever of its discovery is broken."""

from pathlib import Path

import aiohttp
import pytest

from app.simulator.apiserver.faults import Fault
from bench.testbed.served_fleet import serving, simulated, write_config
from tests.builders import config_map, namespace, pod
from tests.clusters.fleets import until


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.FORBIDDEN, Fault.GARBAGE, Fault.ABORT])
@pytest.mark.parametrize("paths", [("/api",), ("/apis",), ("/version",), ("/api", "/apis", "/version")])
async def test_requests_are_forwarded_while_discovery_fails(
    tmp_path: Path, fault: Fault, paths: tuple[str, ...]
) -> None:
    async with simulated("odd") as cluster, aiohttp.ClientSession() as session:
        cluster.storage.create(namespace("default"))
        cluster.storage.create(pod("a"))
        for path in paths:
            cluster.faults.add(fault, resource=path)
        config = write_config(tmp_path / "config", [("odd", cluster.url)])
        async with serving(config) as server:
            odd = server.fleet.clusters["odd"]
            await until(lambda: odd.problems or odd.condition.error)
            own = f"{server.url}/clusters/odd"
            core = f"{own}/api/v1/namespaces/default"
            # What is watched from the start, what is not, and what no discovery can have told of.
            for path in (f"{core}/pods/a", f"{core}/pods", f"{core}/serviceaccounts", f"{own}/openapi/v3"):
                async with session.get(path) as answer:
                    assert answer.status == 200, (path, await answer.text())
                    assert await answer.json()
            async with session.post(f"{core}/configmaps", json=config_map("made")) as answer:
                assert answer.status == 201
            async with session.get(f"{core}/configmaps/made") as answer:
                assert (await answer.json())["metadata"]["name"] == "made"
            async with session.delete(f"{core}/pods/a") as answer:
                assert answer.status == 200
            async with session.get(f"{server.url}/pods") as answer:
                (said,) = (await answer.json())["clusters"]
            # Who refuses is there; who fails in all of it, or cuts the first request off, may not be.
            unseen = {Fault.FORBIDDEN: 4, Fault.ERROR: 3, Fault.GARBAGE: 3, Fault.ABORT: 1}[fault]
            lost = "/version" in paths and len(paths) >= unseen
            assert said["state"] == ("unreachable" if lost else "synced")
            assert bool(said["error"]) == lost
