"""A thousand WebSocket clients on one view: CPU for each delivery, and latency.

The floor is a process that does nothing but ``sock.send`` the same number of bytes to as many
clients; the peer is what most servers do, ``json.dumps`` and ``send_str`` for each of them.
"""

import json
import os
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.report import Row, microseconds, milliseconds, percentile
from bench.sources import Measured
from bench.talking import Talk

CLIENTS = 1000
ROUNDS, TIMES, PAUSE = 3, 60, 0.05
EIGHT = 8
# Deliveries a second are CLIENTS times this.
CHANGES_A_SECOND, LATENCY_SECONDS = 8, 15
_TICKS = os.sysconf("SC_CLK_TCK")


def run() -> list[Row]:
    with TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        churn = running.enter_context(Talk("bench.churn", str(folder)))
        (folder / "k8s-mcp.yaml").write_text("watch: [pods]\n")
        product = running.enter_context(
            Measured(
                folder, "--kubeconfig", str(folder / "kubeconfig"), "--config", str(folder / "k8s-mcp.yaml")
            )
        )
        ours = _Ours(product, churn, running)
        bare = _Speaker("bare", running)
        common = _Speaker("aiohttp", running)
        one, floor, eight, eight_common = [], [], [], []
        for _ in range(ROUNDS):
            # By turns, so that whatever else the machine does falls on all.
            floor.append(bare.cost(1))
            one.append(ours.cost(1))
            eight.append(ours.cost(EIGHT))
            eight_common.append(common.cost(EIGHT))
        ours_late, floor_late = ours.latencies(), bare.latencies()
    single, send = statistics.median(one), statistics.median(floor)
    many, dumps = statistics.median(eight), statistics.median(eight_common)
    return [
        Row(
            f"CPU of a delivery to one of {CLIENTS:,} clients",
            microseconds(single),
            f"sock.send {microseconds(send)}",
            single / send,
            "<=",
            1.25,
        ),
        Row(
            f"the same with {EIGHT} changes pending",
            microseconds(many),
            f"json.dumps and send_str {microseconds(dumps)}",
            dumps / many,
            ">=",
            20,
        ),
        Row(
            f"latency at {CLIENTS * CHANGES_A_SECOND:,} deliveries a second, 99th percentile",
            milliseconds(percentile(ours_late, 99)),
            f"sock.send {milliseconds(percentile(floor_late, 99))}",
            percentile(ours_late, 99) / percentile(floor_late, 99),
            "<=",
            1.5,
        ),
        Row(
            "the same, median",
            milliseconds(statistics.median(ours_late)),
            f"sock.send {milliseconds(statistics.median(floor_late))}",
            statistics.median(ours_late) / statistics.median(floor_late),
        ),
    ]


class _Audience:
    def __init__(self, port: int, path: str, running: ExitStack) -> None:
        self._talk = running.enter_context(Talk("bench.audience", "127.0.0.1", str(port), path, str(CLIENTS)))
        time.sleep(1)
        self.heard()

    def heard(self) -> dict[str, Any]:
        return dict(self._talk.ask("{}"))

    def frames(self, expected: int) -> int:
        """How many came, of so many that were sent: who is slow is spared some."""
        total = 0
        while total < expected:
            time.sleep(1)
            frames = int(self.heard()["frames"])
            if not frames:
                break
            total += frames
        if total < expected / 2:
            raise OSError(f"{total} of {expected} frames came: this machine is too busy to measure")
        return total


class _Speaker:
    def __init__(self, kind: str, running: ExitStack) -> None:
        self._talk = running.enter_context(Talk("bench.speakers", kind))
        self._audience = _Audience(int(self._talk.first), "/ws", running)

    def cost(self, frames: int) -> float:
        """CPU seconds for each delivery."""
        seconds = self._talk.ask(json.dumps({"frames": frames, "times": TIMES, "pause": PAUSE}))
        return float(seconds) / self._audience.frames(CLIENTS * frames * TIMES)

    def latencies(self) -> list[float]:
        times = CHANGES_A_SECOND * LATENCY_SECONDS
        self._talk.ask(json.dumps({"frames": 1, "times": times, "pause": 1 / CHANGES_A_SECOND}))
        time.sleep(0.5)
        return list(self._audience.heard()["latencies"])


class _Ours:
    def __init__(self, product: Measured, churn: Talk, running: ExitStack) -> None:
        self._product = product
        self._churn = churn
        port = int(product.url.rpartition(":")[2])
        self._audience = _Audience(port, "/ws?resource=pods", running)

    def cost(self, frames: int) -> float:
        began = self._cpu()
        self._churn.ask(json.dumps({"frames": frames, "times": TIMES, "pause": PAUSE}))
        delivered = self._audience.frames(CLIENTS * frames * TIMES)
        return (self._cpu() - began) / delivered

    def latencies(self) -> list[float]:
        times = CHANGES_A_SECOND * LATENCY_SECONDS
        self._churn.ask(json.dumps({"frames": 1, "times": times, "pause": 1 / CHANGES_A_SECOND}))
        time.sleep(0.5)
        return list(self._audience.heard()["latencies"])

    def _cpu(self) -> float:
        """CPU seconds of the server so far, taking in the changes included."""
        fields = Path(f"/proc/{self._product.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
