"""Requests of which two readers would make two different ones are refused, whatever face they are for."""

import json
import logging
import re
from collections.abc import Mapping

import pytest

from tests.kubeapi.conftest import Client, Front, Upstream, raw

NODES = "/clusters/prod/api/v1/nodes"
REVIEWS = "/clusters/prod/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = b'{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}'
FLEET = [
    "GET /pods",
    "GET /pods/web",
    "GET /pods/web/logs",
    "GET /pods/web/events",
    "GET /pods?watch=1",
    "GET /stream?resource=pods",
    "GET /ws",
    "GET /clusters",
    "GET /clusters/prod/kubeconfig",
    "GET /resources",
    "POST /apply?cluster=prod",
    "POST /pods?cluster=prod",
    "PUT /pods/web?cluster=prod",
    "PATCH /pods/web?cluster=prod",
    "DELETE /pods/web?cluster=prod",
    "POST /deployments/web/scale?cluster=prod",
    "POST /deployments/web/restart?cluster=prod",
]


async def asked(client: Client, method: str, path: str, *headers: str, body: bytes = b"") -> tuple[int, str]:
    """The status of the answer to just these headers, and the answer."""
    assert client.port is not None
    framing = [f"Content-Length: {len(body)}"] if body else []
    lines = ["Host: localhost", "Content-Type: application/json", *headers, *framing]
    if not any(header.startswith("Connection") for header in headers):
        lines.append("Connection: close")
    answer = await raw(client.port, f"{method} {path} HTTP/1.1", *lines, body=body)
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), text.decode()


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        (["Impersonate-User: alice", "Connection: close, Impersonate-User"], "impersonate-user"),
        (
            ["Impersonate-User: alice", "Connection: close", "Connection: IMPERSONATE_USER"],
            "impersonate-user",
        ),
        (["Impersonate-User: a", "Impersonate-Group: b", "Connection: close,impersonate-group"], "group"),
        (["Impersonate_User: alice"], "Impersonate_User"),
        (["Impersonate-User: alice", "impersonate_group: b"], "impersonate_group"),
        (["Impersonate-Users: alice"], "Impersonate-Users"),
        (["Impersonate-User: alice", "Impersonate-Extra-: b"], "Impersonate-Extra-"),
        (["Impersonate-User:"], "Impersonate-User is empty"),
        (["Impersonate-User: alice", "impersonate-user: bob"], "impersonate-user is given more than once"),
        (["Impersonate-User: alice", "Impersonate-Uid: 1", "Impersonate-Uid: 2"], "impersonate-uid"),
    ],
)
async def test_nobody_is_audited_as_somebody_else(
    real: Client, headers: list[str], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of these a real API server takes for the account of the context, or for another than we do."""
    caplog.set_level(logging.INFO, "app.api.door.audit")
    status, text = await asked(real, "POST", REVIEWS, *headers, body=REVIEW)
    assert (status, json.loads(text)["kind"]) == (400, "Status")
    assert named in json.loads(text)["message"]
    assert not [record for record in caplog.records if record.name == "app.api.door.audit"]


async def test_a_real_server_knows_who_is_meant(real: Client) -> None:
    meant = ["Impersonate-User: alice", "impersonate-group: testers", "Impersonate-Group: others"]
    extra = ["Impersonate-Uid: 7", "Impersonate-Extra-Scopes: view", "Connection: close, keep-alive, X-Own"]
    status, text = await asked(real, "POST", REVIEWS, *meant, *extra, body=REVIEW)
    assert status == 201
    user = json.loads(text)["status"]["userInfo"]
    assert (user["username"], user["uid"], user["extra"]) == ("alice", "7", {"scopes": ["view"]})
    assert {"testers", "others"} <= set(user["groups"])


async def test_the_log_says_of_each_header_what_it_says(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """In whatever order they come: nobody's group or extra stands where the name of the user does."""
    caplog.set_level(logging.INFO, "app.api.door.audit")
    odd = ["Impersonate-Extra-Scopes: root", "impersonate-group: admin, bob", "Impersonate-Group: testers"]
    await asked(client, "DELETE", f"{NODES}/a", *odd, "Impersonate-User: alice", "IMPERSONATE-UID: 7")
    (line,) = [vars(record) for record in caplog.records if record.name == "app.api.door.audit"]
    assert (line["impersonated"], line["impersonated_uid"]) == ("alice", "7")
    assert line["impersonated_groups"] == ["admin, bob", "testers"]
    assert line["impersonated_extra"] == ["scopes=root"]


@pytest.mark.parametrize("asking", FLEET)
@pytest.mark.parametrize(
    "header", ["Impersonate-User: alice", "Impersonate_Group: a", "impersonate-extra-x: 1"]
)
async def test_the_fleet_is_asked_as_oneself(
    client: Client, upstream: Upstream, asking: str, header: str
) -> None:
    method, path = asking.split(" ")
    upgrading = ["Connection: Upgrade, close", "Upgrade: websocket"] if path == "/ws" else []
    status, text = await asked(
        client, method, path, header, *upgrading, body=b"{}" if method != "GET" else b""
    )
    assert status == 400
    assert "accepted is it in a cluster's own API" in json.loads(text)["detail"]
    assert not upstream.seen


@pytest.mark.parametrize("path", [NODES, "/pods", "/"])
@pytest.mark.parametrize("named", ["Content-Type", "accept", "Sec-WebSocket-Protocol", "Accept_Encoding"])
async def test_connection_takes_nothing_away_that_says_what_is_asked(
    client: Client, upstream: Upstream, path: str, named: str
) -> None:
    status, text = await asked(client, "GET", path, f"Connection: close, {named}")
    assert (status, "taken away" in text) == (400, True)
    assert not upstream.seen


@pytest.mark.parametrize(
    "target",
    ["http://localhost/pods", "http://elsewhere/clusters/prod/api/v1/nodes", "https://localhost/healthz"],
)
async def test_a_whole_url_is_no_path(client: Client, upstream: Upstream, target: str) -> None:
    status, _ = await asked(client, "GET", target)
    assert status == 400
    assert not upstream.seen


BODY = "POST /clusters/prod/api/v1/nodes HTTP/1.1"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ([BODY, "Content-Length: 2", CHUNKED], b"2\r\n{}\r\n0\r\n\r\n"),
        ([BODY, "Content-Length: 2", "Content-Length: 3"], b"{}"),
        ([BODY, "Content-Length: 2", "Content-Length: 2"], b"{}"),
        ([BODY, "Content-Length: 2, 2"], b"{}"),
        ([BODY, "Content-Length: +2"], b"{}"),
        ([BODY, "Content-Length : 2"], b"{}"),
        ([BODY, "Transfer-Encoding: gzip, identity"], b"{}"),
        ([BODY, "Transfer-Encoding: chunked, identity"], b"2\r\n{}\r\n0\r\n\r\n"),
        ([BODY, "Transfer-Encoding: xchunked"], b"2\r\n{}\r\n0\r\n\r\n"),
        ([BODY, CHUNKED, CHUNKED], b"2\r\n{}\r\n0\r\n\r\n"),
        ([BODY, "X-A: 1\r\n folded"], b""),
        ([BODY, "X-A: 1\nImpersonate-User: alice"], b""),
        ([BODY, "X-A: 1\rImpersonate-User: alice"], b""),
        ([BODY, "X-A: \x00"], b""),
        ([BODY, "X A: 1"], b""),
        ([BODY, "X-A\xe4: 1"], b""),
        ([BODY, ": 1"], b""),
        ([BODY, "Host: elsewhere"], b""),
        ([BODY, "Content-Type: application/json", "content-type: application/yaml"], b""),
        (["POST /clusters/prod/api/v1/nodes x HTTP/1.1"], b""),
        (["POST /clusters/prod/api/v1/no\tdes HTTP/1.1"], b""),
        (["POST /clusters/prod/api/v1/nodes#x HTTP/1.1"], b""),
        (["POST \\clusters\\prod\\api HTTP/1.1"], b""),
        (["delete /clusters/prod/api/v1/nodes/x HTTP/1.1"], b""),
        (["POST /clusters/prod/api/v1/nodes HTTP/2.0"], b""),
        (["POST /clusters/prod/api/v1/nodes HTTP/0.9"], b""),
        (["POST /clusters/prod/api/v1/nodes"], b""),
        (["POST /clusters/prod/api/v1/nodes HTTP/1.0", CHUNKED], b"2\r\n{}\r\n0\r\n\r\n"),
        ([BODY, "Content-Length: 2", "Transfer-Encoding: "], b"{}"),
    ],
)
async def test_a_request_whose_end_or_head_is_in_doubt_is_refused(
    client: Client, upstream: Upstream, lines: list[str], body: bytes
) -> None:
    assert client.port is not None
    answer = await raw(client.port, lines[0], "Host: localhost", "Connection: close", *lines[1:], body=body)
    assert re.match(rb"HTTP/[0-2]\.[0-9] 400 ", answer), answer
    assert not upstream.seen


