"""Requests and answers pass as they come: nothing is kept, nothing is made up."""

import asyncio
import gzip
import logging
import tracemalloc
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from app.api.http import lasting_work
from tests.kubeapi.conftest import Client, Front, Upstream, raw

PODS = "/clusters/prod/api/v1/namespaces/x/pods"
MEGABYTE = 1024 * 1024


async def test_an_answer_begins_before_it_ends(client: Client, upstream: Upstream) -> None:
    more = asyncio.Event()

    async def lines(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\n")
        await more.wait()
        await response.write(b"two\n")
        return response

    upstream.handler = lines
    async with client.get(f"{PODS}/web/log", params={"follow": "true"}) as answer:
        assert await answer.content.readline() == b"one\n"
        more.set()
        assert await answer.content.read() == b"two\n"


async def test_a_log_of_100_megabytes_is_not_kept(client: Client, upstream: Upstream) -> None:
    piece, sent = b"x" * 65535 + b"\n", 0

    async def log(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 100 * MEGABYTE:
            await response.write(piece)
            sent += len(piece)
        return response

    upstream.handler = log
    tracemalloc.start()
    try:
        read = 0
        async with client.get(f"{PODS}/web/log?follow=true") as answer:
            # Who reads nothing holds up who sends.
            await answer.content.readany()
            await asyncio.sleep(0.3)
            stalled = sent
            assert stalled < 20 * MEGABYTE
            async for chunk in answer.content.iter_any():
                read += len(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent >= 100 * MEGABYTE
    assert read > 99 * MEGABYTE
    assert peak < 10 * MEGABYTE


async def test_a_body_is_passed_on_while_it_comes(client: Client, upstream: Upstream) -> None:
    arrived = asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        assert await request.content.readexactly(3) == b"one"
        arrived.set()
        return web.Response(body=await request.content.read())

    upstream.handler = take

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await arrived.wait()
        yield b"two"

    async with client.post(PODS, data=body()) as answer:
        assert await answer.read() == b"two"
    assert upstream.headers["Transfer-Encoding"] == "chunked"


async def test_a_large_body_keeps_its_length(client: Client, upstream: Upstream) -> None:
    async with client.put(f"{PODS}/a", data=b"x" * MEGABYTE) as answer:
        assert answer.status == 200
    assert upstream.headers["Content-Length"] == str(MEGABYTE)
    assert upstream.seen[0][3] == b"x" * MEGABYTE


async def test_what_is_packed_stays_packed(client: Client, upstream: Upstream) -> None:
    packed = gzip.compress(b'{"kind":"PodList"}')

    async def answer_packed(request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=packed, headers={"Content-Encoding": "gzip"}, content_type="application/json"
        )

    upstream.handler = answer_packed
    async with client.get(PODS, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Length"] == str(len(packed))
        assert await answer.read() == packed


@pytest.mark.parametrize("version", [b"9" * 5_000, b'9"}}' + b" " * (64 * MEGABYTE)])
async def test_what_is_odd_in_the_answer_to_a_write_is_passed_on(
    client: Client, upstream: Upstream, version: bytes
) -> None:
    """A version of 5,000 digits, and a body that would be 64 MB when unpacked."""
    packed = gzip.compress(b'{"kind":"Pod","metadata":{"name":"a","resourceVersion":"%s"}}' % version)

    async def answer_packed(request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=packed, headers={"Content-Encoding": "gzip"}, content_type="application/json"
        )

    upstream.handler = answer_packed
    tracemalloc.start()
    try:
        async with client.post(PODS, data=b"{}", headers={"Accept-Encoding": "gzip"}) as answer:
            assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
            assert await answer.read() == packed
        assert tracemalloc.get_traced_memory()[1] < 32 * MEGABYTE
    finally:
        tracemalloc.stop()


async def test_an_answer_without_a_body_has_none(client: Client, upstream: Upstream) -> None:
    async def bare(request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(headers={"Content-Length": "17"})
        return web.Response(status=304, headers={"ETag": '"x"'})

    upstream.handler = bare
    async with client.head("/clusters/prod/api/v1/nodes/a/status") as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, "17")
    async with client.get("/clusters/prod/openapi/v2") as answer:
        assert (answer.status, answer.headers["ETag"], await answer.read()) == (304, '"x"', b"")


async def test_what_breaks_off_does_not_look_complete(client: Client, upstream: Upstream) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    upstream.handler = half
    with pytest.raises(aiohttp.ClientPayloadError):
        async with client.get(PODS) as answer:
            await answer.read()


async def test_who_hangs_up_is_noticed(
    client: Client, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting_work, "LOOK_SECONDS", 0.05)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if request.query.get("follow"):
            await response.prepare(request)
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return response

    upstream.handler = silent
    for query in ("?follow=true", ""):
        begun.clear()
        ended.clear()
        asked = asyncio.create_task(
            raw(client.port or 0, f"GET {PODS}/a/log{query} HTTP/1.1", "Host: localhost")
        )
        await begun.wait()
        asked.cancel()
        async with asyncio.timeout(20):
            await ended.wait()
        await asyncio.gather(asked, return_exceptions=True)


async def test_a_server_that_cannot_be_reached_is_503(front: Front, upstream: Upstream) -> None:
    client, held = await front.client("http://127.0.0.1:1")
    for method in ("GET", "POST"):
        async with client.request(method, PODS) as answer:
            found = await answer.json()
            assert (answer.status, found["reason"]) == (503, "ServiceUnavailable")
            assert "refused" in found["message"]
    connection, held._connection = held._connection, None
    async with client.get(PODS) as answer:
        assert answer.status == 503
    held._connection = connection


async def test_a_server_that_hangs_up_without_an_answer_is_502(client: Client, upstream: Upstream) -> None:
    async def nothing(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    upstream.handler = nothing
    async with client.post(PODS, data=b"{}") as answer:
        assert (answer.status, (await answer.json())["code"]) == (502, 502)
    assert len(upstream.seen) == 1


async def test_a_write_is_recorded_and_a_read_is_not(
    client: Client, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.api.door.audit")
    async with client.get(PODS), client.post(PODS, data=b"{}"):
        pass
    async with client.delete(f"{PODS}/web", headers={"Impersonate-User": "alice"}):
        pass
    async with client.get(f"{PODS}/web/exec?command=sh"):
        pass
    async with client.post(
        "/clusters/prod/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", data=b"{}"
    ):
        pass
    lines = [vars(record) for record in caplog.records if record.name == "app.api.door.audit"]
    told = [(line["verb"], line["resource"], line["namespace"], line["object"]) for line in lines]
    assert told == [
        ("create", "pods", "x", None),
        ("delete", "pods", "x", "web"),
        ("connect", "pods/exec", "x", "web"),
    ]
    assert [line.get("impersonated") for line in lines] == [None, "alice", None]
    assert {line["status"] for line in lines} == {200}


async def test_read_only_refuses_what_may_change_anything(front: Front, upstream: Upstream) -> None:
    client, _ = await front.client(upstream.url, read_only=frozenset({"prod"}))
    for method, path, data in (
        ("POST", PODS, b"{}"),
        ("PATCH", f"{PODS}/a", b"{}"),
        ("DELETE", f"{PODS}/a", None),
        ("DELETE", f"{PODS}/a?dryRun=All", b'{"dryRun":[]}'),
        ("GET", f"{PODS}/a/exec", None),
        ("OPTIONS", PODS, None),
    ):
        async with client.request(method, path, data=data) as answer:
            assert (answer.status, (await answer.json())["reason"]) == (403, "Forbidden"), (method, path)
    asking = {"Connection": "Upgrade", "Upgrade": "websocket"}
    async with client.get(f"{PODS}/a/portforward", headers=asking) as answer:
        assert answer.status == 403
    assert not upstream.seen
    for method, path, data in (
        ("GET", f"{PODS}/a/log", None),
        ("POST", f"{PODS}?dryRun=All", b"{}"),
        ("DELETE", f"{PODS}/a", b'{"dryRun":["All"]}'),
        ("POST", "/clusters/prod/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", b"{}"),
    ):
        async with client.request(method, path, data=data) as answer:
            assert answer.status == 200, (method, path)
