"""Child processes that cannot outlive the tests, and ports for them."""

import os
import random
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on.

    It lies below the range that systems give to outgoing connections (from 32768 on Linux), so that it
    is still free when a server that was killed comes back to it.
    """
    while True:
        port = random.randrange(16000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Processes:
    """Named processes in one process group, each with a log file of its own in ``folder``.

    The group's leader is a watchdog: it waits for its standard input to end, which happens in ``stop``
    and when this process dies, however it dies, and then kills the group.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", "cat >/dev/null; kill -KILL 0"], stdin=subprocess.PIPE, process_group=0
        )

    def start(self, name: str, command: Sequence[str | Path]) -> None:
        with self.log_file(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=self._watchdog.pid,
            )

    def log_file(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def log_tail(self, name: str, lines: int = 15) -> str:
        file = self.log_file(name)
        text = file.read_text(errors="replace") if file.exists() else "nothing was logged"
        return f"--- the end of {name}'s log\n" + "\n".join(text.splitlines()[-lines:])

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def exit_status(self, name: str) -> int | None:
        """The status that ``name`` ended with, None while it runs."""
        return self._running[name].poll()

    def running(self, name: str) -> bool:
        return name in self._running and self.exit_status(name) is None

    def kill(self, name: str) -> None:
        """End ``name`` at once (SIGKILL), if it runs."""
        process = self._running.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """End all of them at once."""
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()
        self._watchdog.wait()
        for process in self._running.values():
            process.wait()
        self._running.clear()


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far (Linux, proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
