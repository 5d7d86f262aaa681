"""How answers travel: formats, tags, compression, HEAD, readers that are slow or gone."""

import asyncio
import gzip
import io
import json
import logging
import re
import socket
from contextlib import suppress

import aiohttp
import pytest
import yaml
import zstandard
from aiohttp import web
from yarl import URL

from app.api.http import body_sender
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import Catalog
from app.kube.discovery.definitions import Definition
from app.kube.discovery.well_known import WELL_KNOWN
from tests.builders import stored_pod
from tests.reading.conftest import Client, Held, StartServer


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ({}, "*/*", "application/json"),
        ({}, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ({}, "application/yaml", "application/yaml"),
        ({}, "application/json;q=0.5, text/yaml", "application/yaml"),
        ({}, "application/x-ndjson", "application/x-ndjson"),
        ({}, "text/plain; format=name", "text/plain"),
        ({"format": "ndjson"}, "application/json", "application/x-ndjson"),
    ],
)
async def test_the_format_is_asked_for_by_query_or_accept(
    client: Client, query: dict[str, str], accept: str, content_type: str
) -> None:
    async with client.get("/pods", params=query, headers={"Accept": accept}) as answer:
        assert answer.content_type == content_type


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0"])
async def test_what_cannot_be_answered_is_406(client: Client, accept: str) -> None:
    async with client.get("/pods", headers={"Accept": accept}) as answer:
        assert answer.status == 406
        assert "application/yaml" in json.loads(await answer.text())["detail"]


async def test_every_format_says_the_same(client: Client) -> None:
    async with client.get("/pods") as answer:
        document = await answer.json()
    async with client.get("/pods", params={"format": "yaml"}) as answer:
        assert yaml.safe_load(await answer.text()) == document
    async with client.get("/pods", params={"format": "ndjson"}) as answer:
        lines = (await answer.text()).splitlines()
        assert [json.loads(line) for line in lines] == document["items"]
        assert "X-Cursor" in answer.headers
    async with client.get("/pods", params={"format": "name"}) as answer:
        assert (await answer.text()).splitlines() == [
            "prod pod/db-1",
            "prod pod/web-1",
            "staging pod/web-1",
            "staging pod/web-2",
        ]


@pytest.mark.parametrize("form", ["json", "yaml", "ndjson", "table", "wide", "name"])
async def test_an_empty_list_is_one(client: Client, form: str) -> None:
    async with client.get("/pods", params={"namespace": "nowhere", "format": form}) as answer:
        text = await answer.text()
    if form in ("json", "yaml"):
        assert yaml.safe_load(text)["items"] == []
    else:
        assert text == ""


async def test_tables_are_those_of_kubectl_with_the_cluster_in_front(client: Client) -> None:
    async with client.get(
        "/pods", params={"namespace": "default"}, headers={"Accept": "text/plain"}
    ) as answer:
        lines = (await answer.text()).splitlines()
    assert lines[0].split() == ["CLUSTER", "NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [line.split()[:5] for line in lines[1:]] == [
        ["prod", "default", "web-1", "0/1", "Running"],
        ["staging", "default", "web-1", "0/1", "Running"],
        ["staging", "default", "web-2", "0/1", "Running"],
    ]
    async with client.get("/pods/db-1", params={"format": "wide"}) as answer:
        head, row = (await answer.text()).splitlines()
    assert head.split()[:4] == ["CLUSTER", "NAMESPACE", "NAME", "READY"]
    assert row[head.index("NODE") :].split()[0] == "node-1"


async def test_custom_resources_are_printed_with_the_columns_of_their_definition(
    client: Client, clusters: dict[str, Held]
) -> None:
    verbs = frozenset({"list", "watch"})
    widgets = Resource("example.com", "v1", "widgets", "widget", "Widget", False, verbs=verbs)
    staging = clusters["staging"]
    staging.catalog = Catalog([*WELL_KNOWN.resources, widgets])
    staging.watches.follow(staging.catalog)
    size = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
    staging.definitions.by_name["widgets.example.com"] = Definition(widgets, {"v1": [size]})
    widget = {
        "kind": "Widget",
        "apiVersion": "example.com/v1",
        "metadata": {"name": "one", "uid": "1", "resourceVersion": "3"},
        "spec": {"size": 7},
    }
    staging.fill("widgets.example.com", [widget], 5)
    async with client.get("/widgets", params={"format": "table"}) as answer:
        assert [line.split() for line in (await answer.text()).splitlines()] == [
            ["CLUSTER", "NAME", "SIZE"],
            ["staging", "one", "7"],
        ]


@pytest.mark.parametrize("form", ["yaml", "table", "wide"])
async def test_what_an_api_server_let_pass_is_served(
    client: Client, clusters: dict[str, Held], form: str
) -> None:
    """A custom resource may hold a number that is beyond any float."""
    odd = stored_pod("odd")
    odd["status"]["big"] = 10**400
    clusters["prod"].fill("pods", [odd], 12)
    async with client.get("/pods", params={"format": form, "cluster": "prod"}) as answer:
        assert "odd" in await answer.text()


async def test_yaml_means_the_same_to_every_parser(client: Client, clusters: dict[str, Held]) -> None:
    odd = ["1e3", "0o17", "0x1F", "12:30:45", "yes", "~", "1_000", "y", ".5", "2026-01-31", "1.2.3", "", " a"]
    labelled = stored_pod("odd")
    labelled["metadata"]["labels"] = {f"l{number}": text for number, text in enumerate(odd)}
    clusters["prod"].fill("pods", [labelled], 12)
    async with client.get("/pods/odd", params={"format": "yaml"}) as answer:
        text = await answer.text()
    assert [*yaml.safe_load(text)["metadata"]["labels"].values()] == odd
    for plain in ("1e3", "0o17", "y"):
        assert f': "{plain}"\n' in text


