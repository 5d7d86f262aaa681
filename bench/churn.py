"""A simulated cluster whose pods change on request.

``python -m bench.churn FOLDER`` writes FOLDER/kubeconfig. Each line of its standard input is a
JSON object: ``frames`` changes at once, ``times`` of it, ``pause`` seconds between.
"""

import asyncio
import json
import sys
from pathlib import Path

import yaml

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.simulator.simulated_fleet import kubeconfig
from bench.simulated import TOKEN
from bench.speakers import document
from bench.talking import say

PODS = 8


async def serve(folder: Path) -> None:
    async with SimulatedCluster("bench-0", token=TOKEN) as cluster:
        cluster.storage.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
        for number in range(PODS):
            cluster.storage.create(document(number)["object"])
        (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig([("bench-0", cluster.url, TOKEN)])))
        say("ready")
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async for line in reader:
            order = json.loads(line)
            for _ in range(order["times"]):
                for number in range(order["frames"]):
                    cluster.storage.replace(document(number)["object"])
                await asyncio.sleep(order["pause"])
            say("0")


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
