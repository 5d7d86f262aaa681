"""The command on a terminal."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from types import TracebackType
from typing import Self

from tests.commands.running import ROOT, SECONDS, environment

CTRL_C = b"\x03"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """``k8s-mcp`` with these arguments, its stdin, stdout and stderr a terminal of this size.

    ``shown`` is all that it wrote, with its escape sequences.
    """

    def __init__(self, url: str, *arguments: str, lines: int = 24, columns: int = 120, **more: str) -> None:
        self.shown = ""
        self._arguments = arguments
        self._size = struct.pack("HHHH", lines, columns, 0, 0)
        self._environment = environment(url, TERM="xterm-256color", **more)
        self._wrote = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, self._size)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app",
            *self._arguments,
            cwd=ROOT,
            env=self._environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

    @property
    def text(self) -> str:
        """Without escape sequences."""
        return _ESCAPES.sub("", self.shown)

    async def until(self, text: str, after: int = 0) -> int:
        """Wait until it has written this; where that is in ``text``."""
        async with asyncio.timeout(SECONDS):
            while (at := self.text.find(text, after)) < 0:
                self._wrote.clear()
                await self._wrote.wait()
        return at

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def ended(self) -> int:
        """The exit status."""
        async with asyncio.timeout(SECONDS):
            status = await self.process.wait()
        self._read()
        return status

    def _read(self) -> None:
        try:
            self.shown += os.read(self._master, 65536).decode()
        except OSError:
            # That is how a terminal says that nobody has it open any more.
            asyncio.get_running_loop().remove_reader(self._master)
        self._wrote.set()
