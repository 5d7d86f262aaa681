"""A rolling restart of two replicas under two hundred clients, while pods change: what is sent again.

A client loses its stream when its replica stops, and goes on at either with its cursor. RESET
would mean that all it knows is sent again.
"""

import asyncio
import json
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import Row
from bench.sources import only_pods
from bench.talking import Talk
from bench.testbed.product import Product
from bench.testbed.stream_followers import Follower

CLIENTS, REPLICAS = 200, 2
CHANGES_AT_ONCE, PAUSE = 4, 0.05
AWAY_SECONDS, SETTLING_SECONDS = 0.5, 5.0
TRANSPORTS = ("events", "messages")


def run() -> list[Row]:
    with TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        churn = running.enter_context(Talk("bench.churn", name))
        config = str(only_pods(folder))
        replicas = [
            _Replica(folder / str(number), str(folder / "kubeconfig"), config) for number in range(REPLICAS)
        ]
        for replica in replicas:
            running.enter_context(replica.running())
        clients = asyncio.run(_under_clients(replicas, churn))
    reconnects = sum(_count(client, "CONNECT") for client in clients) - CLIENTS
    resets = sum(_count(client, "RESET") for client in clients) - CLIENTS
    if reconnects < CLIENTS / 2:
        raise OSError(f"{reconnects} reconnects of {CLIENTS} clients: nothing was restarted")
    return [
        Row(
            f"rolling restart under {CLIENTS} clients",
            f"{resets} RESETs",
            f"{reconnects} reconnects",
            resets,
            "<=",
            0,
        )
    ]


class _Replica:
    def __init__(self, folder: Path, kubeconfig: str, config: str) -> None:
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = str(free.getsockname()[1])
        flags = ("--port", self._port, "--kubeconfig", kubeconfig, "--config", config)
        self._product = Product(folder, *flags)

    @property
    def url(self) -> str:
        return self._product.url

    @contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        self._product.__enter__()

    def stop(self) -> None:
        self._product.__exit__(None, None, None)


async def _under_clients(replicas: list[_Replica], churn: Talk) -> list[Follower]:
    urls = [replica.url for replica in replicas]
    clients = [
        Follower(urls, {"resource": "pods"}, TRANSPORTS[number % 2], random.Random(number), slow=0)
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.restless = False
    tasks = [asyncio.create_task(client.run()) for client in clients]
    lasts = SETTLING_SECONDS * (1 + REPLICAS) * 2
    order = {"frames": CHANGES_AT_ONCE, "times": int(lasts / PAUSE), "pause": PAUSE}
    changing = asyncio.create_task(asyncio.to_thread(churn.ask, json.dumps(order)))
    await asyncio.sleep(SETTLING_SECONDS)
    for replica in replicas:
        await asyncio.to_thread(replica.stop)
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(replica.start)
        await asyncio.sleep(SETTLING_SECONDS)
    await changing
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return clients


def _count(client: Follower, kind: str) -> int:
    return sum(frame[0] == kind for frame in client.frames)
