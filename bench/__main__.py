"""``python -m bench``: every measurement. ``python -m bench NAME…``: some of them."""

import argparse
import importlib
import sys

from bench.report import Measurement, show
from bench.testbed.event_loop import asyncio_alone

MEASUREMENTS = (
    "ingest",
    "memory",
    "labels",
    "lists",
    "hung",
    "fleet",
    "paging",
    "fanout",
    "idle",
    "latency",
    "fairness",
    "rows",
    "dashboard",
    "start",
    "restart",
    "hostile",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"all if left out: {', '.join(MEASUREMENTS)}")
    names = parser.parse_args().name or MEASUREMENTS
    for name in names:
        if name not in MEASUREMENTS:
            parser.error(f"there is no measurement {name!r}: it is one of {', '.join(MEASUREMENTS)}")
    rows = []
    for name in names:
        sys.stderr.write(f"measuring {name} …\n")
        measure: Measurement = importlib.import_module(f"bench.{name}").run
        # Wherever uvloop is installed: figures are those of a plain installation.
        with asyncio_alone():
            rows += measure()
    show(rows)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
