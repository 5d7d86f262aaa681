"""Connections and descriptors: who asks nothing, or asks for ever, keeps nobody else out."""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app import server
from app.api.application import make_application
from app.api.door import admission
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.process.open_files import descriptor_shares
from tests.connecting.certificates import Authority
from tests.serving.process import Running, started
from tests.serving.test_running import serving

TOKEN = {"Authorization": "Bearer sesame"}


def limits_of(running: Running) -> list[str]:
    text = Path(f"/proc/{running.process.pid}/limits").read_text()
    return next(line.split()[3:5] for line in text.splitlines() if line.startswith("Max open files"))


def test_the_soft_limit_is_raised(tmp_path: Path) -> None:
    with started(
        "serve", "--port", "0", "--demo", "1", limits="ulimit -n 4096 && ulimit -S -n 256"
    ) as running:
        running.read_until("ready: ")
        assert limits_of(running) == ["4096", "4096"]


def test_shares_leave_room_for_everybody() -> None:
    for limit in (256, 1024, 20000, 1048576):
        found = descriptor_shares(limit)
        assert found.callers + found.clusters <= limit - min(64, limit // 8)
        assert found.callers < found.last < limit
        assert found.kept >= found.clusters // 4


@pytest.mark.parametrize("number", [300, 600])
async def test_idle_connections_without_a_token_lock_nobody_out(tmp_path: Path, number: int) -> None:
    (tmp_path / "kubeconfig").write_text(
        'clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]\n'
        "contexts: [{name: c, context: {cluster: c}}]\n"
    )
    arguments = ("serve", "--port", "0", "--kubeconfig", str(tmp_path / "kubeconfig"))
    with started(*arguments, limits="ulimit -n 256", K8S_MCP_TOKEN="sesame") as running, ExitStack() as idle:
        url = running.read_until(r"http://\S+")
        port = int(url.rstrip("/").rpartition(":")[2])
        sockets = [idle.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(number)]
        async with aiohttp.ClientSession(headers=TOKEN) as session:
            slowest = 0.0
            for _ in range(20):
                began = time.monotonic()
                async with session.get(f"{url}clusters", headers={"Connection": "close"}) as answer:
                    assert answer.status == 200
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.1)
            assert slowest < 2
            async with session.get(f"{url}metrics") as answer:
                metrics = await answer.text()
            assert 'k8s_mcp_connections_refused_total{reason="idle"} 0.0' not in metrics
            await asyncio.sleep(admission.HEAD_SECONDS)
            async with asyncio.timeout(5):
                for each in sockets:
                    each.setblocking(False)
                    assert await asyncio.get_running_loop().sock_recv(each, 1) == b""
            async with session.get(f"{url}metrics") as answer:
                assert "k8s_mcp_connections 1.0" in await answer.text()
        status, _, log = await asyncio.to_thread(running.end, signal.SIGTERM)
    assert status == 0
    assert "connections are refused" in log
    assert "Traceback" not in log
    assert len(log) < 10_000


def resident_mib(running: Running) -> int:
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


LONG = b"/pods HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"x" * 1_000_000


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET " + LONG, b"GET " + LONG + b"\r\n\r\n", b"POST " + LONG + b"\r\nContent-Length: 9999\r\n\r\nx"],
    ids=["not whole", "whole", "with a body that does not come"],
)
async def test_long_heads_without_a_token_take_little_memory(request_bytes: bytes) -> None:
    """Each was held twice, by every connection, for as long as that stayed."""
    arguments = ("serve", "--port", "0", "--demo", "1")
    with started(*arguments, K8S_MCP_TOKEN="sesame") as running, ExitStack() as open_ones:
        url = running.read_until(r"http://\S+")
        port = int(url.rstrip("/").rpartition(":")[2])

        def ask(number: int) -> None:
            for _ in range(number):
                one = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
                with contextlib.suppress(ConnectionError):
                    one.sendall(request_bytes)
                    if request_bytes.endswith((b"x\r\n\r\n", b"\r\n\r\nx")):
                        one.recv(100)

        await asyncio.to_thread(ask, 40)
        before = resident_mib(running)
        await asyncio.to_thread(ask, 300)
        async with aiohttp.ClientSession() as session, session.get(f"{url}healthz") as answer:
            assert answer.status == 200
        assert resident_mib(running) - before < 60


async def test_a_long_head_with_a_token_is_answered_among_many_without(tmp_path: Path) -> None:
    async with answering(tmp_path) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(admission.LONG_HEADS):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(b"GET " + LONG[:100_000])
            await writer.drain()
        async with aiohttp.ClientSession() as session:
            headers = {**TOKEN, "X-Long": "x" * 500_000}
            for _ in range(3):
                async with session.get(f"http://127.0.0.1:{port}/clusters", headers=headers) as answer:
                    assert (answer.status, answer.headers["Connection"]) == (200, "close")


