"""Logs of any size pass through a server whose memory does not grow with them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from app.simulator.apiserver import served_logs
from app.simulator.apiserver.object_storage import Storage
from app.simulator.apiserver.registry import Obj
from app.simulator.simulated_fleet import kubeconfig
from bench.testbed.product import Product, until
from tests.builders import deployment
from tests.writing.conftest import StartClusters
from tests.writing.test_logs import logging_pod

MEGABYTES = 100
LINE = b"%s the quick brown fox jumps over the lazy dog, again and again, and then some more of it\n"
TEXT = LINE % b"2026-11-23T10:00:00.000000001Z" * 10_000


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every container has a log of that size, and goes on with it."""

    async def send(
        request: web.Request, storage: Storage, pod: Obj, query: Mapping[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        for _ in range(2 * MEGABYTES * 2**20 // len(TEXT)):
            await response.write(TEXT)
        return response

    monkeypatch.setattr(served_logs, "send", send)


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("path", ["/pods/web-1/logs", "/deployments/web/logs"])
@pytest.mark.timeout(240)
async def test_memory_does_not_grow_with_logs(
    large: None, start_clusters: StartClusters, tmp_path: Path, path: str
) -> None:
    clusters = await start_clusters("prod")
    storage = clusters["prod"].storage
    storage.create(deployment("web"))
    for name in ("web-1", "web-2"):
        storage.create(logging_pod(name, "main"))
    config = tmp_path / "kubeconfig"
    config.write_text(yaml.safe_dump(kubeconfig([("prod", clusters["prod"].url, "t")])))
    product = Product(tmp_path, "--kubeconfig", str(config))
    await asyncio.to_thread(product.__enter__)
    try:
        await asyncio.to_thread(until, lambda: product.state("prod") == "synced", seconds=20)
        before = resident(product.pid)
        most = before
        params: dict[str, Any] = {"namespace": "default", "follow": "1"}
        taken = 0
        async with (
            aiohttp.ClientSession() as session,
            session.get(product.url + path, params=params) as answer,
        ):
            assert answer.status == 200
            async for chunk in answer.content.iter_any():
                taken += len(chunk)
                most = max(most, resident(product.pid))
                if taken > MEGABYTES * 10**6:
                    break
            # Somebody who reads no further is not waited for with everything in hand.
            await asyncio.sleep(1)
            most = max(most, resident(product.pid))
        assert taken > MEGABYTES * 10**6
        assert most - before < 24 * 2**20
    finally:
        await asyncio.to_thread(product.__exit__, None, None, None)
