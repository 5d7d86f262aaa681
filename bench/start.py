"""What it costs to import the command and the server, against the libraries that they stand on."""

import statistics
import subprocess
import sys

from bench.report import Row, milliseconds

LIBRARIES = "import aiohttp.web, orjson, pydantic_settings, typer, yaml"
# As ``k8s-mcp serve`` imports it.
SERVE = """
import app.cli
from app.process.gc_pauses import no_collections
with no_collections():
    import app.server
"""
# ``serve`` alone imports it; the command line and the Python client do not.
KUBERNETES = "import kubernetes_asyncio"
RUNS = 7
MB = 1024 * 1024
# The largest resident set so far, in bytes; macOS counts these, Linux KiB.
RESIDENT = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)"


def run() -> list[Row]:
    ours, libraries, kubernetes = [], [], []
    for _ in range(RUNS):
        # By turns, so that whatever else the machine does falls on all.
        ours.append(_cost(SERVE))
        libraries.append(_cost(f"{LIBRARIES}; {KUBERNETES}"))
        kubernetes.append(_cost(KUBERNETES, after=LIBRARIES))
    seconds, memory = _medians(ours)
    floor, _ = _medians(libraries)
    its_seconds, its_memory = _medians(kubernetes)
    return [
        Row(
            "import of the command and the server, CPU",
            milliseconds(seconds),
            f"its libraries {milliseconds(floor)}",
            seconds / floor,
            "<=",
            2.5,
        ),
        Row(
            "import of kubernetes_asyncio, by serve alone, CPU",
            milliseconds(its_seconds),
            f"the server with it {milliseconds(seconds)}",
            its_seconds / seconds,
        ),
        Row(
            "import of kubernetes_asyncio, by serve alone, memory",
            f"{its_memory / MB:.1f} MB",
            f"the server with it {memory / MB:.1f} MB",
            its_memory / memory,
        ),
    ]


def _cost(statement: str, *, after: str = "pass") -> tuple[float, int]:
    """CPU time in seconds, and bytes of memory, that statements take in a new process, after another."""
    script = (
        f"import resource, sys, time\n{after}\nbegan, before = time.process_time(), {RESIDENT}\n{statement}\n"
        f"print(time.process_time() - began, {RESIDENT} - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seconds, memory = done.stdout.split()
    return float(seconds), int(memory)


def _medians(costs: list[tuple[float, int]]) -> tuple[float, float]:
    return statistics.median(seconds for seconds, _ in costs), statistics.median(
        memory for _, memory in costs
    )
