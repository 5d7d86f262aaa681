"""Kubernetes' own tests of API machinery, through a cluster's own API.

python -m tests.kubeapi.conformance COMMAND

starts a whole control plane and a server in front of it, and runs ``COMMAND KUBECONFIG`` with a kubeconfig
that leads through the server. Its exit status is the command's, or 1 where the cache answered less than most.
"""

import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from bench.testbed.control_plane import WHOLE, ControlPlane
from bench.testbed.product import Product, until
from tests.kubernetes.binaries import assets

_READS = re.compile(r'k8s_mcp_cluster_reads_total\{cache="(\w+)",.*,verb="(\w+)"\} (\d+)')


def main(command: str) -> int:
    with tempfile.TemporaryDirectory() as name, ControlPlane(assets(*WHOLE), nodes=2) as plane:
        folder = Path(name)
        flags = ("--kubeconfig", str(plane.kubeconfig(folder / "kubeconfig")))
        with Product(folder, *flags) as product:
            until(lambda: product.state("plane") == "synced", seconds=60)
            through = folder / "through.kubeconfig"
            through.write_bytes(_get(f"{product.url}/clusters/plane/kubeconfig"))
            status = subprocess.run([command, str(through)], check=False).returncode
            found = _READS.findall(_get(f"{product.url}/metrics").decode())
    reads = {
        (verb, cache): sum(int(n) for c, v, n in found if (v, c) == (verb, cache))
        for verb in ("list", "watch")
        for cache in ("hit", "miss")
    }
    told = ", ".join(f"{verb} {cache} {number}" for (verb, cache), number in reads.items())
    sys.stdout.write(f"reads by who answered: {told}\n")
    cached = all(reads[verb, "hit"] > reads[verb, "miss"] for verb in ("list", "watch"))
    return status or (0 if cached else 1)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        body: bytes = answer.read()
        return body


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
