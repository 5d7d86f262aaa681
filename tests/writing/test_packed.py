"""Bodies that are packed are unpacked for the fleet, within bounds, or told from what they say they are."""

import asyncio
import gzip
import io
import json
import time
import zlib

import pytest
import zstandard

from tests.builders import config_map
from tests.writing.conftest import Client

HEADERS = {"Content-Type": "application/json"}
MAP = json.dumps(config_map("packed", data={"key": "value"})).encode()
BOMB = gzip.compress(bytes(2 * 10**8), mtime=0)
PACKED = {
    "gzip": gzip.compress(MAP, mtime=0),
    "deflate": zlib.compress(MAP),
    "zstd": zstandard.compress(MAP),
    "GZIP": gzip.compress(MAP[:9], mtime=0) + gzip.compress(MAP[9:], mtime=0),
    "identity": MAP,
}


@pytest.mark.parametrize("coding", PACKED)
async def test_what_is_packed_is_written_as_it_was(client: Client, coding: str) -> None:
    headers = HEADERS | {"Content-Encoding": coding}
    async with client.post("/configmaps?cluster=prod", data=PACKED[coding], headers=headers) as answer:
        assert (answer.status, (await answer.json())["data"]) == (201, {"key": "value"})
    async with client.post("/apply?cluster=prod", data=PACKED[coding], headers=headers) as answer:
        assert (answer.status, (await answer.json())["results"][0]["status"]) == (200, 200)
    patch = {"Content-Type": "application/merge-patch+json", "Content-Encoding": "zstd"}
    data = zstandard.compress(b'{"data":{"key":"other"}}')
    path = "/configmaps/packed?cluster=prod&namespace=default"
    async with client.patch(path, data=data, headers=patch) as answer:
        assert (answer.status, (await answer.json())["data"]) == (200, {"key": "other"})


@pytest.mark.parametrize(
    ("coding", "body", "status", "words"),
    [
        ("gzip", MAP, 400, "not what Content-Encoding 'gzip' says"),
        ("gzip", PACKED["gzip"][:-4], 400, "ends too early"),
        ("gzip", PACKED["gzip"] + b"more", 400, "not what"),
        ("deflate", PACKED["deflate"] + b"more", 400, "after its end"),
        ("deflate", MAP, 400, "not what"),
        ("zstd", PACKED["zstd"][:-4], 400, "ends too early"),
        ("zstd", MAP, 400, "not what"),
        ("br", MAP, 415, "accepted is one of gzip, deflate, zstd"),
        ("gzip, gzip", gzip.compress(PACKED["gzip"], mtime=0), 415, "'gzip, gzip'"),
        ("gzip", BOMB, 413, "too large when unpacked"),
        ("zstd", zstandard.compress(bytes(10**9)), 413, "too large when unpacked"),
        ("gzip", bytes(17 * 1024 * 1024), 413, "16777216"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_cannot_be_unpacked_is_told(
    client: Client, coding: str, body: bytes, status: int, words: str
) -> None:
    headers = HEADERS | {"Content-Encoding": coding}
    for method, path in (
        ("POST", "/apply?cluster=prod"),
        ("POST", "/deployments/web/scale?cluster=prod&namespace=default"),
        ("PUT", "/configmaps/a?cluster=prod&namespace=default"),
    ):
        async with client.request(method, path, data=io.BytesIO(body), headers=headers) as answer:
            problem = await answer.json(content_type=None)
            assert (answer.status, words in problem["detail"]) == (status, True), problem


async def test_nobody_waits_while_a_bomb_is_unpacked(client: Client) -> None:
    headers = HEADERS | {"Content-Encoding": "gzip"}
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.002)
            longest = max(longest, time.perf_counter() - began)

    # Sending it costs this process as well: what is measured begins when it is there.
    bystander = asyncio.create_task(watch())
    async with client.post("/apply?cluster=prod", data=BOMB, headers=headers) as answer:
        assert answer.status == 413
    bystander.cancel()
    assert longest < 0.3