async def test_more_watches_than_descriptors_leave_callers_in_and_are_said() -> None:
    with started("demo", "12") as clusters:
        path = clusters.read_until(r"/\S+\.kubeconfig")
        with started("serve", "--port", "0", "--kubeconfig", path, limits="ulimit -n 256") as running:
            url = running.read_until(r"http://\S+")
            running.read_until("cluster is synced cluster=prod-ap")
            async with aiohttp.ClientSession() as session:
                for _ in range(10):
                    began = time.monotonic()
                    async with session.get(f"{url}clusters") as answer:
                        document = await answer.json()
                    assert time.monotonic() - began < 2
                    await asyncio.sleep(0.3)
                had = [cluster for cluster in document["clusters"] if cluster["state"] == "synced"]
                left_out = [cluster["error"] for cluster in document["clusters"] if cluster not in had]
                assert set(left_out) == {"no file descriptor is left for it, the limit on open files is 256"}
                assert len(had) == 4
                # What callers ask of an API server has descriptors of its own.
                name = next(cluster["name"] for cluster in document["clusters"] if cluster["version"])
                async with session.get(f"{url}clusters/{name}/version") as answer:
                    assert answer.status == 200
            status, _, log = await asyncio.to_thread(running.end, signal.SIGTERM)
    assert status == 0
    assert "Traceback" not in log
    assert len(log) < 50_000


# With shorter times, in this process


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(admission, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(admission, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)


@asynccontextmanager
async def answering(tmp_path: Path, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server of one cluster that is down, on this port."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        'clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]\n'
        "contexts: [{name: c, context: {cluster: c}}]\n"
    )
    options = ClusterOptions(watch=(), release_after=600, managed_fields=False, secret_values=False)
    fleet = Fleet(options, [path])
    await fleet.start()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    app = make_application(fleet, Door("sesame", "127.0.0.1", []), Serving(0.1, "sesame", None))
    try:
        async with server._answering(app, [listening], tls, descriptor_shares(20000)):
            yield port
    finally:
        await fleet.close()


async def seconds_until_closed(reader: asyncio.StreamReader) -> float:
    began = time.monotonic()
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(1000):
                pass
    return time.monotonic() - began


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /clusters HTTP/1.1\r\nHost: localhost\r\n",
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    ],
)
async def test_a_head_that_does_not_end_ends_the_connection(tmp_path: Path, beginning: bytes) -> None:
    async with answering(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(beginning)

        async def drip() -> None:
            while beginning and not writer.is_closing():
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await seconds_until_closed(reader) < 1
        writer.close()
        await dripping


@pytest.mark.usefixtures("short")
async def test_a_body_that_hardly_comes_ends_the_connection_and_a_steady_one_does_not(tmp_path: Path) -> None:
    head = b"POST /apply?cluster=c HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\n"
    head += b"Content-Type: application/json\r\n"
    async with answering(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"Content-Length: 100000\r\n\r\n{")
        assert await seconds_until_closed(reader) < 2
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"kind": "' + b"x" * 300_000 + b'"}'
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 10_000):
            writer.write(body[start : start + 10_000])
            await asyncio.sleep(0.04)
        async with asyncio.timeout(5):
            assert b"HTTP/1.1 " in await reader.readline()
        writer.close()


@pytest.mark.usefixtures("short")
async def test_a_connection_that_rests_between_requests_stays(tmp_path: Path) -> None:
    async with answering(tmp_path) as port, aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/clusters", headers=TOKEN) as answer:
            assert answer.status == 200
            assert answer.connection is None or answer.connection.transport is not None
        await asyncio.sleep(0.7)
        (kept,) = [entry for pool in session.connector._conns.values() for entry in pool]  # type: ignore[union-attr]
        transport: Any = kept[0].transport
        assert not transport.is_closing()
        async with session.get(f"http://127.0.0.1:{port}/clusters", headers=TOKEN) as answer:
            assert answer.status == 200


@pytest.mark.usefixtures("short")
async def test_a_stream_is_no_idle_connection(tmp_path: Path) -> None:
    async with answering(tmp_path) as port, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}/pods?watch=1"
        async with session.get(url, headers=TOKEN) as answer:
            await asyncio.sleep(0.7)
            assert b"RESET" in await answer.content.readline()


@pytest.mark.usefixtures("short")
async def test_a_tls_handshake_that_stalls_ends(tmp_path: Path) -> None:
    authority = Authority()
    context = authority.server("127.0.0.1")
    async with answering(tmp_path, tls=context) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01")
        assert await seconds_until_closed(reader) < 1
        writer.close()


async def test_a_server_process_answers_after_its_port_was_left_half_open(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        url = running.read_until(r"http://\S+")
        port = int(url.rstrip("/").rpartition(":")[2])
        for _ in range(50):
            socket.create_connection(("127.0.0.1", port)).close()
        async with aiohttp.ClientSession() as session, session.get(f"{url}clusters") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("SSH-2.0-OpenSSH_9.6", "Invalid method encountered"),
        ("get /pods?token=sesame HTTP/1.1", "Invalid method encountered"),
        ("GET * HTTP/1.1", "*"),
        (
            "GET /pods HTTP/1.1\r\nX-A: 1\r\n folded: Bearer sesame",
            "Unexpected whitespace after header value",
        ),
        ("GET /pods HTTP/1.1\r\nContent-Length: x", "Invalid character in Content-Length"),
    ],
)
async def test_what_is_no_request_is_told_in_one_line(tmp_path: Path, line: str, what: str) -> None:
    async with answering(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{line}\r\nHost: localhost\r\n\r\n".encode())
        async with asyncio.timeout(5):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert head.startswith(b"HTTP/1.0 400 ")
    assert b"Server: k8s-mcp\r\n" in head
    assert b"sesame" not in body
    assert json.loads(body)["detail"] == f"this is no HTTP request: {what}"
