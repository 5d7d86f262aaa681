"""What a dashboard is sent of 10,000 pods: rows against whole objects, in bytes and in time."""

import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import Row
from bench.sources import Measured, only_pods, simulated_clusters

PODS = 10_000
ROUNDS = 3
# Together with the frames around them, cells are this part of the objects that the simulated clusters have.
TARGET = 0.1


def run() -> list[Row]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with simulated_clusters(folder, 1, PODS) as kubeconfig:
            config = only_pods(folder)
            with Measured(folder, "--kubeconfig", str(kubeconfig), "--config", str(config)) as product:
                _snapshot(product.url, "")
                objects = [_snapshot(product.url, "") for _ in range(ROUNDS)]
                # Selectors that match everything: each is another view, which has no rows yet.
                rows = [_snapshot(product.url, f"&shape=table&labelSelector=!a{n}") for n in range(ROUNDS)]
    size, whole = rows[0][0], objects[0][0]
    first, quickest = min(seconds for _, seconds in rows), min(seconds for _, seconds in objects)
    return [
        Row(
            f"bytes of {PODS:,} pods as rows",
            f"{size / 1e6:.1f} MB",
            f"objects {whole / 1e6:.1f} MB",
            size / whole,
            "<=",
            TARGET,
        ),
        Row(
            f"seconds until {PODS:,} rows are there",
            f"{first:.2f} s",
            f"objects {quickest:.2f} s",
            first / quickest,
        ),
    ]


def _snapshot(url: str, query: str) -> tuple[int, float]:
    """The bytes up to SYNCED, and the seconds."""
    start, size = time.monotonic(), 0
    with urllib.request.urlopen(f"{url}/pods?watch=1{query}") as answer:
        for line in answer:
            size += len(line)
            if line.startswith(b'{"type":"SYNCED"'):
                return size, time.monotonic() - start
    raise OSError("the stream has ended")
