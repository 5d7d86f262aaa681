"""Watches over WebSocket, as browsers and fabric8 open them, through to a real API server."""

import asyncio
import json
import logging

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from bench.testbed.control_plane import ControlPlane
from tests.kubeapi.conftest import Client, Front, Upstream

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:{port}", "https://dash.example.com"])
async def test_a_watch_is_told_what_happens(
    real: Client, control_plane: ControlPlane, origin: str | None
) -> None:
    ours = Origin(origin.format(port=real.port)) if origin else None
    url = f"ws://127.0.0.1:{real.port}/clusters/prod{MAPS}?watch=1&fieldSelector=metadata.name=socket"
    async with connect(url, origin=ours) as socket, asyncio.timeout(20):
        body = {"metadata": {"name": "socket"}}
        await asyncio.to_thread(control_plane.request, "POST", MAPS, body)
        await asyncio.to_thread(control_plane.request, "DELETE", f"{MAPS}/socket")
        events = [json.loads(await socket.recv())["type"] for _ in range(2)]
    assert events == ["ADDED", "DELETED"]


@pytest.mark.parametrize("origin", ["https://evil.example.com", "{server}", "null"])
async def test_another_page_does_not_watch(real: Client, control_plane: ControlPlane, origin: str) -> None:
    """The API server's own origin is none of ours."""
    theirs = Origin(origin.format(server=control_plane.url))
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{real.port}/clusters/prod{MAPS}?watch=1", origin=theirs):
            pass
    assert refused.value.response.status_code == 403


async def test_a_token_is_not_answered_with(front: Front) -> None:
    client, _ = await front.client("http://127.0.0.1:1", token="sesame")
    token = Subprotocol("k8s-mcp.token.sesame")
    for offered, answered in (([token, Subprotocol("k8s-mcp.v1")], "k8s-mcp.v1"), ([token], None)):
        async with connect(f"ws://127.0.0.1:{client.port}/ws", subprotocols=offered) as socket:
            assert socket.subprotocol == answered


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        (f"{MAPS}?watch=1", None),
        (f"/api/v1/watch{MAPS.removeprefix('/api/v1')}", None),
        (MAPS, "connect"),
        (f"{MAPS}/a/status?watch=1", "connect"),
        ("/apis/subresources.kubevirt.io/v1/namespaces/x/virtualmachineinstances/a/vnc", "connect"),
        ("/version?watch=1", "connect"),
    ],
)
async def test_read_only_lets_sockets_watch_and_no_more(
    front: Front, upstream: Upstream, path: str, verb: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.api.door.audit")
    for read_only in (True, False):
        client, _ = await front.client(upstream.url, read_only=read_only)
        asking = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with client.get(f"/clusters/prod{path}", headers=asking) as answer:
            assert answer.status == (403 if read_only and verb else 200)
    lines = [vars(record) for record in caplog.records if record.name == "app.api.door.audit"]
    assert [(line["verb"], line["status"]) for line in lines] == ([(verb, 403), (verb, 200)] if verb else [])
