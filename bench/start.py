"""What it costs to import the command and the server, against the libraries that they stand on."""

import statistics
import subprocess
import sys

from bench.report import Row, milliseconds

LIBRARIES = "import aiohttp.web, orjson, pydantic_settings, typer, yaml"
RUNS = 7


def run() -> list[Row]:
    ours, libraries = [], []
    for _ in range(RUNS):
        # By turns, so that whatever else the machine does falls on both.
        ours.append(_cpu_seconds("import app.cli, app.server"))
        libraries.append(_cpu_seconds(LIBRARIES))
    command, floor = statistics.median(ours), statistics.median(libraries)
    return [
        Row(
            "import of the command and the server, CPU",
            milliseconds(command),
            f"its libraries {milliseconds(floor)}",
            command / floor,
            "<=",
            2.5,
        )
    ]


def _cpu_seconds(statement: str) -> float:
    script = f"import time; {statement}; print(time.process_time())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout)
