"""Whatever happens to clusters, servers and all ways between: in the end every client knows the truth.

Each run is made from a seed, so that a failure repeats:
``pytest tests/following -k 'knows_the_truth and [17]'``. ``K8S_MCP_TEST_RUNS`` makes more of them.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.streams import frame_log, hub
from bench.testbed.cluster_history import QUIET_SECONDS, RESOURCES, RUNS, STEPS, History
from bench.testbed.served_fleet import Server, simulated, write_config
from bench.testbed.stream_followers import TRANSPORTS, Follower
from bench.testbed.stream_truth import QUERIES, Matches, known, truth
from tests.converging.hurry import hurry
from tests.following.proxy import Proxy


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(frame_log, "LOG_BYTES", 8 * 1024)
    monkeypatch.setattr(frame_log, "PIECE_BYTES", 2 * 1024)


class World:
    """Two clusters, two servers that watch both, and clients; something may go wrong on every way."""

    def __init__(self, seed: int, path: Path, follower: type[Follower] = Follower) -> None:
        self.rng = random.Random(seed)
        self._follower = follower
        self.clusters = {
            name: simulated(name, seed=seed, history=self.rng.choice((20, 10_000))) for name in ("a", "b")
        }
        # Nobody can tell a server that was not there what its clients were sent, without a cursor
        # yet, of a history that has been undone since: servers restart, or clusters are restored.
        self.restores = self.rng.random() < 0.5
        self.histories = [
            History(cluster, random.Random(f"{seed}/{name}"), restores=self.restores)
            for name, cluster in self.clusters.items()
        ]
        self.clients: list[tuple[Follower, Matches]] = []
        self.told: list[str] = []
        self._seed = seed
        self._config = path / "config"
        self._servers: list[Server] = []
        self._proxies: list[Proxy] = []

    async def open(self, closing: AsyncExitStack) -> None:
        """All of it, and its end."""
        ways: dict[str, str] = {}
        for (name, cluster), history in zip(self.clusters.items(), self.histories, strict=True):
            history.change()
            await cluster.start()
            closing.push_async_callback(cluster.stop)
            ways[name] = (await self._proxy(closing, int(cluster.url.rpartition(":")[2]))).url
        write_config(self._config, [*ways.items()])
        urls = []
        for _ in range(2):
            server = Server(self._config, patience=1.0)
            await server.start()
            self._servers.append(server)
            urls.append((await self._proxy(closing, server.port)).url)
        closing.push_async_callback(self._stop)
        for number, (query, matches) in enumerate(QUERIES):
            rng = random.Random(f"{self._seed}/client {number}")
            client = self._follower(
                urls,
                {"resource": ",".join(RESOURCES), **query},
                rng.choice([*TRANSPORTS]),
                rng,
                slow=rng.choice((0, 0, 0.05)),
            )
            self.clients.append((client, matches))
            task = asyncio.create_task(client.run())
            closing.push_async_callback(_cancelled, task)

    async def _proxy(self, closing: AsyncExitStack, port: int) -> Proxy:
        proxy = await closing.enter_async_context(
            Proxy(port, random.Random(f"{self._seed}/proxy {len(self._proxies)}"))
        )
        self._proxies.append(proxy)
        return proxy

    async def _stop(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers))

    async def trouble(self) -> None:
        for proxy in self._proxies:
            proxy.unruly = self.rng.random() < 0.5
        for client, _ in self.clients:
            client.restless = True
        for _ in range(self.rng.randrange(STEPS)):
            action = self.rng.random()
            if action < 0.1:
                self.rng.choice(self._proxies).cut()
                self.told.append("cut")
            elif action < 0.2 and not self.restores:
                self.told.append("restart of a server")
                await self._restart(self.rng.randrange(len(self._servers)))
            else:
                await self.rng.choice(self.histories).step()

    async def _restart(self, number: int) -> None:
        port = self._servers[number].port
        await self._servers[number].stop()
        self.rng.choice(self.histories).change()
        self._servers[number] = Server(self._config, patience=1.0)
        await self._servers[number].start(port)

    def settle(self) -> None:
        for proxy in self._proxies:
            proxy.unruly = False
        for history in self.histories:
            history.settle()
        for client, _ in self.clients:
            client.restless = False

    async def quiet(self) -> None:
        """Wait until every client knows the truth."""
        deadline = asyncio.get_running_loop().time() + QUIET_SECONDS
        while wrong := [*self._differences()]:
            assert asyncio.get_running_loop().time() < deadline, "\n".join(
                [*wrong, *self.told, *(f"{history.told}" for history in self.histories)]
            )
            await asyncio.sleep(0.02)

    def _differences(self) -> Iterator[str]:
        for client, matches in self.clients:
            true, held = truth(self.clusters, matches), known(client)
            different = {
                key: (held.get(key), true.get(key))
                for key in true.keys() | held.keys()
                if held.get(key) != true.get(key)
            }
            if different:
                yield f"{client.query} holds, and should: {different}\n" + "\n".join(
                    map(str, client.frames[-60:])
                )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(result, asyncio.CancelledError), result


async def live(world: World) -> None:
    """Through trouble, each time until all is well again."""
    async with AsyncExitStack() as closing:
        await world.open(closing)
        for _ in range(3):
            await world.trouble()
            world.settle()
            await world.quiet()


@pytest.mark.parametrize("seed", range(RUNS))
async def test_after_a_quiet_moment_every_client_knows_the_truth(seed: int, tmp_path: Path) -> None:
    await live(World(seed, tmp_path))
