"""A real kube-apiserver that holds as many pods as a measurement needs, seconds after its start."""

import base64
import json
import os
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from bench.pods import pods
from bench.testbed.control_plane import BASIC, ControlPlane

_AT_ONCE = 100  # etcd takes 128 operations in a transaction and 1.5 MB in a request.


def available() -> bool:
    """Whether KUBEBUILDER_ASSETS names a folder with a kube-apiserver and an etcd."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    return bool(folder) and all((Path(str(folder)) / name).exists() for name in BASIC)


@contextmanager
def filled(count: int) -> Iterator[ControlPlane]:
    """A kube-apiserver with ``count`` pods of `bench.pods`."""
    with ControlPlane(Path(os.environ["KUBEBUILDER_ASSETS"])) as plane:
        _write(plane, count)
        deadline = time.monotonic() + 60
        # The list without items costs the server little and says whether its cache has seen them all.
        while _remaining(plane) != count - 1:
            if time.monotonic() > deadline:
                raise TimeoutError(f"kube-apiserver serves {_remaining(plane) + 1} of {count} pods")
            time.sleep(0.2)
        yield plane


def _write(plane: ControlPlane, count: int) -> None:
    """Put the pods straight into etcd, as JSON, which kube-apiserver reads like its own protobuf.

    Through kube-apiserver it would take minutes: two requests a pod, one for its status.
    """
    puts = []
    for pod in pods(count):
        metadata = pod["metadata"]
        del metadata["resourceVersion"]
        key = f"/registry/pods/{metadata['namespace']}/{metadata['name']}"
        value = base64.b64encode(orjson.dumps(pod)).decode()
        puts.append({"requestPut": {"key": base64.b64encode(key.encode()).decode(), "value": value}})
    for start in range(0, count, _AT_ONCE):
        request = urllib.request.Request(
            f"{plane.etcd_url}/v3/kv/txn",
            data=json.dumps({"success": puts[start : start + _AT_ONCE]}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()


def _remaining(plane: ControlPlane) -> int:
    found = plane.request("GET", "/api/v1/pods?limit=1")
    return int(found["metadata"].get("remainingItemCount", 0))
