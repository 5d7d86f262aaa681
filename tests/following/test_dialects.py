"""A further dialect over HTTP is a class and its entry in the table: everything else is there."""

import json
from collections.abc import Iterable

import aiohttp
import msgspec
import pytest

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from app.streams.dialects import HTTP_DIALECTS, Framed
from bench.testbed.served_fleet import Server
from tests.builders import pod

MEDIA_TYPE = "application/vnd.example.frames"


class Prefixed(msgspec.Struct, frozen=True):
    """Frames behind their length and the length of their cursors, and these behind them."""

    chunked: bool

    @property
    def transport(self) -> str:
        return "prefixed"

    @property
    def with_ids(self) -> bool:
        return True

    @property
    def keepalive(self) -> bytes:
        return b""

    def encode(self, frames: Iterable[Framed]) -> bytes:
        data = b"".join(
            len(frame).to_bytes(4, "big") + len(cursor).to_bytes(4, "big") + frame + cursor
            for frame, cursor in frames
        )
        return b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data


async def read(content: aiohttp.StreamReader) -> tuple[dict[str, object], bytes]:
    """The next frame, and the cursor of who has received it."""
    lengths = await content.readexactly(8)
    frame = await content.readexactly(int.from_bytes(lengths[:4], "big"))
    return json.loads(frame), await content.readexactly(int.from_bytes(lengths[4:], "big"))


@pytest.mark.parametrize("path", ["/pods?watch=1", "/stream?resource=pods"])
async def test_a_class_and_its_entry_make_a_dialect(
    prod: SimulatedCluster,
    server: Server,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    monkeypatch.setitem(HTTP_DIALECTS, MEDIA_TYPE, Prefixed)
    prod.storage.create(pod("one"))
    async with session.get(server.url + path, headers={"Accept": MEDIA_TYPE}) as response:
        assert response.content_type == MEDIA_TYPE
        frames = [(await read(response.content))[0] for _ in range(3)]
        assert [frame["type"] for frame in frames] == ["RESET", "ADDED", "SYNCED"]
        prod.storage.create(pod("two"))
        frame, cursor = await read(response.content)
        assert (frame["type"], frame["name"]) == ("ADDED", "two")
        async with session.get(f"{server.url}/metrics") as metrics:
            assert 'k8s_mcp_streams{transport="prefixed"} 1.0' in await metrics.text()
    headers = {"Accept": MEDIA_TYPE}
    async with session.get(server.url + path, params={"cursor": cursor.decode()}, headers=headers) as again:
        assert (await read(again.content))[0]["type"] == "SYNCED"


async def test_who_accepts_no_dialect_gets_lines(
    server: Server, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HTTP_DIALECTS, MEDIA_TYPE, Prefixed)
    for accept in ("*/*", "application/json", f"{MEDIA_TYPE};q=0"):
        async with session.get(f"{server.url}/pods?watch=1", headers={"Accept": accept}) as response:
            assert response.content_type == "application/x-ndjson"
            assert json.loads(await response.content.readline()) == {"type": "RESET"}
