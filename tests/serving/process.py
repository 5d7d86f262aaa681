"""The command as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """``output`` is what it wrote to stdout, known after its end."""

    output: str

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def read_until(self, pattern: str) -> str:
        """The first match in a line of stderr."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(pattern, line)
            if found:
                return found[0]
        raise AssertionError(f"ended without {pattern!r}: {self.lines}")

    def end(self, number: signal.Signals) -> tuple[int, float, str]:
        """The exit status, the seconds that it took, and all of stderr."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.output, rest = self.process.communicate(timeout=20)
        return self.process.returncode, time.monotonic() - began, "".join(self.lines) + rest


@contextmanager
def started(*arguments: str, limits: str = "", **environment: str) -> Iterator[Running]:
    """``k8s-mcp`` with these arguments and, of the settings, just these in its environment.

    ``limits`` are commands of a shell before it, such as ``ulimit -n 256``.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("K8S_MCP_")}
    process = subprocess.Popen(
        ["sh", "-c", f'{limits}\nexec "$@"', "sh", sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
