"""Who the caller is to us is nobody's business, and what a cluster says of our origin is nothing."""

import pytest
from aiohttp import web

from app.api.door.door import SUBPROTOCOL
from tests.kubeapi.conftest import Client, Front, Upstream, raw

NODES = "/clusters/prod/api/v1/nodes"
OURS = "Bearer token-of-ours"


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer sesame",
        "authorization: Basic YTpi",
        "Proxy-Authorization: Basic YTpi",
        "Cookie: session=1",
        "X-Remote-User: system:admin",
        "x-remote-group: system:masters",
        "X-Remote-Extra-Scopes: all",
        "X_Remote_User: system:admin",
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "X-Rewrite-URL: /api/v1/secrets",
        "X-Host: elsewhere",
        "X-Auth-Request-User: system:admin",
        "Remote-User: system:admin",
        "X-Anything-That-Somebody-Believes: 1",
        "Content_Type: application/yaml",
        "Content_Length: 5",
        "HTTP2-Settings: AAMAAABk",
        "Referer: http://localhost/?token=sesame",
        "TE: trailers",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Trailer: X-Sum",
        "Expect: 100-continue",
        "Upgrade: h2c",
        "Sec-Fetch-Mode: cors",
    ],
)
async def test_what_says_who_calls_is_dropped(client: Client, upstream: Upstream, header: str) -> None:
    assert client.port is not None
    name = header.partition(":")[0]
    answer = await raw(
        client.port, f"GET {NODES} HTTP/1.1", "Host: localhost", "Connection: close, Upgrade", header
    )
    assert b" 200 OK" in answer, answer
    if name.lower() == "authorization":
        assert upstream.headers.getall("Authorization") == [OURS]
    elif name.lower() != "sec-fetch-mode":
        assert name not in upstream.headers


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "X-Forwarded-For",
        "x-forwarded-user",
        "X_Forwarded_For",
        "Via",
        "X-Real-IP",
        "X-Original-URL",
        "X-Original-Method",
        "X-Envoy-Original-Path",
    ],
)
async def test_what_proxies_say_is_dropped(front: Front, upstream: Upstream, header: str) -> None:
    client, _ = await front.client(upstream.url, token="sesame")
    signed = {"Authorization": "Bearer sesame"}
    async with client.get(NODES, headers={**signed, header: "for=10.0.0.1"}) as answer:
        assert answer.status == 200
    assert header not in upstream.headers
    assert upstream.headers.getall("Authorization") == [OURS]


async def test_what_connection_names_is_of_this_connection(client: Client, upstream: Upstream) -> None:
    assert client.port is not None
    await raw(
        client.port,
        f"GET {NODES} HTTP/1.1",
        "Host: localhost",
        "Connection: close, X-Secret, Authorization",
        "X-Secret: 1",
        "X-Request-Id: 2",
        "Authorization: Bearer x",
    )
    assert "X-Secret" not in upstream.headers
    assert upstream.headers["X-Request-Id"] == "2"
    assert upstream.headers.getall("Authorization") == [OURS]


async def test_the_rest_arrives(client: Client, upstream: Upstream) -> None:
    passed = {
        "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": "kubectl/v1.37.2",
        "Content-Type": "application/apply-patch+yaml",
        "Kubectl-Command": "kubectl apply",
        "If-None-Match": '"x"',
    }
    async with client.patch(f"{NODES}/a?fieldManager=me&force=true", headers=passed, data=b"{}") as answer:
        assert answer.status == 200
    assert {name: upstream.headers.get(name) for name in passed} == passed
    assert upstream.headers.get("Host") == f"127.0.0.1:{upstream.port}"
    ((method, target, _, body),) = upstream.seen
    assert (method, target, body) == ("PATCH", "/api/v1/nodes/a?fieldManager=me&force=true", b"{}")


async def test_bytes_that_no_header_should_hold_are_refused(client: Client, upstream: Upstream) -> None:
    assert client.port is not None
    answer = await raw(
        client.port, f"GET {NODES} HTTP/1.1", "Host: localhost", "Connection: close", "X-A: \xe4\xff"
    )
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert not upstream.seen


# Acting as somebody else


IMPERSONATION = [
    {"Impersonate-User": "alice"},
    {"impersonate-group": "testers"},
    {"Impersonate-Extra-Scopes": "x"},
    {"Impersonate-Uid": "1"},
]


@pytest.mark.parametrize("headers", IMPERSONATION)
async def test_impersonation_is_forwarded_and_never_answered_here(
    front: Front, upstream: Upstream, headers: dict[str, str]
) -> None:
    client, held = await front.client(upstream.url)
    held.fill("nodes", [], 9)
    async with client.get(NODES) as answer:
        assert answer.headers["X-Cache"] == "hit"
    async with client.get(NODES, headers=headers) as answer:
        assert answer.headers["X-Cache"] == "miss"
    assert all(upstream.headers.get(name) == value for name, value in headers.items())