@pytest.mark.parametrize(
    "host",
    [
        "localhost:1@evil.example.com",
        "localhost:80/pods",
        "localhost:80, evil",
        "localhost:1:2",
        "localhost:a",
    ],
)
async def test_a_host_that_is_none_leads_nowhere(client: Client, host: str) -> None:
    """The kubeconfig that is made for this server would name it."""
    assert client.port is not None
    lines = ["GET /clusters/prod/kubeconfig HTTP/1.1", f"Host: {host}", "Connection: close"]
    answer = await raw(client.port, *lines)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"accepted is a name or an address" in answer


@pytest.mark.parametrize("host", ["localhost", "localhost.:8000", "127.0.0.1:1", "[::1]", "[::1]:8000"])
async def test_a_host_that_is_one_may_be_written_in_its_ways(client: Client, host: str) -> None:
    assert client.port is not None
    lines = ["GET /clusters/prod/kubeconfig HTTP/1.1", f"Host: {host}", "Connection: close"]
    assert (await raw(client.port, *lines)).startswith(b"HTTP/1.1 200 ")


async def test_what_hides_in_a_chunked_body_stays_in_it(client: Client, upstream: Upstream) -> None:
    """Extensions of chunks and trailers go no further."""
    assert client.port is not None
    body = b"2;x=y\r\n{}\r\n0\r\nImpersonate-User: alice\r\nX-Sum: 1\r\n\r\n"
    answer = await raw(
        client.port, BODY, "Host: localhost", "Connection: close", CHUNKED, "Trailer: X-Sum", body=body
    )
    assert b" 200 " in answer
    ((_, _, headers, received),) = upstream.seen
    assert received == b"{}"
    assert not {"Impersonate-User", "X-Sum", "Trailer"} & headers.keys()


