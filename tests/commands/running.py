"""The command as a process of its own, asking a server inside of the test."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


class Done(NamedTuple):
    status: int
    out: str
    err: str


def environment(url: str = "", **more: str) -> dict[str, str]:
    """This process' own without any setting of ours, and with the server's address."""
    dropped = ("K8S_MCP_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return inherited | ({"K8S_MCP_URL": url} if url else {}) | more


class Command:
    """``await command("get", "pods")``: how it ended, and what it printed."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __call__(self, *arguments: str, stdin: str = "", env: Mapping[str, str] = {}) -> Done:
        process = await self.start(*arguments, env=env)
        try:
            async with asyncio.timeout(SECONDS):
                out, err = await process.communicate(stdin.encode())
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        done = Done(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in done.err, done.err
        return done

    async def start(self, *arguments: str, env: Mapping[str, str] = {}) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app",
            *arguments,
            cwd=ROOT,
            env=environment(self.url, **env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
