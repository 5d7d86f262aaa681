"""Lines, heads and bodies as long as an API server takes them, passed on as they are; and no longer."""

import asyncio
import gzip
import json

import pytest
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from app.api.door.request_heads import LONGEST_HEAD, BoundedParser
from tests.kubeapi.conftest import Client, Upstream, raw

NODES = "/clusters/prod/api/v1/nodes"
EXEC = "/clusters/prod/api/v1/namespaces/x/pods/a/exec"
UPGRADE = ["Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Key: a"]


@pytest.mark.parametrize(
    "body", [gzip.compress(b"{}", mtime=0), b"no gzip", b"\x1f\x8b" + bytes(300_000), b""]
)
async def test_a_packed_body_arrives_as_it_was_sent(client: Client, upstream: Upstream, body: bytes) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    for method in ("POST", "DELETE"):
        async with client.request(method, NODES, data=body, headers=headers) as answer:
            assert answer.status == 200
    for _, _, seen, received in upstream.seen:
        assert (seen["Content-Encoding"], received) == ("gzip", body)


@pytest.mark.parametrize("length", [40_000, 900_000])
async def test_long_lines_pass(client: Client, upstream: Upstream, length: int) -> None:
    assert client.port is not None
    query = f"command=sh&command={'x' * length}"
    for path, headers in ((f"{NODES}?{query}", ["Connection: close"]), (f"{EXEC}?{query}", UPGRADE)):
        answer = await raw(client.port, f"GET {path} HTTP/1.1", "Host: localhost", *headers)
        assert answer.startswith(b"HTTP/1.1 200 "), answer[:300]
    assert [target.partition("?")[2] for target in upstream.targets] == [query, query]


async def test_many_headers_and_long_ones_pass(client: Client, upstream: Upstream) -> None:
    assert client.port is not None
    groups = [f"Impersonate-Group: group-{number}" for number in range(2000)]
    long = f"Audit-Id: {'x' * 500_000}"
    answer = await raw(
        client.port,
        f"GET {NODES} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        "Impersonate-User: a",
        *groups,
        long,
    )
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:300]
    assert len(upstream.headers.getall("Impersonate-Group")) == 2000
    assert len(upstream.headers["Audit-Id"]) == 500_000


async def test_a_real_server_selects_from_2600_values(real: Client) -> None:
    values = ",".join(f"value-{number:06}" for number in range(2600))
    path = f"/clusters/prod/api/v1/namespaces/default/pods?labelSelector=app%20in%20({values})"
    assert len(path) > 33_000
    async with real.get(path) as answer:
        assert (answer.status, (await answer.json())["items"]) == (200, [])


async def test_a_longer_line_is_refused(client: Client, upstream: Upstream) -> None:
    assert client.port is not None
    line = f"GET {NODES}?a={'x' * (LONGEST_HEAD + 100)} HTTP/1.1"
    answer = await raw(client.port, line, "Host: localhost", "Connection: close")
    assert answer.startswith(b"HTTP/1.0 400 "), answer[:300]
    assert not upstream.seen


async def test_more_parameters_than_anybody_needs_are_refused_at_once(client: Client) -> None:
    for path in (NODES, "/pods"):
        async with client.get(f"{path}?{'a&' * 400_000}") as answer:
            assert answer.status == 400
            assert "10000 parameters" in await answer.text()


async def test_the_fleet_reads_no_query_that_takes_long(client: Client) -> None:
    async with client.get(f"/pods?labelSelector={'x' * 200_000}") as answer:
        assert (answer.status, "131072" in (await answer.json(content_type=None))["detail"]) == (414, True)


class _Parser:
    """What aiohttp's does with a head that has no end, or with trailers: it keeps them."""

    def __init__(self) -> None:
        self.kept = 0

    def feed_data(self, data: bytes) -> tuple[tuple[()], bool, bytes]:
        self.kept += len(data)
        return (), False, b""


def test_a_head_without_end_is_not_kept() -> None:
    kept = _Parser()
    parser = BoundedParser(kept)
    for _ in range(20):
        parser.feed_data(bytes(65536))
    with pytest.raises(BadHttpMessage, match="too long"):
        parser.feed_data(bytes(65536))
    for _ in range(100):
        assert parser.feed_data(bytes(65536)) == ((), False, b"")
    assert kept.kept < 1.5 * LONGEST_HEAD


async def test_a_bodys_end_that_is_in_doubt_breaks_it_off(client: Client, upstream: Upstream) -> None:
    """What has been passed on by then is not completed."""

    async def take(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=json.dumps("complete"))

    upstream.handler = take
    assert client.port is not None
    lines = [f"POST {NODES} HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", "Connection: close"]
    async with asyncio.timeout(20):
        answer = await raw(client.port, *lines, body=b"2\r\n{}\r\nnot a length\r\n\r\n")
    assert b"complete" not in answer
    assert b" 200 " not in answer
