"""A client that reads nothing for a while learns all the same what has gone meanwhile."""

from pathlib import Path

import aiohttp

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.served_fleet import serving, write_config
from bench.testbed.stream_followers import Known
from tests.builders import pod
from tests.following.watching import watched

PODS = 3000


async def test_more_deletions_than_are_remembered(prod: SimulatedCluster, tmp_path: Path) -> None:
    for number in range(PODS):
        prod.storage.create(pod(f"p{number}"))
    config = write_config(tmp_path / "config", [("prod", prod.url)])
    client = Known()
    async with (
        aiohttp.ClientSession(read_bufsize=2**16) as session,
        serving(config) as server,
        watched(session, server, resource="pods") as stream,
    ):
        for frame in await stream.until("SYNCED"):
            client.take(frame)
        assert len(client.objects) == PODS
        for number in range(1000):
            prod.storage.replace(pod(f"p{number}") | {"long": "x" * 40_000})
        watch = server.fleet.clusters["prod"].watches.get("pods")
        assert watch is not None
        (store,) = watch.stores
        await store.reached(prod.storage.version)
        for number in range(PODS):
            prod.storage.remove(pod(f"p{number}"))
        await store.reached(prod.storage.version)
        prod.storage.create(pod("last"))
        while "last" not in {key[3] for key in client.objects}:
            client.take(await stream.next())
        assert {key[3] for key in client.objects} == {"last"}
