"""A server process that serves this process alone and ends with it."""

import os
import secrets
import subprocess
import sys
import threading
from collections import deque
from typing import IO

from app.client.errors import FleetError

READY = "is ready: "
START_SECONDS = 60.0
END_SECONDS = 10.0


class PrivateServer:
    """A process ``k8s-mcp serve`` for a kubeconfig (the usual one for None) and a context of it (all for
    None).

    It listens on a free port of 127.0.0.1 and requires ``token``, which is random. Raises FleetError where it
    does not start.
    """

    def __init__(self, config_file: str | os.PathLike[str] | None, context: str | None) -> None:
        self.token = secrets.token_urlsafe(24)
        arguments = ["--host", "127.0.0.1", "--port", "0"]
        arguments += ["--kubeconfig", os.path.expanduser(config_file)] if config_file is not None else []
        arguments += ["--context", context] if context is not None else []
        environment = {name: value for name, value in os.environ.items() if not name.startswith("K8S_MCP_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.client.stdin_guard", "serve", *arguments],
            env={**environment, "K8S_MCP_TOKEN": self.token},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process to take
        )
        self._output: deque[str] = deque(maxlen=20)
        self._url = ""
        self._settled = threading.Event()
        assert self._process.stderr is not None
        threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True).start()

    @property
    def url(self) -> str:
        """The URL, once the server is ready. Raises FleetError."""
        self._settled.wait(START_SECONDS)
        if not self._url:
            self.end()
            raise FleetError(
                0, f"the server did not start: {self._output[-1] if self._output else 'no word of why'}"
            )
        return self._url

    def end(self) -> None:
        """End the process, as its standard input's end does when this process is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def disown(self) -> None:
        """Leave the process to the parent of a forked process, with which it is to end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.returncode = 0  # which is the parent's to wait for

    def _listen(self, errors: IO[bytes]) -> None:
        """Read its stderr for as long as it runs, since a full pipe would stop it, and note its URL."""
        with errors:
            for line in errors:
                text = line.decode(errors="replace").strip()
                self._output.append(text)
                if READY in text and not self._url:
                    self._url = text.partition(READY)[2].split()[0]
                    self._settled.set()
        self._settled.set()
