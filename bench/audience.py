"""Many WebSocket clients in one process, which count and time what they are sent.

``python -m bench.audience HOST PORT PATH CLIENTS`` connects, prints ``ready``, and on each
line of its standard input prints a JSON line with what came since the last one: frames,
bytes and the latencies of a sample, in seconds, from when a frame says that it was made.
"""

import json
import os
import selectors
import socket
import sys
import threading
import time

from bench.talking import say

STAMP = b'"stamp":"'
# Every so many clients, one is timed.
TIMED = 20
# Servers give up who shows no sign of life.
ALIVE_SECONDS = 15
PONG = b"\x8a\x80\0\0\0\0"


class Client:
    __slots__ = ("connection", "rest", "timed")

    def __init__(self, connection: socket.socket, *, timed: bool) -> None:
        self.connection = connection
        self.timed = timed
        self.rest = b""


class Audience:
    def __init__(self) -> None:
        self.frames = self.bytes = 0
        self.latencies: list[float] = []
        self._selector = selectors.DefaultSelector()

    def connect(self, host: str, port: int, path: str, clients: int) -> None:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        for number in range(clients):
            connection = socket.create_connection((host, port))
            connection.sendall(request)
            connection.setblocking(False)
            client = Client(connection, timed=number % TIMED == 0)
            self._selector.register(connection, selectors.EVENT_READ, client)

    def run(self) -> None:
        shown = time.monotonic()
        while True:
            if time.monotonic() > shown + ALIVE_SECONDS:
                shown = time.monotonic()
                for key in [*self._selector.get_map().values()]:
                    key.data.connection.send(PONG)
            for key, _ in self._selector.select(1):
                client = key.data
                try:
                    data = client.connection.recv(1 << 20)
                except OSError:
                    data = b""
                if not data:
                    self._selector.unregister(client.connection)
                    client.connection.close()
                    continue
                now = time.monotonic()
                self.bytes += len(data)
                # Each frame has one stamp, which two reads may share.
                data = client.rest + data
                client.rest = data[1 - len(STAMP) :]
                self.frames += data.count(STAMP)
                start = data.rfind(STAMP) + len(STAMP)
                end = data.find(b'"', start)
                if client.timed and start >= len(STAMP) and end > 0:
                    self.latencies.append(now - float(data[start:end]))


def main() -> None:
    host, port, path, clients = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    audience = Audience()
    audience.connect(host, port, path, clients)
    threading.Thread(target=audience.run, daemon=True).start()
    say("ready")
    for _ in sys.stdin:
        found = {
            "frames": audience.frames,
            "bytes": audience.bytes,
            "latencies": audience.latencies,
        }
        audience.frames = audience.bytes = 0
        audience.latencies = []
        say(json.dumps(found))
    os._exit(0)


if __name__ == "__main__":
    main()
