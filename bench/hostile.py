"""How long everybody else waits while clusters answer too much, or for ever; each kind alone.

A bystander wants a turn of the event loop again and again, in the process of a server that watches a
hostile cluster beside a calm one. Counted is the CPU time of that process between two turns, so that
what else the machine does does not matter; and the memory beyond what it had before.
"""

import asyncio
import json
import logging
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from app.simulator.simulated_fleet import kubeconfig
from bench.report import Row, megabytes, milliseconds
from bench.sources import simulated_clusters
from bench.talking import Talk
from bench.testbed.served_fleet import serving

IDLE_SECONDS, HOSTILE_SECONDS, PAUSE = 3.0, 10.0, 0.002
# Nobody waits longer than this for what others do.
LONGEST_WAIT = 0.05


def run() -> list[Row]:
    with TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        calm = yaml.safe_load(running.enter_context(simulated_clusters(folder, 1, 10)).read_text())
        servers = json.loads(running.enter_context(Talk("bench.hostility")).first)
        return [_in_a_process_of_its_own(kind, url, folder, calm) for kind, url in servers.items()]


def _in_a_process_of_its_own(*arguments: Any) -> Row:
    """So that memory which another kind has left behind is not counted as had before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, *arguments).result()


def _measured(kind: str, url: str, folder: Path, calm: dict[str, Any]) -> Row:
    logging.disable()
    return asyncio.run(_row(kind, url, folder, calm))


async def _row(kind: str, url: str, folder: Path, calm: dict[str, Any]) -> Row:
    config = folder / kind
    config.write_text(yaml.safe_dump(calm))
    async with serving(config) as server:
        idle = await _longest_turn(IDLE_SECONDS)
        before = _forget_peak()
        both: dict[str, Any] = kubeconfig([(kind, url, "t")])
        for section in ("clusters", "contexts", "users"):
            both[section] += calm[section]
        config.write_text(yaml.safe_dump(both))
        longest = await _longest_turn(HOSTILE_SECONDS)
        most = _memory("VmHWM") - before
        if kind not in server.fleet.clusters:
            raise OSError(f"the hostile cluster {kind} was not watched")
    return Row(
        f"longest turn beside a hostile API server: {kind}, with {megabytes(most)} more",
        milliseconds(longest),
        f"idle {milliseconds(idle)}",
        longest / LONGEST_WAIT,
        "<=",
        1,
    )


async def _longest_turn(seconds: float) -> float:
    """The most CPU time between two turns of somebody who does nothing."""
    longest = 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.process_time()
        await asyncio.sleep(PAUSE)
        longest = max(longest, time.process_time() - began)
    return longest


def _forget_peak() -> float:
    """Begin anew to note the most memory that was ever held; what is held now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(field))
