"""exec and port-forward as browsers ask for them: through a real API server, which dials a node's kubelet."""

import asyncio
import base64
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import WSServerHandshakeError

from bench.testbed.control_plane import ControlPlane
from tests.connecting.certificates import Authority
from tests.kubeapi.conftest import Client, Front

PODS = "/api/v1/namespaces/default/pods"
EXEC = f"/clusters/prod{PODS}/cat/exec?command=cat&stdin=true&stdout=true"
FORWARD = f"/clusters/prod{PODS}/cat/portforward?ports=80"
EXEC_PROTOCOL = "v4.channel.k8s.io"
FORWARD_PROTOCOL = "SPDY/3.1+portforward.k8s.io"
STDIN, STDOUT = b"\x00", b"\x01"
# As a server of WebSockets makes its key's answer (RFC 6455).
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Kubelet:
    """A kubelet that echoes: what exec has on stdin, and every byte of a port-forward. ``heads`` are
    the requests that it was asked."""

    heads: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            if b"\r\nupgrade: websocket\r\n" in head.lower():
                await self._exec(head, reader, writer)
            else:
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n")
                writer.write(b"Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n")
                while piece := await reader.read(1000):
                    writer.write(piece)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _exec(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
        key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key.split(b": ")[1] + _GUID).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n"
            b"Sec-WebSocket-Protocol: " + lines[b"sec-websocket-protocol"] + b"\r\n\r\n"
        )
        while True:
            kind, length = await reader.readexactly(2)
            mask = await reader.readexactly(4)
            masked = await reader.readexactly(length & 0x7F)
            text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))
            if kind == 0x88:
                writer.write(bytes([kind, len(text)]) + text)
                return
            writer.write(bytes([kind, len(text)]) + STDOUT + text[1:])


@pytest.fixture
async def kubelet(control_plane: ControlPlane) -> AsyncIterator[Kubelet]:
    """That of a node on which the pod ``cat`` runs."""
    kubelet = Kubelet()
    server = await asyncio.start_server(kubelet.serve, "127.0.0.1", 0, ssl=Authority().server("127.0.0.1"))
    port = server.sockets[0].getsockname()[1]

    def ask(method: str, path: str, body: object = None) -> None:
        control_plane.request(method, path, body)

    node = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}
    node_status = {"status": {**node, "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}
    pod = {"nodeName": "echo", "containers": [{"name": "cat", "image": "cat"}]}
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(server.close)
        await asyncio.to_thread(ask, "POST", "/api/v1/nodes", {"metadata": {"name": "echo"}, **node_status})
        stack.push_async_callback(asyncio.to_thread, ask, "DELETE", "/api/v1/nodes/echo")
        await asyncio.to_thread(ask, "POST", PODS, {"metadata": {"name": "cat"}, "spec": pod})
        stack.push_async_callback(asyncio.to_thread, ask, "DELETE", f"{PODS}/cat?gracePeriodSeconds=0")
        yield kubelet


async def status_of(client: Client, path: str, protocol: str, origin: str | None) -> int:
    """That of the refusal."""
    with pytest.raises(WSServerHandshakeError) as refused:
        async with client.ws_connect(path, protocols=[protocol], origin=origin):
            pass
    return refused.value.status


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:{port}", "https://dash.example.com"])
async def test_a_browser_has_a_shell(real: Client, kubelet: Kubelet, origin: str | None) -> None:
    ours = origin.format(port=real.port) if origin else None
    async with (
        real.ws_connect(EXEC, protocols=[EXEC_PROTOCOL], origin=ours) as socket,
        asyncio.timeout(20),
    ):
        assert socket.protocol == EXEC_PROTOCOL
        await socket.send_bytes(STDIN + b"hello")
        assert await socket.receive_bytes() == STDOUT + b"hello"
    (head,) = kubelet.heads
    assert head.startswith(b"GET /exec/default/cat/cat?command=cat&input=1&output=1 HTTP/1.1\r\n")


async def test_a_browser_forwards_a_port(real: Client, kubelet: Kubelet) -> None:
    ours = f"http://127.0.0.1:{real.port}"
    async with (
        real.ws_connect(FORWARD, protocols=[FORWARD_PROTOCOL], origin=ours) as socket,
        asyncio.timeout(20),
    ):
        assert socket.protocol == FORWARD_PROTOCOL
        await socket.send_bytes(b"\x80\x03 any bytes")
        assert await socket.receive_bytes() == b"\x80\x03 any bytes"
    (head,) = kubelet.heads
    assert head.startswith(b"POST /portForward/default/cat?port=80 HTTP/1.1\r\n")


@pytest.mark.parametrize("origin", ["https://evil.example.com", "{server}", "null"])
@pytest.mark.parametrize(("path", "protocol"), [(EXEC, EXEC_PROTOCOL), (FORWARD, FORWARD_PROTOCOL)])
async def test_another_page_has_none(
    real: Client, control_plane: ControlPlane, kubelet: Kubelet, path: str, protocol: str, origin: str
) -> None:
    assert await status_of(real, path, protocol, origin.format(server=control_plane.url)) == 403
    assert not kubelet.heads


async def test_read_only_dials_no_kubelet(
    front: Front, control_plane: ControlPlane, kubelet: Kubelet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.api.door.audit")
    cluster = {"certificate-authority": str(control_plane.ca_file)}
    client, _ = await front.client(
        control_plane.url, cluster=cluster, user={"token": control_plane.token}, read_only=True
    )
    for path, protocol in ((EXEC, EXEC_PROTOCOL), (FORWARD, FORWARD_PROTOCOL)):
        assert await status_of(client, path, protocol, None) == 403
    assert not kubelet.heads
    lines = [vars(record) for record in caplog.records if record.name == "app.api.door.audit"]
    assert [(line["verb"], line["resource"], line["object"], line["status"]) for line in lines] == [
        ("connect", "pods/exec", "cat", 403),
        ("connect", "pods/portforward", "cat", 403),
    ]