@pytest.mark.parametrize(
    ("query", "body", "dry_run"),
    [
        ("dryRun=All", b"", True),
        ("dryRun=All", b'{"kind":"DeleteOptions","apiVersion":"v1"}', None),
        ("", b'{"dryRun":["All"]}', True),
        ("dryRun=All&dryRun=", b"", None),
    ],
)
async def test_the_audit_log_calls_a_dry_run_what_is_one(
    client: Client, query: str, body: bytes, dry_run: bool | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.api.door.audit")
    await asked(client, "DELETE", f"{NODES}/a?{query}", body=body)
    (line,) = [vars(record) for record in caplog.records if record.name == "app.api.door.audit"]
    assert (line["verb"], line["dry_run"]) == ("delete", dry_run)


@pytest.mark.parametrize(
    ("query", "deletes"),
    [
        ("dryRun=All", False),
        ("dryRun=All&dryRun=", True),
        ("dryRun=All;x=1", True),
        ("x=1;dryRun=All", True),
        ("dryRun=%zz&dryRun=All", True),
        ("dryrun=All", True),
    ],
)
async def test_read_only_believes_no_dry_run_that_a_server_might_not(
    front: Front, upstream: Upstream, query: str, deletes: bool
) -> None:
    client, _ = await front.client(upstream.url, read_only=True)
    status, _ = await asked(client, "DELETE", f"{NODES}/a?{query}")
    assert (status, len(upstream.seen)) == ((403, 0) if deletes else (200, 1))


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_For": "192.0.2.1"},
        {"X-Real-IP": "192.0.2.1"},
        {"X-Original-URL": "/pods"},
        {"CF-Connecting-IP": "192.0.2.1"},
        {"X-Envoy-External-Address": "192.0.2.1"},
    ],
)
async def test_a_proxy_in_between_needs_a_token(client: Client, headers: Mapping[str, str]) -> None:
    async with client.get("/clusters", headers=headers) as answer:
        assert answer.status == 403


async def test_what_is_posted_to_a_name_of_ours_below_a_cluster_is_of_that_cluster(
    client: Client, upstream: Upstream
) -> None:
    """Whatever it answers, it is no page of ours."""
    async with client.post("/clusters/prod/kubeconfig", data=b"") as answer:
        assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert upstream.targets == ["/kubeconfig"]
