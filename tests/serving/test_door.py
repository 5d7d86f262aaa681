"""Who may call: with and without a token, from web pages, through proxies."""

import logging
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from app.api.door.callers import CALLER
from app.api.door.door import Door
from app.api.http.problem import problems

Client = TestClient[web.Request, web.Application]
StartDoor = Callable[..., Awaitable[Client]]
TOKEN = "open-sesame.7"
DASHBOARD = "https://dashboard.example.com"


@pytest.fixture
def door(aiohttp_client: Callable[[TestServer], Awaitable[Client]]) -> StartDoor:
    async def start(token: str | None = None, host: str = "127.0.0.1") -> Client:
        app = web.Application(middlewares=[problems])
        Door(token, host, [DASHBOARD]).attach(app)

        async def who(request: web.Request) -> web.Response:
            return web.Response(text=request[CALLER].name if CALLER in request else "nobody")

        for path in ("/", "/pods", "/healthz", "/readyz"):
            app.router.add_route("*", path, who)
        return await aiohttp_client(TestServer(app))

    return start


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:9", "127.0.0.1:8000", "127.3.2.1", "[::1]:8000", "k8s.localhost", "localhost."],
)
async def test_loopback_names_are_ours(door: StartDoor, host: str) -> None:
    client = await door()
    async with client.get("/pods", headers={"Host": host}) as answer:
        assert (answer.status, await answer.text()) == (200, "local")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "evil.example.com:8000",
        "localhost.evil.com",
        "127.0.0.1.nip.io",
        "10.0.0.1",
        "[::2]",
        "",
    ],
)
async def test_a_foreign_host_is_refused(door: StartDoor, host: str) -> None:
    client = await door()
    async with client.get("/pods", headers={"Host": host}) as answer:
        assert answer.status == 403
        assert answer.content_type == "application/problem+json"
        problem = await answer.json(content_type=None)
        assert problem["title"] == "Forbidden"
        assert repr(host) in problem["detail"]


async def test_the_name_that_is_listened_on_is_ours(door: StartDoor) -> None:
    client = await door(host="Box.internal")
    async with client.get("/pods", headers={"Host": "box.internal:8000"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "https://localhost:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
        {"Forwarded": "for=192.0.2.1"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"x-forwarded-proto": "https"},
        {"Via": "1.1 proxy"},
    ],
)
@pytest.mark.parametrize("path", ["/pods", "/healthz", "/nothing"])
async def test_other_pages_and_proxies_are_refused(
    door: StartDoor, headers: dict[str, str], path: str
) -> None:
    client = await door()
    async with client.get(path, headers={"Host": "localhost:8000", **headers}) as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8000"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Origin": DASHBOARD, "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_our_own_page_and_those_allowed_may_call(door: StartDoor, headers: dict[str, str]) -> None:
    client = await door()
    async with client.get("/pods", headers={"Host": "localhost:8000", **headers}) as answer:
        assert answer.status == 200


async def test_another_page_may_lead_to_the_dashboard_but_not_frame_it(door: StartDoor) -> None:
    client = await door()
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    async with client.get("/", headers=link) as answer:
        assert answer.status == 200
    for changed in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "no-cors"}):
        async with client.get("/", headers=link | changed) as answer:
            assert answer.status == 403


async def test_allowed_pages_are_answered_as_browsers_ask(door: StartDoor) -> None:
    client = await door(TOKEN)
    asking = {
        "Origin": DASHBOARD,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    async with client.options("/pods", headers=asking) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == DASHBOARD
        assert "GET" in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
    # A page must be able to read why it was refused.
    async with client.get("/pods", headers={"Origin": DASHBOARD}) as answer:
        assert answer.status == 401
        assert answer.headers["Access-Control-Allow-Origin"] == DASHBOARD
        assert "Origin" in answer.headers["Vary"]


async def test_pages_that_are_not_allowed_get_no_cors(door: StartDoor) -> None:
    client = await door(TOKEN)
    foreign = {"Origin": "https://evil.example.com"}
    async with client.options("/pods", headers=foreign | {"Access-Control-Request-Method": "GET"}) as answer:
        assert answer.status == 401
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with client.get("/pods", headers=foreign | {"Authorization": f"Bearer {TOKEN}"}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Authorization": f"Bearer {TOKEN}"}),
        ("", {"Authorization": f"bearer  {TOKEN}"}),
        (f"?token={TOKEN}", {}),
        ("", {"Sec-WebSocket-Protocol": f"k8s-mcp.v1, k8s-mcp.token.{TOKEN}"}),
    ],
)
async def test_a_token_is_presented_in_three_ways(
    door: StartDoor, query: str, headers: dict[str, str]
) -> None:
    client = await door(TOKEN)
    anywhere = {"Host": "fleet.example.com", "X-Forwarded-For": "192.0.2.1"}
    async with client.get(f"/pods{query}", headers=headers | anywhere) as answer:
        assert (answer.status, await answer.text()) == (200, "bearer")


