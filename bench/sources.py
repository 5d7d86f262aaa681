"""Where the measured server gets its pods from, in processes of their own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import real
from bench.testbed.control_plane import ControlPlane
from bench.testbed.product import Product


class Measured(Product):
    """The product, with the process whose CPU time is read."""

    @property
    def pid(self) -> int:
        return self._process.pid


@dataclass(frozen=True)
class Cluster:
    """One cluster, the context ``bench-0`` of ``kubeconfig``; ``plane`` where it is a real one."""

    kubeconfig: Path
    plane: ControlPlane | None


@contextmanager
def one_cluster(folder: Path, pods: int) -> Iterator[Cluster]:
    """A real kube-apiserver where there is one, else a simulated one."""
    if real.available():
        with real.filled(pods) as plane:
            yield Cluster(plane.kubeconfig(folder / "kubeconfig", context="bench-0"), plane)
    else:
        with simulated_clusters(folder, 1, pods) as kubeconfig:
            yield Cluster(kubeconfig, None)


@contextmanager
def simulated_clusters(folder: Path, clusters: int, pods: int) -> Iterator[Path]:
    """Yields a kubeconfig with the contexts bench-0, bench-1, …"""
    command = [sys.executable, "-m", "bench.simulated", str(folder), str(clusters), str(pods)]
    with subprocess.Popen(command) as process:
        try:
            kubeconfig = folder / "kubeconfig"
            while not kubeconfig.exists():
                if process.poll() is not None:
                    raise OSError(f"bench.simulated ended with {process.returncode}")
                time.sleep(0.05)
            yield kubeconfig
        finally:
            process.terminate()


def only_pods(folder: Path) -> Path:
    """A configuration of k8s-mcp that watches nothing but pods."""
    path = folder / "k8s-mcp.yaml"
    path.write_text("watch: [pods]\n")
    return path
