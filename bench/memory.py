"""What the cache of 10,000 pods holds resident, against their JSON without managedFields.

Measured in a process of its own, which takes the pods in as a reflector does: page by page.
"""

import asyncio
import ctypes
import gc
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

from app.api.http.rendering import Listing, json_list
from app.cache.store import Store
from app.fleet.store_feed import StoreFeed
from app.kube.discovery.api_resource import Resource
from app.kube.wire.list_page import Page, page_steps
from app.kube.wire.wire_object import BodyFormat
from bench.pods import page, pods, stripped
from bench.report import Row, megabytes
from bench.unheard import UNHEARD

PODS, PAGE, LISTS = 10_000, 500, 20
RESOURCE = Resource("", "v1", "pods", "pod", "Pod", namespaced=True)


def run() -> list[Row]:
    size = 0
    with tempfile.TemporaryDirectory() as folder:
        pending: list[bytes] = []
        for number, pod in enumerate(pods(PODS), start=1):
            pending.append(orjson.dumps(pod))
            size += len(orjson.dumps(stripped(pod)))
            if len(pending) == PAGE:
                (Path(folder) / f"{number:06}.json").write_bytes(page(pending, 1))
                pending = []
        command = [sys.executable, "-m", "bench.memory", folder]
        resident = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [
        Row(
            f"memory of {PODS:,} pods, after {LISTS} lists",
            megabytes(resident),
            f"stripped JSON {megabytes(size)}",
            resident / size,
            "<=",
            1.25,
        )
    ]


def _fill(folder: Path) -> int:
    """Take the pages in; returns how many bytes the process has grown by."""
    feed = StoreFeed(Store("bench", "pods"), UNHEARD)
    files = sorted(folder.iterdir())
    # What is allocated once is not the cache's: one page has been through before the count begins.
    feed.gather(_decoded(files[0]).objects)
    feed.discard()
    before = _resident()
    for file in files:
        for part in _decoded(file).parts(100):
            feed.gather(part)
    feed.swap(1, continues=True)
    asyncio.run(_answer(feed.store))
    grown = _resident() - before
    assert len(feed.store) == PODS
    return grown


def _decoded(file: Path) -> Page:
    steps = page_steps(file.read_bytes(), RESOURCE, BodyFormat())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            page: Page = end.value
            return page


async def _answer(store: Store) -> None:
    """Lists of everything, as they are answered."""
    for _ in range(LISTS):
        listing = Listing(RESOURCE, "cursor", [], [(store.cluster, store.all())])
        async for _ in json_list(listing):
            pass


def _resident() -> int:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/smaps_rollup has no Pss")


if __name__ == "__main__":
    sys.stdout.write(f"{_fill(Path(sys.argv[1]))}\n")
