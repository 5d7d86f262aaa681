"""The product as its users run it: a process of its own, asked over HTTP."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


class Product:
    """``k8s-mcp serve`` with these flags, on a free port of 127.0.0.1.

    Leaving the context ends it with SIGTERM, and fails unless that takes less than 5 s,
    the exit status is 0 and the log holds nothing that looks like a bug.
    """

    def __init__(self, folder: Path, *flags: str) -> None:
        self.log = folder / "product.log"
        self._flags = flags

    def __enter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("K8S_MCP_")}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve", "--port", "0", *self._flags],
                cwd=ROOT,
                env=environment,
                stderr=log,
                stdout=log,
            )
        self.url = until(self._ready, seconds=30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        try:
            status = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        if error is None:
            text = self.log.read_text()
            assert time.monotonic() - started < 5
            assert status == 0, text
            assert not re.search(r"Traceback|never awaited|unclosed|never retrieved|internal error", text), (
                text
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def _ready(self) -> str:
        assert self._process.poll() is None, self.log.read_text()
        found = re.search(r"is ready: (http://127\.0\.0\.1:\d+)", self.log.read_text())
        return found[1] if found else ""

    def get(self, path: str, **query: str) -> Any:
        """The decoded JSON answer; urllib.error.HTTPError above 299."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.loads(answer.read())

    def names(self, path: str, **query: str) -> set[str]:
        """``cluster/namespace/name`` of each item of a list."""
        items = self.get(path, **query)["items"]
        return {
            "/".join((item["cluster"], item["metadata"].get("namespace", ""), item["metadata"]["name"]))
            for item in items
        }

    def holds(self, place: str, path: str, **query: str) -> bool:
        return place in self.names(path, **query)

    def lacks(self, place: str, path: str) -> bool:
        return place not in self.names(path)

    def state(self, cluster: str, path: str = "/pods") -> str:
        """What a list says of a cluster."""
        entries = self.get(path, cluster=cluster)["clusters"]
        return next(str(entry["state"]) for entry in entries if entry["name"] == cluster)


@contextmanager
def demo_product(folder: Path, clusters: int = 3) -> Iterator[Product]:
    """The product over its own simulated clusters, once it has synced all of them."""
    with Product(folder, "--demo", str(clusters)) as product:
        until(
            lambda: all(each["state"] == "synced" for each in product.get("/clusters")["clusters"]),
            seconds=30,
        )
        yield product


def until(check: Callable[[], T], *, seconds: float) -> T:
    """The first true result of ``check``, asked again and again; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not so within {seconds} s: {found!r}"
        time.sleep(0.02)
