"""What is decided on is the path that is forwarded, and nothing else is."""

import pytest

from tests.kubeapi.conftest import Client, Front, Upstream, raw

CLUSTER = "/clusters/prod"


def port_of(client: Client) -> int:
    assert client.port is not None
    return client.port


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../nodes",
        "/api/v1/./nodes",
        "/..",
        "/../staging/api",
        "/api//v1/nodes",
        "//evil.example.com/",
        "/api/v1/nodes//",
        "/api/v1/%2e%2e/nodes",
        "/api/v1/%2E./nodes",
        "/api/v1/.%2e/nodes",
        "/api/v1/namespaces/x%2fpods",
        "/api/v1/nodes/a%2Fproxy",
        "/api/v1/nodes/a%5cproxy",
        "/api/v1/nodes/a%252fproxy",
        "/api/v1/nodes/a%00",
        "/api/v1/nodes/a%0d%0aX:%20y",
        "/api/v1/nodes/a%7f",
        "/api/v1/nodes/%",
        "/api/v1/nodes/%zz",
        "/api/v1/nodes/a\\b",
        '/api/v1/nodes/"',
        "/api/v1/nodes/\xe4",
        "/api/v1/nodes#/x",
        "/api/v1/nodes?x=\xe4",
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused(
    client: Client, upstream: Upstream, path: str
) -> None:
    answer = await raw(
        port_of(client), f"GET {CLUSTER}{path} HTTP/1.1", "Host: localhost", "Connection: close"
    )
    assert answer.split()[1] == b"400", answer
    assert not upstream.seen


@pytest.mark.parametrize(
    "target",
    ["/cluster%73/prod/api/v1/nodes", "http://localhost/clusters/prod/api", "/clusters/pro%64/api/v1/nodes"],
)
async def test_a_cluster_is_named_as_it_is(client: Client, upstream: Upstream, target: str) -> None:
    answer = await raw(port_of(client), f"GET {target} HTTP/1.1", "Host: localhost", "Connection: close")
    assert answer.split()[1] in (b"400", b"404")
    assert not upstream.seen


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/api/v1/",
        "/api/v1/namespaces/x/pods/web-1/log?container=a&follow=true",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
        "/api/v1/pods?labelSelector=a%20in%20(b,c)&fieldSelector=x!%3Dy&limit=1&x=%2F+y",
        "/api/v1/namespaces/x/services/https:web:443/status",
        "/openapi/v3?hash=A%3D%3D&timeout=32s",
        "/nothing;a=b/c~d",
    ],
)
async def test_everything_else_arrives_as_it_was_written(
    client: Client, upstream: Upstream, target: str
) -> None:
    answer = await raw(
        port_of(client), f"GET {CLUSTER}{target} HTTP/1.1", "Host: localhost", "Connection: close"
    )
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert upstream.targets == [target]


async def test_a_prefix_of_the_server_cannot_be_left(front: Front, upstream: Upstream) -> None:
    client, _ = await front.client(f"{upstream.url}/k8s/clusters/c-1")
    async with client.get(f"{CLUSTER}/api/v1/nodes") as answer:
        assert answer.status == 200
    assert upstream.targets == ["/k8s/clusters/c-1/api/v1/nodes"]


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        ("?token=sesame", ""),
        ("?token=sesame&limit=5", "?limit=5"),
        ("?limit=5&tok%65n=sesame&watch=1", "?limit=5&watch=1"),
        ("?limit=5&token", "?limit=5"),
        ("?token=sesame&token=sesame", ""),
    ],
)
async def test_our_token_stays_here(front: Front, upstream: Upstream, query: str, passed: str) -> None:
    client, _ = await front.client(upstream.url, token="sesame")
    lines = [f"GET {CLUSTER}/api/v1/nodes{query} HTTP/1.1", "Host: localhost", "Connection: close"]
    if "sesame" not in query or query.endswith("token"):
        lines.append("Authorization: Bearer sesame")
    answer = await raw(port_of(client), *lines)
    assert answer.split()[1] == (b"401" if query.endswith("&token") else b"200"), answer
    assert upstream.targets == ([] if query.endswith("&token") else [f"/api/v1/nodes{passed}"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/x/pods/web-1/proxy",
        "/api/v1/namespaces/x/pods/web-1/proxy/",
        "/api/v1/namespaces/x/pods/web-1:8080/proxy/admin",
        "/api/v1/namespaces/x/services/https:web:443/proxy/a/b",
        "/api/v1/nodes/node-1/proxy/metrics",
        "/api/v1/nodes/node-1/prox%79/metrics",
        "/api/v1/%6eodes/node-1/proxy",
        "/api/v1/proxy/nodes/node-1",
        "/api/v1/watch/nodes/node-1/proxy",
        "/apis/example.com/v1/namespaces/x/machines/a/proxy",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_pages_of_pods_are_not_served(
    client: Client, upstream: Upstream, method: str, path: str
) -> None:
    answer = await raw(
        port_of(client),
        f"{method} {CLUSTER}{path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        *(["Content-Length: 0"] if method == "POST" else []),
    )
    assert answer.startswith(b"HTTP/1.1 403 "), answer
    assert method == "HEAD" or b'"reason":"Forbidden"' in answer
    assert not upstream.seen


@pytest.mark.parametrize(
    "path",
    ["/api/v1/namespaces/proxy/pods/web", "/api/v1/namespaces/x/pods/proxy", "/api/v1/namespaces/proxy"],
)
async def test_what_is_only_called_proxy_is_served(client: Client, upstream: Upstream, path: str) -> None:
    async with client.get(f"{CLUSTER}{path}") as answer:
        assert answer.status == 200


async def test_pages_of_pods_are_served_where_that_is_allowed(front: Front, upstream: Upstream) -> None:
    client, _ = await front.client(upstream.url, allow_proxy=True)
    async with client.get(f"{CLUSTER}/api/v1/nodes/node-1/proxy/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Security-Policy"] == "sandbox"


async def test_errors_of_ours_are_those_of_kubernetes(front: Front, upstream: Upstream) -> None:
    client, _ = await front.client(upstream.url, token="sesame")
    signed = {"Authorization": "Bearer sesame"}
    for path, headers, status, reason in (
        (f"{CLUSTER}/api/v1/pods", {}, 401, "Unauthorized"),
        (f"{CLUSTER}/api/v1/nodes/a/proxy", signed, 403, "Forbidden"),
        ("/clusters/nowhere/api/v1/pods", signed, 404, "NotFound"),
        (f"{CLUSTER}/api//v1", signed, 400, "BadRequest"),
    ):
        async with client.get(path, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (status, "application/json")
            found = await answer.json()
        assert found == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": found["message"],
            "reason": reason,
            "code": status,
        }
        assert answer.headers["Content-Security-Policy"] == "sandbox"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with client.request("TRACE", f"{CLUSTER}/api/v1/pods", headers=signed) as answer:
        assert answer.status == 405
    assert not upstream.seen
