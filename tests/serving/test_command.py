"""The command line, as far as it goes without a cluster."""

import socket
import subprocess
import sys
import time

import pytest

from app import cli


def command(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def test_version_is_one_line_and_quick() -> None:
    began = time.monotonic()
    done = command("version")
    assert done.returncode == 0
    assert done.stdout.startswith("k8s-mcp ")
    assert done.stdout.count("\n") == 1
    assert time.monotonic() - began < 10
    script = "import sys; from app.cli import run; run(['version']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert {"aiohttp", "pydantic_settings", "kubernetes_asyncio"}.isdisjoint(loaded.split())


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["serve", "--port", "abc"], ["port", "'abc'", "0 to 65535"]),
        (["serve", "--prot", "1"], ["--prot"]),
        (["serve", "--config", "/nowhere"], ["config", "'/nowhere'", "can be read"]),
        (
            ["serve", "--host", "192.0.2.1", "--token", "t"],
            ["host", "'192.0.2.1'", "an address of this machine"],
        ),
        (["serve", "--demo", "five"], ["demo", "'five'", "a number"]),
        (["sevre"], ["sevre"]),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(arguments: list[str], parts: list[str]) -> None:
    done = command(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in parts), done.stderr


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("serve", "--port", str(port))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"port: {port}" in done.stderr
    assert "in use" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "demo"),
    [
        (["serve", "--demo"], "3"),
        (["serve", "--demo", "--port", "0"], "3"),
        (["serve", "--demo", "5"], "5"),
        (["serve", "--demo=5"], "5"),
    ],
)
def test_the_number_of_demo_clusters_may_be_left_out(
    arguments: list[str], demo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(cli, "_serve", lambda flags: given.update(flags) or 0)
    assert cli.run(arguments) == 0
    assert given["demo"] == demo