@pytest.mark.parametrize(
    ("query", "headers", "challenge"),
    [
        ("", {}, 'Bearer realm="k8s-mcp"'),
        ("", {"Authorization": f"Basic {TOKEN}"}, 'Bearer realm="k8s-mcp"'),
        ("", {"Authorization": "Bearer wrong"}, 'Bearer realm="k8s-mcp", error="invalid_token"'),
        ("", {"Authorization": f"Bearer {TOKEN}x"}, 'Bearer realm="k8s-mcp", error="invalid_token"'),
        ("?token=", {}, 'Bearer realm="k8s-mcp", error="invalid_token"'),
        (f"?token={TOKEN}&token=x", {}, 'Bearer realm="k8s-mcp", error="invalid_token"'),
        ("", {"Sec-WebSocket-Protocol": "k8s-mcp.token."}, 'Bearer realm="k8s-mcp", error="invalid_token"'),
    ],
)
async def test_a_missing_or_wrong_token_is_401(
    door: StartDoor, query: str, headers: dict[str, str], challenge: str
) -> None:
    client = await door(TOKEN)
    for path in ("/pods", "/nothing"):
        async with client.get(f"{path}{query}", headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == challenge
            assert TOKEN not in await answer.text()


async def test_probes_need_no_token_and_are_told_no_more_than_life(door: StartDoor) -> None:
    client = await door(TOKEN)
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/readyz?verbose", 401)):
        async with client.get(path) as answer:
            assert answer.status == status


async def test_a_token_is_not_logged(door: StartDoor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = await door(TOKEN)
    for path in (f"/pods?token={TOKEN}", f"/nothing?token={TOKEN}"):
        async with client.get(path):
            pass
    assert TOKEN not in "".join(
        record.getMessage() for record in caplog.records if record.name != "aiohttp.access"
    )


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://localhost:8000", 200),
        (DASHBOARD, 200),
        ("https://evil.example.com", 403),
        ("null", 403),
        ("http://localhost:1", 403),
        ("http://localhost", 403),
    ],
)
async def test_a_write_that_names_another_page_is_refused(
    door: StartDoor, token: str | None, method: str, origin: str | None, status: int
) -> None:
    client = await door(token)
    headers = {"Host": "localhost:8000"} | ({"Origin": origin} if origin else {})
    query = f"?token={token}" if token else ""
    async with client.request(method, f"/pods{query}", headers=headers) as answer:
        assert answer.status == status


async def test_an_upgrade_that_names_another_page_is_refused(door: StartDoor) -> None:
    client = await door(TOKEN)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Authorization": f"Bearer {TOKEN}"}
    for origin, status in (("https://evil.example.com", 403), (DASHBOARD, 200)):
        async with client.get("/pods", headers=upgrade | {"Origin": origin}) as answer:
            assert answer.status == status


async def test_a_proxy_may_serve_tls_in_front_of_our_own_page(door: StartDoor) -> None:
    client = await door(TOKEN)
    ours = {"Host": "fleet.example.com", "Authorization": f"Bearer {TOKEN}"}
    async with client.post("/pods", headers=ours | {"Origin": "https://fleet.example.com"}) as answer:
        assert answer.status == 200


async def test_an_allowed_page_may_ask_for_every_method_that_there_is(door: StartDoor) -> None:
    client = await door(TOKEN)
    asking = {"Origin": DASHBOARD, "Access-Control-Request-Method": "DELETE"}
    async with client.options("/pods", headers=asking) as answer:
        allowed = answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(allowed)


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize(
    ("query", "left"),
    [
        (f"token={TOKEN}", ""),
        (f"a=1&token={TOKEN}&b=%20", "?a=1&b=%20"),
        (f"%74oken={TOKEN}&a", "?a"),
        (f"t%6fke%6e={TOKEN}&token={TOKEN}&c=d&c=e", "?c=d&c=e"),
    ],
)
async def test_nothing_behind_the_door_sees_a_token_of_the_query(
    aiohttp_client: Callable[[TestServer], Awaitable[Client]], token: str | None, query: str, left: str
) -> None:
    async def what(request: web.Request) -> web.Response:
        assert TOKEN not in f"{request.raw_path} {request.url} {dict(request.query)} {request.rel_url}"
        assert TOKEN not in f"{[*request.values()]}"
        return web.Response(text=request.raw_path)

    app = web.Application(middlewares=[problems])
    Door(token, "127.0.0.1", []).attach(app)
    app.router.add_get("/pods", what)
    client = await aiohttp_client(TestServer(app))
    async with client.get(URL(f"/pods?{query}", encoded=True)) as answer:
        assert (answer.status, await answer.text()) == (200, f"/pods{left}")


async def test_no_error_says_a_token(door: StartDoor) -> None:
    client = await door(TOKEN)
    for path in (f"/nothing?token={TOKEN}", f"/clusters/x/..%2f?token={TOKEN}", f"/pods?token={TOKEN}x"):
        async with client.get(URL(path, encoded=True)) as answer:
            assert answer.status >= 400
            assert TOKEN not in await answer.text()
