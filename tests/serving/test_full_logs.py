"""A log that cannot be written is said, and holds nobody up."""

import fcntl
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.process.stderr import WAITING_BYTES, StderrWriter
from tests.serving.process import ROOT


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def serving(stderr: int | None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The URL of a server that logs to ``stderr``; to nothing that is open for None."""
    port = free_port()
    close = "2>&-" if stderr is None else ""
    command = f'exec "$@" {close}'
    arguments = [sys.executable, "-m", "app", "serve", "--demo", "1", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("K8S_MCP_")}
    process = subprocess.Popen(
        ["sh", "-c", command, "sh", *arguments], cwd=ROOT, env=environment, stderr=stderr
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                if ask(f"{url}/readyz")[0] == 200:
                    break
            except OSError:
                pass
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        yield url, process
        process.terminate()
        assert process.wait(10) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def ask(url: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def write(url: str, number: int, length: int = 10) -> None:
    """So many writes that leave a line of about this length in the log, and come to nothing."""
    for _ in range(number):
        status, _ = ask(f"{url}/clusters/prod-eu/nothing/{'x' * length}", "DELETE")
        assert status == 404


def metric(url: str, name: str) -> float:
    (line,) = (line for line in ask(f"{url}/metrics")[1].splitlines() if line.startswith(f"{name} "))
    return float(line.split()[-1])


LOST = 'k8s_mcp_log_lines_lost_total{lines="writes"}'


def test_a_full_disk_is_said() -> None:
    with open("/dev/full", "wb") as full, serving(full.fileno()) as (url, _):
        write(url, 3)
        assert metric(url, LOST) == 3
        assert metric(url, "k8s_mcp_log_failing") == 1
        status, text = ask(f"{url}/readyz?verbose")
        assert status == 200
        assert "[-]log cannot be written: No space left on device; " in text
        assert text.endswith(" lines were lost, 3 of them of writes\n")


def test_a_closed_stderr_is_said() -> None:
    with serving(None) as (url, _):
        write(url, 2)
        assert metric(url, LOST) == 2
        assert "[-]log cannot be written: stderr is closed; " in ask(f"{url}/readyz?verbose")[1]


def test_nobody_waits_for_who_does_not_read_the_log() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with serving(writing) as (url, _):
        os.close(writing)
        began = time.monotonic()
        write(url, 2 * WAITING_BYTES // 1000, length=1000)
        assert time.monotonic() - began < 30
        lost = metric(url, LOST)
        assert lost > 0
        deadline = time.monotonic() + 20
        while not metric(url, "k8s_mcp_log_failing"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "[-]log cannot be written: nobody reads what is written" in ask(f"{url}/readyz?verbose")[1]

        # What waited comes once somebody reads again, whole, and with it what is missing.
        text = b""
        os.set_blocking(reading, False)
        while b"of_writes=" not in text:
            assert time.monotonic() < deadline
            try:
                text += os.read(reading, 1 << 20)
            except BlockingIOError:
                time.sleep(0.02)
        assert f"lines of this log were lost lines={lost:.0f} of_writes={lost:.0f}" in text.decode()
        lines = [line for line in text.decode().splitlines() if " write caller=" in line]
        assert len(lines) > 50
        assert all(line.endswith("status=404") for line in lines), [line[-80:] for line in lines]
        status, verbose = ask(f"{url}/readyz?verbose")
        assert (status, f"[+]log {lost:.0f} lines were lost" in verbose) == (200, True)
    os.close(reading)


def test_no_name_is_so_long_that_who_wrote_is_lost() -> None:
    """A line beyond what may wait for a slow reader of the log would be dropped."""
    reading, writing = os.pipe()
    with serving(writing) as (url, _):
        os.close(writing)
        status, _ = ask(f"{url}/clusters/prod-eu/nothing/{'x' * 900_000}", "DELETE")
        assert metric(url, LOST) == 0
        text = os.read(reading, 1 << 20).decode()
    os.close(reading)
    (line,) = (line for line in text.splitlines() if " write caller=" in line)
    assert line.endswith(f'… (900009 characters)" status={status}')
    assert len(line) < 2000


def test_a_line_that_was_cut_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        output = StderrWriter(stream, lambda lost: f"{lost['writes']} lost")
        written = os.write

        def full(descriptor: int, data: bytes) -> int:
            if len(data) < 4096:
                raise OSError(28, "No space left on device")
            return written(descriptor, data)

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            output.write("x" * 5000, "writes")
        assert (output.lost["writes"], output.error) == (1, "No space left on device")
        output.write("next", "writes")
        assert output.error == ""
    assert os.read(reading, 65536).split(b"\n") == [b"x" * 4096, b"next", b"1 lost", b""]
    os.close(reading)
