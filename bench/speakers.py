"""Servers that send frames to WebSocket clients, for comparison: as cheaply as it goes, and as most do.

``python -m bench.speakers bare|aiohttp`` prints its port. Each line of its standard input is
a JSON object: ``frames`` to send to everybody at once, ``times`` of it, ``pause`` seconds
between. It prints the CPU seconds that took.
"""

import asyncio
import json
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from app.simulator.seed.many_pods import many_pods
from bench.audience import STAMP
from bench.talking import say

POD = next(obj for obj in many_pods(1, now=datetime.now(UTC)) if obj["kind"] == "Pod")
HELLO = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def document(number: int) -> dict[str, Any]:
    metadata = {
        **POD["metadata"],
        "name": f"pod-{number}",
        "annotations": {"stamp": f"{time.monotonic():.6f}"},
    }
    return {"type": "MODIFIED", "name": f"pod-{number}", "object": {**POD, "metadata": metadata}}


def frame(number: int) -> bytes:
    """One as `document`, as it goes over the wire."""
    text = json.dumps(document(number), separators=(",", ":")).encode()
    assert STAMP in text
    return bytes((0x81, 126)) + len(text).to_bytes(2, "big") + text


def bare() -> None:
    """One ``send`` of the same bytes for each client and frame."""
    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        say(listening.getsockname()[1])

        def take() -> None:
            while True:
                connection, _ = listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(4096)
                connection.sendall(HELLO)
                connection.setblocking(False)
                clients.append(connection)

        threading.Thread(target=take, daemon=True).start()
        for line in sys.stdin:
            order = json.loads(line)
            began = time.process_time()
            for _ in range(order["times"]):
                for number in range(order["frames"]):
                    data = frame(number)
                    for client in clients:
                        client.send(data)
                time.sleep(order["pause"])
            say(time.process_time() - began)


async def common() -> None:
    """``json.dumps`` and ``send_str`` for each client and frame."""
    clients: set[web.WebSocketResponse] = set()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(compress=False)
        await response.prepare(request)
        clients.add(response)
        async for _ in response:
            pass
        return response

    app = web.Application()
    app.router.add_get("/ws", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    say(runner.addresses[0][1])
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        order = json.loads(line)
        began = time.process_time()
        for _ in range(order["times"]):
            for number in range(order["frames"]):
                found = document(number)
                for client in clients:
                    await client.send_str(json.dumps(found, separators=(",", ":")))
            await asyncio.sleep(order["pause"])
        say(time.process_time() - began)


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        bare()
    else:
        asyncio.run(common())
