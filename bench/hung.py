"""Lists of nine clusters, alone and beside a tenth that takes connections and never answers."""

import socket
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import yaml

from bench.raw import get
from bench.report import Row, milliseconds, percentile
from bench.sources import only_pods, simulated_clusters
from bench.testbed.product import Product, until

CLUSTERS, PODS, TIMES = 9, 200, 300
NAMES = [f"bench-{number}" for number in range(CLUSTERS)]


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        kubeconfig = running.enter_context(simulated_clusters(Path(folder), CLUSTERS, PODS))
        document = yaml.safe_load(kubeconfig.read_text())
        document["clusters"].append(
            {"name": "hung", "cluster": {"server": running.enter_context(_hung_server())}}
        )
        document["contexts"].append({"name": "hung", "context": {"cluster": "hung", "user": NAMES[0]}})
        with_hung = Path(folder) / "with-hung"
        with_hung.write_text(yaml.safe_dump(document))
        config = str(only_pods(Path(folder)))
        products = []
        for name, file in (("alone", kubeconfig), ("beside", with_hung)):
            own = Path(folder) / name
            own.mkdir()
            products.append(
                running.enter_context(Product(own, "--kubeconfig", str(file), "--config", config))
            )
        for product in products:
            _wait_for_all(product)
        # By turns, so that whatever else the machine does falls on both.
        rounds = [[_latency(product) for product in products] for _ in range(TIMES)]
        alone, beside = map(list, zip(*rounds, strict=True))
    return [
        Row(
            f"list of {CLUSTERS} clusters beside one that hangs, {name}",
            milliseconds(value(beside)),
            f"without it {milliseconds(value(alone))}",
            value(beside) / value(alone),
            "<=",
            target,
        )
        for name, value, target in (
            ("median", statistics.median, 1.15),
            ("95th percentile", partial(percentile, percent=95), None),
        )
    ]


def _wait_for_all(product: Product) -> None:
    for name in NAMES:
        until(partial(_is_synced, product, name), seconds=30)


def _is_synced(product: Product, name: str) -> bool:
    return product.state(name) == "synced"


def _latency(product: Product) -> float:
    return get(f"{product.url}/pods?cluster={','.join(NAMES)}").whole


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
