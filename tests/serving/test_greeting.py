"""What a terminal shows when the server is ready: commands that work as they are printed."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from app.greeting import greeting
from tests.connecting.certificates import Authority
from tests.serving.process import ROOT

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


@contextmanager
def on_a_terminal(*arguments: str, **environment: str) -> Iterator[list[str]]:
    """The lines that ``k8s-mcp serve`` of a simulated cluster shows on a terminal until it is ready."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("K8S_MCP_")}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--demo", "1", *arguments],
        cwd=ROOT,
        env=inherited | environment,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        text, until = "", time.monotonic() + 30
        while not re.search(r"get pods.*\n", text) and time.monotonic() < until:
            text += os.read(ours, 4096).decode()
        yield text.replace("\r", "").splitlines()
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours)


def output(command: str, **environment: str) -> str:
    """What a shell in another folder writes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("K8S_MCP_")}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd="/",
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def steps(lines: list[str]) -> list[str]:
    """The lines after the one that says ready."""
    at = next(index for index, line in enumerate(lines) if " is ready: " in line)
    return [line.strip() for line in lines[at + 1 :] if line.startswith("  ")]


def written(folder: Path, *hosts: str) -> tuple[str, str]:
    """A certificate of an authority that nobody knows, with that of the authority, and its key."""
    authority = Authority()
    pair = authority.issue("server", *hosts)
    (folder / "my cert.pem").write_bytes(pair.certificate + authority.pem)
    (folder / "key.pem").write_bytes(pair.key)
    return str(folder / "my cert.pem"), str(folder / "key.pem")


@needs_curl
@pytest.mark.parametrize("case", ["plain", "made", "given", "tls", "named"])
def test_what_a_terminal_shows_works_as_it_is_printed(case: str, tmp_path: Path) -> None:
    environment = {"K8S_MCP_TOKEN": "sesame"} if case == "given" else {}
    arguments = ["--port", "0"]
    if case in ("made", "tls"):
        arguments += ["--host", "0.0.0.0"]
    if case in ("tls", "named"):
        cert, key = written(tmp_path, "127.0.0.1" if case == "tls" else "localhost")
        arguments += ["--tls-cert", cert, "--tls-key", key]
    with on_a_terminal(*arguments, **environment) as lines:
        dashboard, *notes, curl, get = steps(lines)
        address = dashboard.removeprefix("dashboard: ")
        assert any(line.endswith(f"is ready: {address}") for line in lines)
        for command in (curl, get):
            table = output(command, **environment)
            assert table.startswith("CLUSTER "), command
            assert "prod-eu" in table
        assert bool(notes) == (case == "given")
    assert address.startswith(
        {"tls": "https://127.0.0.1:", "named": "https://localhost:"}.get(case, "http://")
    )
    assert ("#token=" in address) == (case in ("made", "tls"))
    assert not any("sesame" in line for line in lines)


def test_json_lines_stay_json_on_a_terminal() -> None:
    text = greeting("http://127.0.0.1:8000", None, None, None, form="json", terminal=True)
    assert json.loads(text)["url"] == "http://127.0.0.1:8000/"
    assert greeting("http://h:1", "t", None, None, form="text", terminal=False).count("\n") == 1


# In the image


def instructions() -> dict[str, str]:
    """The variables that the image sets."""
    text = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    lines = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    return dict(word.split("=", 1) for line in lines for word in line.split())


def test_what_the_image_serves_is_where_a_published_port_leads() -> None:
    """Docker passes on what comes to the container's own address, never to its loopback address."""
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r'^ENTRYPOINT \["k8s-mcp"\]$', text, re.MULTILINE)
    assert re.search(r'^CMD \["serve"\]$', text, re.MULTILINE)
    host = instructions()["K8S_MCP_HOST"]
    with on_a_terminal("--port", "0", K8S_MCP_HOST=host) as lines:
        port = int(re.search(r"ready: http://127\.0\.0\.1:(\d+)/#token=", "\n".join(lines))[1])  # type: ignore[index]
        listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        addresses = {fields[1] for fields in listening if fields[3] == "0A"}
        assert f"00000000:{port:04X}" in addresses


async def test_a_token_is_needed_there() -> None:
    with on_a_terminal("--port", "0", K8S_MCP_HOST=instructions()["K8S_MCP_HOST"]) as lines:
        address = steps(lines)[0].removeprefix("dashboard: ")
        url, _, token = address.partition("#token=")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}pods") as answer:
                assert answer.status == 401
            async with session.get(f"{url}pods", headers={"Authorization": f"Bearer {token}"}) as answer:
                assert (await answer.json())["items"]
