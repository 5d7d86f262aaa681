"""From a PATCH being sent to a real API server to two hundred clients having the frame.

Against it stands one plain watch on that API server, in the same run.
"""

import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import real
from bench.audience import STAMP
from bench.report import Row, milliseconds, percentile
from bench.sources import Measured
from bench.talking import Talk
from bench.testbed.control_plane import ControlPlane

CLIENTS, PATCHES, PAUSE = 200, 200, 0.05
NAMESPACE = "/api/v1/namespaces/default"


def run() -> list[Row]:
    if not real.available():
        sys.stderr.write(
            "KUBEBUILDER_ASSETS is not set: the latency behind a real API server is not measured\n"
        )
        return []
    with tempfile.TemporaryDirectory() as name, real.filled(1) as plane, ExitStack() as running:
        folder = Path(name)
        (folder / "k8s-mcp.yaml").write_text("watch: [configmaps]\n")
        kubeconfig = plane.kubeconfig(folder / "kubeconfig")
        plane.request("POST", f"{NAMESPACE}/configmaps", {"metadata": {"name": "patched"}})
        product = running.enter_context(
            Measured(folder, "--kubeconfig", str(kubeconfig), "--config", f"{folder}/k8s-mcp.yaml")
        )
        port = product.url.rpartition(":")[2]
        path = "/ws?resource=configmaps&namespace=default"
        audience = running.enter_context(Talk("bench.audience", "127.0.0.1", port, path, str(CLIENTS)))
        plain: list[float] = []
        threading.Thread(target=_watch, args=(plane, plain), daemon=True).start()
        time.sleep(2)
        audience.ask("{}")
        for _ in range(PATCHES):
            stamp = {"metadata": {"annotations": {"stamp": f"{time.monotonic():.6f}"}}}
            plane.request(
                "PATCH", f"{NAMESPACE}/configmaps/patched", stamp, content_type="application/merge-patch+json"
            )
            time.sleep(PAUSE)
        time.sleep(0.5)
        ours = list(audience.ask("{}")["latencies"])
    return [
        Row(
            f"from a PATCH to {CLIENTS} clients, {name}",
            milliseconds(value(ours)),
            f"one plain watch {milliseconds(value(plain))}",
            value(ours) / value(plain),
            "<=",
            target,
        )
        for name, value, target in (
            ("median", statistics.median, 1.5),
            ("99th percentile", partial(percentile, percent=99), None),
        )
    ]


def _watch(plane: ControlPlane, latencies: list[float]) -> None:
    """What kubectl would see: a plain watch."""
    request = urllib.request.Request(
        f"{plane.url}{NAMESPACE}/configmaps?watch=1", headers={"Authorization": f"Bearer {plane.token}"}
    )
    with urllib.request.urlopen(request, timeout=60, context=plane.ssl_context) as answer:
        while line := answer.readline():
            now = time.monotonic()
            start = line.rfind(STAMP) + len(STAMP)
            if start >= len(STAMP):
                latencies.append(now - float(line[start : line.index(b'"', start)]))
