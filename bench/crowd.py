"""Who asks for much at once, and what there is to ask for, in processes of their own.

``python -m bench.crowd cluster FOLDER PODS SECONDS`` serves a simulated cluster with many pods, a large
ConfigMap and one that changes every so many SECONDS; it writes FOLDER/kubeconfig.

``python -m bench.crowd clients PORT END``: each line of its standard input is a JSON object of ``paths``,
each of which is asked over a connection of its own, and of the ``seconds`` after which those are given up
that are not complete. Where there is an END, an answer is complete with that text, else when it ends.
"""

import asyncio
import json
import selectors
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import yaml

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.seed.many_pods import many_pods
from app.simulator.simulated_fleet import kubeconfig
from bench.simulated import TOKEN
from bench.talking import say

KEYS = 60_000


async def cluster(folder: Path, pods: int, pause: float) -> None:
    async with SimulatedCluster("bench-0", token=TOKEN) as simulated:
        simulated.storage.plant(many_pods(pods, seed=0, now=datetime.now(UTC)))
        simulated.storage.create(
            _config_map("large", {f"key-{number}": f"v{number}" for number in range(KEYS)})
        )
        simulated.storage.create(_config_map("stamped", {}))
        (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig([("bench-0", simulated.url, TOKEN)])))
        say("ready")
        while True:
            await asyncio.sleep(pause)
            simulated.storage.replace(_config_map("stamped", {"stamp": f"{time.monotonic():.6f}"}))


def _config_map(name: str, data: dict[str, str]) -> dict[str, object]:
    metadata = {"namespace": "default", "name": name, "labels": {"bench": name}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def clients(port: int, end: bytes) -> None:
    say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        say(json.dumps(_ask(port, end, order["paths"], order["seconds"])))


def _ask(port: int, end: bytes, paths: list[str], most: float) -> dict[str, float]:
    selector = selectors.DefaultSelector()
    began = time.monotonic()
    open_ = complete = 0
    for path in paths:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, [b""])
        open_ += 1
    while open_ > complete and time.monotonic() < began + most:
        for key, _ in selector.select(0.5):
            data = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]
            rest = key.data
            if (end and end in rest[0] + data) or not data:
                complete += bool(end) == bool(data)
                selector.unregister(key.fileobj)
                if not data:
                    key.fileobj.close()  # type: ignore[union-attr]
            rest[0] = data[-len(end) :] if end else b""
    return {"complete": complete, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    if sys.argv[1] == "cluster":
        asyncio.run(cluster(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
    else:
        clients(int(sys.argv[2]), sys.argv[3].encode() if len(sys.argv) > 3 else b"")
