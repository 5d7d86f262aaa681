"""The client's watch, whatever happens to clusters, servers and all ways between (`tests.following`)."""

from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.client import AsyncFleet, Event
from app.client import watch_loop as client_watching
from bench.testbed.cluster_history import RUNS
from bench.testbed.stream_followers import Follower
from tests.following.test_converging import World, impatient, live

__all__ = ["impatient"]


class Watcher(Follower):
    """A follower that leaves to the client what can be left to it: its place, and coming back."""

    async def _follow(self, session: aiohttp.ClientSession, url: str, query: Mapping[str, str]) -> None:
        async with (
            AsyncFleet(url) as fleet,
            aclosing(
                fleet.watch(
                    query["resource"],
                    cursor=query.get("cursor"),
                    namespace=query.get("namespace"),
                    label_selector=query.get("labelSelector"),
                    field_selector=query.get("fieldSelector"),
                    fields=query.get("fields"),
                    history="full" if query.get("history") == "full" else "latest",
                )
            ) as events,
        ):
            async for event in events:
                self.take(_frame(event))
                self.cursor = event.cursor
                await self.dawdle()


def _frame(event: Event) -> dict[str, Any]:
    return {
        "type": event.type,
        "cluster": event.cluster or None,
        "resource": event.resource or None,
        "namespace": event.namespace,
        "name": event.name,
        "uid": event.uid,
        "resourceVersion": event.resource_version,
        "object": event.object,
        "cursor": event.cursor,
    }


@pytest.mark.parametrize("seed", range(RUNS // 4))
async def test_after_a_quiet_moment_every_client_knows_the_truth(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_watching, "MOST_SECONDS", 0.5)
    await live(World(seed, tmp_path, Watcher))
