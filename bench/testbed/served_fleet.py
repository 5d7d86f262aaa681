"""Whole servers inside of a test: simulated clusters, and what watches and serves them."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from aiohttp import web

from app.api.application import make_application
from app.api.door.door import Door
from app.api.http.app_keys import HUB, Serving
from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.simulator.apiserver.simulated_cluster import SimulatedCluster, stop_accepting
from app.simulator.simulated_fleet import kubeconfig

OPTIONS = ClusterOptions(
    watch=("pods", "configmaps"), release_after=600, managed_fields=False, secret_values=False
)
LONGEST_LINE = 32 * 1024


class Server:
    """One process, as far as a client can tell."""

    def __init__(
        self,
        config: Path,
        *,
        options: ClusterOptions = OPTIONS,
        patience: float = 5.0,
        streams_per_caller: int = 0,
    ) -> None:
        self.fleet = Fleet(options, [config])
        self.port = 0
        serving = Serving(patience, None, None, streams_per_caller=streams_per_caller)
        application = make_application(self.fleet, Door(None, "127.0.0.1", ()), serving)
        self.hub = application[HUB]
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=0.2,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        await self.fleet.start()
        await self._runner.setup()
        self._socket = socket.create_server(("127.0.0.1", port), backlog=128)
        await web.SockSite(self._runner, self._socket).start()
        self.port = self._socket.getsockname()[1]

    async def stop(self) -> None:
        await stop_accepting(self._socket.fileno())
        await self._runner.cleanup()
        await self.fleet.close()


@asynccontextmanager
async def serving(config: Path, *, options: ClusterOptions = OPTIONS) -> AsyncIterator[Server]:
    server = Server(config, options=options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def write_config(path: Path, clusters: Sequence[tuple[str, str]]) -> Path:
    """A kubeconfig of clusters by name and URL."""
    path.write_text(yaml.safe_dump(kubeconfig([(name, url, "t") for name, url in clusters])))
    return path


def simulated(name: str, *, seed: int = 0, history: int = 10_000) -> SimulatedCluster:
    """One with an identity, and nothing else in it."""
    cluster = SimulatedCluster(name, token="t", seed=f"{name}/{seed}", history=history)
    cluster.storage.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
    return cluster
