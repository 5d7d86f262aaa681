"""What streams cost in memory: five thousand that are idle, and some whose clients have stopped reading."""

import json
import os
import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import Row, kilobytes
from bench.sources import Measured
from bench.talking import Talk

IDLE, WARM = 5000, 100
STALLED, CHANGES = 100, 4000
SETTLE_SECONDS = 8.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_GET = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n"
_UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
KINDS = {
    "server-sent events": ("/pods?watch=1", "Accept: text/event-stream\r\n"),
    "WebSocket": ("/ws?resource=pods", _UPGRADE),
}


def run() -> list[Row]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 3 * IDLE), most))
    rows = []
    for kind, (path, headers) in KINDS.items():
        with _Server() as server:
            each = server.idle(path, headers)
        rows.append(
            Row(f"memory of an idle stream, {kind}", kilobytes(each), "20 kB", each / 20e3, "<=", 1.0)
        )
    with _Server() as server:
        each = server.stalled(*KINDS["WebSocket"])
    rows.append(Row("memory of a stalled stream", kilobytes(each), "100 kB", each / 100e3, "<=", 1.0))
    return rows


class _Server:
    """The product on one simulated cluster, and connections to it."""

    def __enter__(self) -> "_Server":
        self._running = ExitStack()
        folder = Path(self._running.enter_context(TemporaryDirectory()))
        self._churn = self._running.enter_context(Talk("bench.churn", str(folder)))
        (folder / "k8s-mcp.yaml").write_text("watch: [pods]\n")
        self._product = self._running.enter_context(
            Measured(folder, "--kubeconfig", f"{folder}/kubeconfig", "--config", f"{folder}/k8s-mcp.yaml")
        )
        self._connections: list[socket.socket] = []
        return self

    def __exit__(self, *raised: object) -> None:
        for connection in self._connections:
            connection.close()
        self._running.close()

    def idle(self, path: str, headers: str) -> float:
        """Bytes for each."""
        self._connect(WARM, path, headers)
        self._read()
        before = self._resident()
        self._connect(IDLE, path, headers)
        self._read()
        return (self._resident() - before) / IDLE

    def stalled(self, path: str, headers: str) -> float:
        """Bytes for each, beyond what the same changes cost without."""
        self._change()
        before = self._resident()
        self._connect(STALLED, path, headers)
        self._change()
        return (self._resident() - before) / STALLED

    def _change(self) -> None:
        self._churn.ask(json.dumps({"frames": 8, "times": CHANGES // 8, "pause": 0.005}))

    def _connect(self, number: int, path: str, headers: str) -> None:
        port = int(self._product.url.rpartition(":")[2])
        request = _GET.format(path=path, port=port, headers=headers).encode()
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(request)
            connection.setblocking(False)
            self._connections.append(connection)

    def _read(self) -> None:
        """Take what comes until nothing has been left for a while."""
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            for connection in self._connections:
                try:
                    connection.recv(1 << 20)
                except BlockingIOError:
                    continue
            time.sleep(0.1)

    def _resident(self) -> int:
        return int(Path(f"/proc/{self._product.pid}/statm").read_text().split()[1]) * _PAGE