@pytest.mark.parametrize("headers", IMPERSONATION)
async def test_a_context_that_acts_as_somebody_cannot_be_turned_into_another(
    front: Front, upstream: Upstream, headers: dict[str, str]
) -> None:
    client, _ = await front.client(upstream.url, user={"token": "t", "as": "viewer", "as-groups": ["v"]})
    async with client.get(NODES, headers=headers) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (403, "Forbidden")
    asking = {**headers, "Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    async with client.post("/clusters/prod/api/v1/namespaces/x/pods/a/exec", headers=asking) as answer:
        assert answer.status == 403
    assert not upstream.seen
    async with client.get(NODES) as answer:
        assert answer.status == 200
    assert upstream.headers["Impersonate-User"] == "viewer"


# What comes back


async def test_a_cluster_cannot_speak_for_our_origin(client: Client, upstream: Upstream) -> None:
    said = {
        "Set-Cookie": "token=x; Path=/",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Credentials": "true",
        "Content-Security-Policy": "default-src *",
        "Clear-Site-Data": "*",
        "Service-Worker-Allowed": "/",
        "Refresh": "0;url=http://evil.example.com",
        "Strict-Transport-Security": "max-age=1",
        "WWW-Authenticate": "Basic",
        "X-Cursor": "x",
        "Server": "evil",
        "Alt-Svc": 'h2="evil.example.com:443"',
        "Link": "</web/app.js>; rel=preload",
        "X-Accel-Redirect": "/internal",
        "X-Frame-Options": "ALLOWALL",
        "Speculation-Rules": '"/x.json"',
        "X-Secret": "1",
        "Allow": "GET",
        "Connection": "X-Secret, Allow",
        "Keep-Alive": "timeout=1",
    }
    kept = {"Warning": '299 - "deprecated"', "Audit-Id": "1", "X-Kubernetes-Pf-Flowschema-Uid": "2"}

    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<script>1</script>", content_type="text/html", headers={**said, **kept})

    upstream.handler = page
    async with client.get(NODES) as answer:
        found = answer.headers
        assert await answer.text() == "<script>1</script>"
    assert found["Content-Security-Policy"] == "sandbox"
    assert found["X-Content-Type-Options"] == "nosniff"
    assert found["Server"] == "k8s-mcp"
    assert not (said.keys() - {"Content-Security-Policy", "Server"}) & found.keys()
    assert {name: found[name] for name in kept} == kept
    assert found["X-Cache"] == "miss"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_passed_back(client: Client, upstream: Upstream, status: int) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": f"{upstream.url}/elsewhere"})

    upstream.handler = elsewhere
    async with client.post(NODES, data=b"{}", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (status, f"{upstream.url}/elsewhere")
    assert upstream.targets == ["/api/v1/nodes"]


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        ("/api/v1/pods?limit=1", "/clusters/prod/api/v1/pods?limit=1"),
        ("nodes/", "/clusters/prod/api/v1/nodes/"),
        ("../../version", "/clusters/prod/version"),
        ("/../../clusters/other/api", "/clusters/prod/clusters/other/api"),
        ("?limit=1", "/clusters/prod/api/v1/nodes?limit=1"),
        ("https://elsewhere.example.com/x", "https://elsewhere.example.com/x"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("http://{here}/clusters/other/api/v1/namespaces", None),
        ("HTTP://LOCALHOST:{port}/pods", None),
        ("//{here}/pods", None),
        ("/\\{here}/pods", None),
        ("http:/clusters/other/api", None),
        ("http:\\\\{here}\\pods", None),
        ("http://x@{here}/pods", None),
        ("/%2e%2e/other/api", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
async def test_a_cluster_redirects_nobody_into_another(
    client: Client, upstream: Upstream, said: str, passed: str | None
) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        here = said.format(here=f"127.0.0.1:{client.port}", port=client.port)
        return web.Response(status=307, headers={"Location": here})

    upstream.handler = elsewhere
    async with client.delete(NODES, allow_redirects=False) as answer:
        assert answer.headers.get("Location") == passed
        assert answer.status == (307 if passed else 502)


# Web pages


@pytest.mark.parametrize("token", [None, "sesame"])
async def test_another_page_cannot_write_nor_open_a_shell(
    front: Front, upstream: Upstream, token: str | None
) -> None:
    client, _ = await front.client(upstream.url, token=token)
    headers = {"Authorization": "Bearer sesame"} if token else {}
    for origin, status in (
        ("https://evil.example.com", 403),
        ("null", 403),
        ("https://dash.example.com", 200),
    ):
        async with client.post(NODES, data=b"{}", headers={**headers, "Origin": origin}) as answer:
            assert answer.status == status
        upgrading = {**headers, "Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket"}
        async with client.get("/clusters/prod/api/v1/namespaces/x/pods/a/exec", headers=upgrading) as answer:
            assert answer.status == status
    assert len(upstream.seen) == 2
    assert [headers.get("Origin") for _, _, headers, _ in upstream.seen] == [None, upstream.url]


async def test_tokens_among_subprotocols_stay_here(front: Front, upstream: Upstream) -> None:
    client, _ = await front.client(upstream.url, token="sesame")
    offered = f"v5.channel.k8s.io, {SUBPROTOCOL}sesame, base64url.bearer.authorization.k8s.io.c2VzYW1l"
    asking = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": offered}
    async with client.get("/clusters/prod/api/v1/namespaces/x/pods/a/exec", headers=asking) as answer:
        assert answer.status == 200
    assert upstream.headers["Sec-WebSocket-Protocol"] == "v5.channel.k8s.io"
    assert "sesame" not in str(upstream.seen)
