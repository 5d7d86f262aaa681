"""Lists of nine clusters, alone and beside a tenth that takes connections and never answers."""

import socket
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from bench.raw import get
from bench.report import Row, milliseconds
from bench.sources import only_pods, stub_clusters
from tests.kubernetes.product import Product, until

CLUSTERS, PODS, TIMES = 9, 200, 200


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        kubeconfig = running.enter_context(stub_clusters(Path(folder), CLUSTERS, PODS))
        document = yaml.safe_load(kubeconfig.read_text())
        document["clusters"].append(
            {"name": "hung", "cluster": {"server": running.enter_context(_hung_server())}}
        )
        document["contexts"].append({"name": "hung", "context": {"cluster": "hung", "user": "bench"}})
        with_hung = Path(folder) / "with-hung"
        with_hung.write_text(yaml.safe_dump(document))
        names = ",".join(f"bench-{number}" for number in range(CLUSTERS))
        alone = _latencies(Path(folder), kubeconfig, f"/pods?cluster={names}")
        beside = _latencies(Path(folder), with_hung, f"/pods?cluster={names}")
    return [
        Row(
            f"list of {CLUSTERS} clusters beside one that hangs, {name}",
            milliseconds(value(beside)),
            f"without it {milliseconds(value(alone))}",
            value(beside) / value(alone),
            "<=",
            target,
        )
        for name, value, target in (("median", statistics.median, 1.15), ("95th percentile", _late, None))
    ]


def _latencies(folder: Path, kubeconfig: Path, path: str) -> list[float]:
    with Product(folder, "--kubeconfig", str(kubeconfig), "--config", str(only_pods(folder))) as product:
        for number in range(CLUSTERS):
            until(lambda name=f"bench-{number}": product.state(name) == "synced", seconds=30)
        return [get(f"{product.url}{path}").whole for _ in range(TIMES)]


def _late(latencies: list[float]) -> float:
    return sorted(latencies)[len(latencies) * 95 // 100]


@contextmanager
def _hung_server() -> Iterator[str]:
    """Takes connections, reads nothing and says nothing."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    for connection in taken:
        connection.close()
