"""Servers for a browser to look at, and what is on the page."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from aiohttp import web
from playwright.async_api import Error, Locator, Page

from app.api.application import make_application
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.seed.cluster_seed import ClusterPlan
from app.simulator.simulated_fleet import kubeconfig
from tests.builders import running_pod

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
)
_APPS = frozenset({"shop", "payments"})
PLANS = (
    ClusterPlan("prod", region="eu-central-1", nodes=3, scale=0.5, namespaces=_APPS | {"cert-manager"}),
    ClusterPlan("staging", region="eu-central-1", nodes=2, scale=0.3, namespaces=_APPS),
)
_OPTIONS = ClusterOptions(watch=("pods",), release_after=600, managed_fields=False, secret_values=False)


class Server:
    """The product over some clusters; its port stays when it is started again."""

    def __init__(
        self, config: Path, *, token: str | None = None, read_only: bool | frozenset[str] = False
    ) -> None:
        self._config = config
        self.token = token
        self._read_only = read_only
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        self._fleet = Fleet(_OPTIONS, [self._config])
        await self._fleet.start()
        serving = Serving(5.0, self.token, None, self._read_only)
        app = make_application(self._fleet, Door(self.token, "127.0.0.1", ()), serving)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.2, max_line_size=32768, max_field_size=32768
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self._fleet.close()


def write_config(path: Path, clusters: dict[str, SimulatedCluster]) -> Path:
    known = [(name, cluster.url, "t") for name, cluster in clusters.items()]
    path.write_text(yaml.safe_dump(kubeconfig(known)))
    return path


def shop_pod(name: str, status: str = "Running", namespace: str = "shop") -> dict[str, Any]:
    """A pod on a node; its container runs, or waits for the reason ``status``."""
    waiting = "" if status == "Running" else status
    return running_pod(name, namespace, node="n1", since="2026-01-01T00:00:00Z", waiting=waiting, app=name)


def row(page: Page, name: str) -> Locator:
    """The row of an object whose name has this in it."""
    return page.locator(".body [role=row]:not([hidden])", has_text=name)


def names(page: Page) -> Locator:
    """The names in the table, in any order."""
    return page.locator(".body [role=row]:not([hidden]) [data-tone~=name]")


async def shows(page: Page, wanted: list[str]) -> None:
    """Wait until these are the names in the table, from top to bottom."""
    try:
        await page.wait_for_function(
            f"wanted => JSON.stringify({_IN_ORDER}) === JSON.stringify(wanted)", arg=wanted
        )
    except Error:
        assert await page.evaluate(_IN_ORDER) == wanted


_IN_ORDER = """[...document.querySelectorAll('.body [role=row]:not([hidden])')]
  .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)
  .map((row) => row.querySelector('[data-tone~=name]').textContent)"""