async def test_a_tag_holds_until_content_changes(client: Client, clusters: dict[str, Held]) -> None:
    async with client.get("/pods") as answer:
        tag = answer.headers["ETag"]
    # A bookmark moves the cursor and changes nothing that is served.
    clusters["prod"].watches.get("pods").feeds[0].advance(99)  # type: ignore[union-attr]
    async with client.get("/pods", headers={"If-None-Match": f'"other", {tag}'}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert "X-Cursor" in answer.headers
    for change in ({"namespace": "data"}, {"format": "yaml"}):
        async with client.get("/pods", params=change, headers={"If-None-Match": tag}) as answer:
            assert answer.status == 200
    clusters["staging"].report("pods", "stale", "lost")
    async with client.get("/pods", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200


async def test_how_a_token_is_presented_changes_nothing_of_an_answer(
    start: StartServer,
) -> None:
    client = await start(token="sesame")
    bearer = {"Authorization": "Bearer sesame"}
    answers = []
    for query, headers in (("limit=2", bearer), ("token=sesame&limit=2", {}), ("limit=2&%74oken=sesame", {})):
        async with client.get(URL(f"/pods?{query}", encoded=True), headers=headers) as answer:
            assert answer.status == 200
            position, _, _ = answer.headers["X-Continue"].partition(".")
            answers.append((answer.headers["ETag"], len(position), (await answer.json())["items"]))
    assert answers == [answers[0]] * 3


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("*", "zstd"),
        ("gzip;q=0, *;q=0", None),
        ("br", None),
        ("identity", None),
    ],
)
async def test_answers_are_compressed_as_asked(
    client: Client, clusters: dict[str, Held], accept: str, coding: str | None
) -> None:
    clusters["prod"].fill("pods", [stored_pod(f"web-{n}", version=n + 1) for n in range(3000)], 9000)
    async with client.get("/pods", headers={"Accept-Encoding": "identity"}) as answer:
        plain = await answer.read()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        url = client.make_url("/pods")
        async with session.get(url, headers={"Accept-Encoding": accept}) as answer:
            assert answer.headers.get("Content-Encoding") == coding
            assert "Accept-Encoding" in answer.headers["Vary"]
            body = await answer.read()
    if coding == "gzip":
        body = gzip.decompress(body)
    elif coding == "zstd":
        body = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body)).read()
    assert json.loads(body)["items"] == json.loads(plain)["items"]


async def test_what_is_small_is_not_compressed(client: Client) -> None:
    headers = {"Accept-Encoding": "gzip"}
    async with client.get("/pods", params={"namespace": "no", "cluster": "prod"}, headers=headers) as answer:
        assert "Content-Encoding" not in answer.headers


async def test_a_long_list_is_complete(client: Client, clusters: dict[str, Held]) -> None:
    pods = [stored_pod(f"web-{n:05}", version=n + 1, filler="x" * 60) for n in range(6000)]
    clusters["prod"].fill("pods", pods, 9000)
    identity = {"Accept-Encoding": "identity"}
    async with client.get("/pods", params={"cluster": "prod"}, headers=identity) as answer:
        body = await answer.read()
        assert answer.content_length == len(body) > 1_500_000
    assert [item["metadata"]["name"] for item in json.loads(body)["items"]] == [
        item["metadata"]["name"] for item in pods
    ]


async def test_where_there_are_no_parameters_none_is_accepted(client: Client) -> None:
    async with client.get("/healthz?verbose=1") as answer:
        assert answer.status == 400
        assert (await answer.text()).count("'verbose' is no parameter here; accepted is none") == 1


@pytest.mark.parametrize("path", ["/pods", "/pods/db-1", "/clusters", "/metrics", "/healthz"])
async def test_head_is_get_without_its_body(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        content_type = answer.headers["Content-Type"]
    async with client.head(path) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
        assert await answer.read() == b""
    async with client.get("/healthz") as answer:
        assert answer.status == 200


async def test_a_reader_that_goes_away_leaves_no_trace(
    client: Client, clusters: dict[str, Held], caplog: pytest.LogCaptureFixture
) -> None:
    clusters["prod"].fill(
        "pods", [stored_pod(f"p{n}", version=n + 1, filler="x" * 60) for n in range(20000)], 30000
    )
    assert client.port is not None
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(b"GET /pods HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.transport.abort()
    async with client.get("/healthz") as answer:
        assert answer.status == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_reader_that_stalls_is_cut_off(
    client: Client, clusters: dict[str, Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    aborted = asyncio.Event()
    abort = body_sender._abort

    def watched(request: web.Request) -> None:
        abort(request)
        aborted.set()

    monkeypatch.setattr(body_sender, "_abort", watched)
    monkeypatch.setattr(body_sender, "STALLED_SECONDS", 0.2)
    clusters["prod"].fill(
        "pods", [stored_pod(f"p{n}", version=n + 1, filler="x" * 60) for n in range(40000)], 50000
    )
    assert client.port is not None
    with socket.create_connection(("127.0.0.1", client.port)) as sock:
        sock.sendall(b"GET /pods HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.wait_for(aborted.wait(), 20)
        received = await asyncio.to_thread(drained, sock)
    assert len(received) < int(re.findall(rb"Content-Length: (\d+)", received)[0])


def drained(sock: socket.socket) -> bytes:
    """All that is still to come."""
    received = []
    with suppress(ConnectionResetError):
        while data := sock.recv(65536):
            received.append(data)
    return b"".join(received)
