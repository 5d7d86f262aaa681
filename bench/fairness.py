"""How long a bystander waits while others ask for much.

The bystander asks `/healthz` every few milliseconds and has a stream of a few objects that change all
the time. Beside it, one after another: dashboards that open at once, clients that scan, and streams with
selectors of their own. `K8S_MCP_BENCH_FULL=1` measures with the sizes of a large installation.
"""

import json
import os
import resource
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.report import Row, milliseconds, percentile, seconds
from bench.sources import Measured
from bench.talking import Talk
from bench.testbed.processes import cpu_seconds
from bench.testbed.product import until

FULL = os.environ.get("K8S_MCP_BENCH_FULL") == "1"
PODS = 20_000 if FULL else 5_000
LONGEST_WAIT = 0.050
# Who loads a snapshot of everything is looked at for so long, and is given up then.
LOOKED_AT_SECONDS = 15.0
ASKING_EVERY = 0.005
CHANGING_EVERY = 0.02


@dataclass(frozen=True)
class Load:
    """``paths`` are asked by a client each, at once; an answer is complete with the text ``end``."""

    what: str
    paths: list[str]
    end: str
    seconds: float = LOOKED_AT_SECONDS


def loads() -> list[Load]:
    dashboards, scans, labels, fields = (200, 20, 2000, 500) if FULL else (100, 20, 500, 200)
    return [
        Load(f"{dashboards} dashboards", ["/pods?watch=1"] * dashboards, "SYNCED"),
        Load(
            f"{dashboards} dashboards of rows",
            ["/stream?resource=pods&shape=table"] * dashboards,
            "SYNCED",
        ),
        Load(
            f"{scans} scans",
            [f"/pods?fieldSelector=status.podIP~{number}.{number}$&format=name" for number in range(scans)],
            "",
        ),
        Load(
            f"{scans} sorts",
            [
                f"/pods?sort=spec.containers[*].image,-status.podIP&limit={number + 1}"
                for number in range(scans)
            ],
            "",
        ),
        Load(
            f"{labels} streams with label selectors",
            [
                f"/pods?watch=1&labelSelector=shard=shard-{number % 100},app!=x{number}"
                for number in range(labels)
            ],
            "SYNCED",
        ),
        Load(
            f"{fields} streams with field selectors",
            [f"/pods?watch=1&fieldSelector=status.podIP=10.0.0.{number}" for number in range(fields)],
            "SYNCED",
        ),
        Load("a ConfigMap of 60,000 keys as YAML", ["/configmaps/large?format=yaml"] * 3, ""),
        Load("one of 60,000 keys, sorted by all of them", ["/configmaps?sort=data[*]"] * 3, ""),
        Load("one of 60,000 keys, filtered by all of them", ["/configmaps?fieldSelector=data[*]~x$"] * 3, ""),
    ]


class Bystander:
    """Waits for answers of `/healthz` and for changes, in threads, and remembers for how long."""

    def __init__(self, url: str) -> None:
        self.asked: list[float] = []
        self.delivered: list[float] = []
        self._url = url
        self._stopped = False
        self._threads = [threading.Thread(target=self._ask), threading.Thread(target=self._follow)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped = True
        for thread in self._threads:
            thread.join()

    def take(self) -> tuple[list[float], list[float]]:
        taken = self.asked, self.delivered
        self.asked, self.delivered = [], []
        return taken

    def _ask(self) -> None:
        while not self._stopped:
            began = time.monotonic()
            with urllib.request.urlopen(f"{self._url}/healthz", timeout=120) as answer:
                answer.read()
            self.asked.append(time.monotonic() - began)
            time.sleep(ASKING_EVERY)

    def _follow(self) -> None:
        path = "/stream?resource=configmaps&labelSelector=bench=stamped"
        with urllib.request.urlopen(self._url + path, timeout=120) as answer:
            for line in answer:
                now = time.monotonic()
                frame = json.loads(line)
                if frame["type"] == "MODIFIED":
                    self.delivered.append(now - float(frame["object"]["data"]["stamp"]))
                if self._stopped:
                    return


def run() -> list[Row]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    rows = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        running.enter_context(Talk("bench.crowd", "cluster", str(folder), str(PODS), str(CHANGING_EVERY)))
        (folder / "k8s-mcp.yaml").write_text("watch: [pods, configmaps]\n")
        flags = ("--kubeconfig", f"{folder}/kubeconfig", "--config", f"{folder}/k8s-mcp.yaml")
        product = running.enter_context(Measured(folder, *flags))
        until(lambda: product.state("bench-0") == "synced", seconds=120)
        until(lambda: product.state("bench-0", "/configmaps") == "synced", seconds=60)
        bystander = Bystander(product.url)
        running.callback(bystander.stop)
        time.sleep(2)
        bystander.take()
        time.sleep(2)
        alone = bystander.take()
        for load in loads():
            rows += _measure(load, product, bystander, alone)
    return rows


def _measure(
    load: Load, product: Measured, bystander: Bystander, alone: tuple[list[float], list[float]]
) -> list[Row]:
    port = product.url.rpartition(":")[2]
    began_cpu = cpu_seconds(product.pid)
    with Talk("bench.crowd", "clients", port, load.end) as crowd:
        bystander.take()
        found = crowd.ask(json.dumps({"paths": load.paths, "seconds": load.seconds}))
    used = cpu_seconds(product.pid) - began_cpu
    # Who waits still is to be counted too.
    time.sleep(2)
    asked, delivered = bystander.take()
    done = (
        f"{found['complete']} of {len(load.paths)} done in {seconds(found['seconds'])}, CPU {seconds(used)}"
    )
    return [
        Row(
            f"{what} beside {load.what}, longest",
            f"{milliseconds(max(waits))}, p99 {milliseconds(percentile(waits, 99))}",
            f"alone {milliseconds(max(before))}; {done}",
            max(waits) / LONGEST_WAIT,
            "<=",
            1.0,
        )
        for what, waits, before in (("/healthz", asked, alone[0]), ("a change", delivered, alone[1]))
        if waits
    ]
