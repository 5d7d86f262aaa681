"""The ApiClient of a cluster, and where it differs from kubernetes_asyncio's as that is."""

import asyncio
import json
import logging
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientResponse, ClientTimeout, web
from kubernetes_asyncio import config, watch
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api
from kubernetes_asyncio.client.exceptions import ApiException

from app.kube import api_client as our_api_client
from app.kube.answer_limits import ERROR_SECONDS
from app.kube.api_errors import AnswerTooLarge, ApiError, ConnectionFailed
from app.version import version
from tests.connecting.certificates import Authority
from tests.connecting.conftest import Connect, Handler, Listen, Serve, only, until

SILENT_SECONDS = 0.5

MakeClient = Callable[[str], Awaitable[ApiClient]]


@pytest.fixture
async def stock() -> AsyncIterator[MakeClient]:
    """``await stock(url)`` is the library's own client."""
    async with AsyncExitStack() as stack:

        async def make(url: str) -> ApiClient:
            client = ApiClient(Configuration(host=url))
            stack.push_async_callback(client.close)
            return client

        yield make


@pytest.fixture
def ours(connect: Connect) -> MakeClient:
    """``await ours(url)`` is a cluster's client."""

    async def make(url: str) -> ApiClient:
        return (await connect(url)).api_client

    return make


async def call(client: ApiClient, path: str = "/", method: str = "GET", **options: Any) -> Any:
    """What the API classes of the library call; the response as text."""
    types = dict.fromkeys((200, 201), "str")
    call_api: Any = client.call_api
    return await call_api(path, method, response_types_map=types, _return_http_data_only=True, **options)


def answer(body: bytes = b'"ok"', **options: Any) -> Handler:
    """Answers every request so."""

    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json", **options)

    return handler


# What it is made of


async def test_it_has_whatever_the_librarys_has(stock: MakeClient, ours: MakeClient) -> None:
    theirs, client = await stock("http://127.0.0.1:1"), await ours("http://127.0.0.1:1")
    assert vars(theirs).keys() <= vars(client).keys()
    assert vars(theirs.rest_client).keys() - vars(client.rest_client).keys() == {"pool_manager"}
    assert isinstance(client.rest_client.pool_manager, type(theirs.rest_client.pool_manager))


async def test_system_certificates_are_not_read_for_each_cluster(
    stock: MakeClient, ours: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, reads = ssl.create_default_context, list[Any]()

    def recorded(**options: Any) -> ssl.SSLContext:
        reads.append(options)
        return create(**options)

    monkeypatch.setattr(ssl, "create_default_context", recorded)
    await stock("http://127.0.0.1:1")
    assert reads == [{"cafile": None}]
    await ours("http://127.0.0.1:1")
    assert len(reads) == 1


async def test_one_session_is_under_everything(serve: Serve, connect: Connect) -> None:
    """Lists, watches, logs, writes, what is forwarded, and what API classes of the library ask for."""
    served = await serve(answer(b"{}\n"))
    connection = await connect(served.url, {"token": "t"})
    session, methods = connection.api_client.rest_client.pool_manager, list[str]()
    send = session.request

    async def recorded(method: str, *arguments: Any, **options: Any) -> ClientResponse:
        methods.append(method)
        return await send(method, *arguments, **options)

    session.request = recorded  # type: ignore[method-assign,assignment]
    await connection.get("/")
    await connection.send("PUT", "/", body=b"{}")
    async with connection.watch("/", {}) as lines:
        assert [line async for line in lines] == [[b"{}"]]
    async with connection.stream("/", {}) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == b"{}\n"
    (await connection.request("PATCH", "/", timeout=ClientTimeout(total=30))).close()
    await call(connection.api_client, method="DELETE")
    assert methods == ["GET", "PUT", "GET", "GET", "PATCH", "DELETE"]
    assert served.authorizations == ["Bearer t"] * 6


# What is sent


@pytest.mark.parametrize("body", ['{"a": 1}', b'{"a": 1}'])
async def test_bodies_that_are_text_are_not_encoded_again(
    serve: Serve, stock: MakeClient, ours: MakeClient, body: str | bytes
) -> None:
    bodies: list[bytes] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        bodies.append(await request.read())
        return web.Response(body=b"{}")

    served = await serve(handler)
    await call(await ours(served.url), method="POST", body=body)
    await call(await ours(served.url), method="POST", body={"a": [1]})
    assert bodies == [b'{"a": 1}', b'{"a":[1]}']
    if isinstance(body, bytes):
        with pytest.raises(TypeError):
            await call(await stock(served.url), method="POST", body=body)
    else:
        await call(await stock(served.url), method="POST", body=body)
        assert bodies[2] == json.dumps(body).encode()


async def test_forms_are_refused(ours: MakeClient) -> None:
    with pytest.raises(ValueError, match="post_params"):
        await call(await ours("http://127.0.0.1:1"), method="POST", post_params=[("a", "b")])


async def test_paths_are_sent_as_they_are_spelt(serve: Serve, stock: MakeClient, ours: MakeClient) -> None:
    paths: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        paths.append(request.raw_path)
        return web.Response(body=b"{}")

    served = await serve(handler)
    for make in (stock, ours):
        await call(await make(served.url), "/apis/a%2fb%7e")
    assert paths == ["/apis/a%2Fb~", "/apis/a%2fb%7e"]
    await call(await ours(served.url), "/x", query_params=[("watch", True), ("labelSelector", "a=b")])
    await call(await ours(served.url), "/x", query_params={"limit": 1})
    assert paths[2:] == ["/x?watch=True&labelSelector=a%3Db", "/x?limit=1"]


async def test_headers_say_no_more_than_is_so(serve: Serve, stock: MakeClient, ours: MakeClient) -> None:
    """An API server that may pack a list does; and a GET has no content that could have a type."""
    served = await serve(answer())
    for make in (stock, ours):
        await call(await make(served.url))
    theirs, own = served.seen
    assert theirs["Content-Type"] == "application/json"
    assert "gzip" in theirs["Accept-Encoding"]
    assert theirs["User-Agent"].startswith("OpenAPI-Generator/")
    assert "Content-Type" not in own
    assert own["Accept-Encoding"] == "identity"
    assert own["User-Agent"] == f"k8s-mcp-server/{version()}"


async def test_cookies_are_not_kept(serve: Serve, stock: MakeClient, ours: MakeClient) -> None:
    served = await serve(answer(headers={"Set-Cookie": "a=b; Domain=localhost"}))
    for make in (stock, ours):
        client = await make(served.url.replace("127.0.0.1", "localhost"))
        await call(client)
        await call(client)
    assert ["Cookie" in headers for headers in served.seen] == [False, True, False, False]


async def test_redirects_are_not_followed(serve: Serve, stock: MakeClient, ours: MakeClient) -> None:
    elsewhere = await serve(answer())
    served = await serve(answer(status=302, headers={"Location": elsewhere.url}))
    assert await call(await stock(served.url)) == "ok"
    assert len(elsewhere.seen) == 1
    with pytest.raises(ApiException) as caught:
        await call(await ours(served.url))
    assert caught.value.status == 302
    assert len(elsewhere.seen) == 1


async def test_the_environment_leads_to_no_other_place_and_adds_no_password(
    serve: Serve, stock: MakeClient, ours: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on this machine is not behind a proxy, as to kubectl; a cluster's proxy is its `Access`'s."""
    served, proxy = await serve(answer()), await serve(answer(b'"proxy"'))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login admin password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert [await call(await make(served.url)) for make in (stock, ours)] == ["ok", "ok"]
    assert [value is not None for value in served.authorizations] == [True, False]
    monkeypatch.setenv("http_proxy", proxy.url)
    assert [await call(await make(served.url)) for make in (stock, ours)] == ["proxy", "ok"]


# Credentials


def contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir()]


def kubeconfig(url: str, user: dict[str, Any]) -> dict[str, Any]:
    return {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }


async def loaded(stock: MakeClient, document: dict[str, Any]) -> ApiClient:
    """The library's client with a kubeconfig as the library reads it."""
    client = await stock(document["clusters"][0]["cluster"]["server"])
    await config.load_kube_config_from_dict(document, client_configuration=client.configuration)
    return client


async def ask(client: ApiClient) -> Any:
    """With the credentials that the client has."""
    return await call(client, auth_settings=["BearerToken"])


async def test_credentials_are_renewed(
    serve: Serve, stock: MakeClient, connect: Connect, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    served = await serve(only("new"))
    user = {"tokenFile": str(file)}
    theirs = await loaded(stock, kubeconfig(served.url, user))
    client = (await connect(served.url, user)).api_client
    for each in (theirs, client):
        with pytest.raises(ApiException, match="401"):
            await ask(each)
    file.write_text("new")
    with pytest.raises(ApiException, match="401"):
        await ask(theirs)
    served.seen.clear()
    assert await ask(client) == "{}"
    assert served.authorizations == ["Bearer old", "Bearer new"]


async def test_a_context_acts_as_whom_it_says(serve: Serve, stock: MakeClient, connect: Connect) -> None:
    served = await serve(answer(b"{}"))
    user = {"token": "t", "as": "jane", "as-groups": ["a", "b"]}
    await ask(await loaded(stock, kubeconfig(served.url, user)))
    await ask((await connect(served.url, user)).api_client)
    theirs, own = served.seen
    assert "Impersonate-User" not in theirs
    assert own.getall("Impersonate-User") == ["jane"]
    assert own.getall("Impersonate-Group") == ["a", "b"]


async def test_keys_and_certificates_are_on_no_disk(
    serve: Serve,
    stock: MakeClient,
    connect: Connect,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    served = await serve(answer(b"{}"), tls=authority.server(clients=True))
    cluster, user = authority.cluster(served.url), authority.issue("jane").user()
    client = (await connect(cluster, user)).api_client
    await ask(client)
    assert served.shown == ["jane"]
    assert not contents(tmp_path)
    assert client.configuration.ssl_ca_cert is client.configuration.key_file is None
    await loaded(stock, kubeconfig(served.url, user))
    assert any(b"PRIVATE KEY" in content for content in contents(tmp_path))


# What is answered


async def test_errors_are_the_librarys_whatever_they_hold(
    serve: Serve, stock: MakeClient, ours: MakeClient
) -> None:
    served = await serve(answer(b"\xff", status=503))
    with pytest.raises(UnicodeDecodeError):
        await call(await stock(served.url))
    with pytest.raises(ApiException) as caught:
        await call(await ours(served.url))
    assert caught.value.status == 503
    assert str(caught.value.body) == "\N{REPLACEMENT CHARACTER}"


async def test_an_answer_may_be_only_so_long(
    serve: Serve, stock: MakeClient, ours: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(our_api_client, "PAGE_BYTES", 1024)
    served = await serve(answer(b'"%b"' % (b"a" * 2000)))
    assert len(await call(await stock(served.url))) == 2000
    with pytest.raises(AnswerTooLarge):
        await call(await ours(served.url))


async def test_no_answer_is_logged_or_kept(
    serve: Serve, stock: MakeClient, ours: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    served = await serve(answer(b'"secret"'))
    client = await ours(served.url)
    assert await call(client) == "secret"
    assert "secret" not in caplog.text
    assert client.last_response is None
    theirs: Any = await stock(served.url)
    await call(theirs)
    assert "secret" in caplog.text
    assert theirs.last_response.data == '"secret"'


async def test_closing_it_closes_it_for_nobody_else(
    serve: Serve, stock: MakeClient, connect: Connect
) -> None:
    served = await serve(answer())
    theirs = await stock(served.url)
    async with theirs:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await call(theirs)
    connection = await connect(served.url)
    async with connection.api_client as client:
        assert await call(client) == "ok"
    assert await call(client) == "ok"
    await connection.close()
    with pytest.raises(ConnectionFailed, match="closed on this side"):
        await call(client)


# Time


def silent(listen: Listen) -> Awaitable[int]:
    """The port of a server that takes requests and answers nothing."""
    return listen(lambda reader, _: reader.read(-1))


async def test_no_request_is_without_a_time_limit(
    listen: Listen, stock: MakeClient, ours: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(our_api_client, "REQUEST_SECONDS", SILENT_SECONDS)
    url = f"http://127.0.0.1:{await silent(listen)}"
    asking = asyncio.create_task(call(await stock(url)))
    await asyncio.wait({asking}, timeout=3 * SILENT_SECONDS)
    assert not asking.done()
    asking.cancel()
    client = await ours(url)
    with pytest.raises(ConnectionFailed, match=r"timed out after 0\.5 s"):
        await call(client)
    for timeout, said in (
        (0.2, "timed out after 0.2 s"),
        ((1, 0.3), "the server said nothing for 0.3 s"),
        (ClientTimeout(total=0.4), "timed out after 0.4 s"),
    ):
        with pytest.raises(ConnectionFailed, match=said):
            await call(client, _request_timeout=timeout)


def cut_off(listen: Listen, *, lost: bool) -> Awaitable[int]:
    """The port of a server that begins an answer which is an error, and then is lost or says nothing."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nbroken")
        await writer.drain()
        if not lost:
            await reader.read()

    return listen(speak)


async def test_an_error_that_is_cut_off_is_no_error_of_aiohttps(
    listen: Listen, stock: MakeClient, ours: MakeClient
) -> None:
    url = f"http://127.0.0.1:{await cut_off(listen, lost=True)}"
    with pytest.raises(ClientPayloadError):
        await call(await stock(url))
    with pytest.raises(ConnectionFailed, match=r"^the connection was lost in the middle of an answer$"):
        await call(await ours(url))


async def test_time_limits_hold_for_the_body_of_an_error(listen: Listen, connect: Connect) -> None:
    connection = await connect(f"http://127.0.0.1:{await cut_off(listen, lost=False)}")
    for timeout in (0.2, (1, 0.2), ClientTimeout(total=0.2)):
        began = time.monotonic()
        with pytest.raises(ApiException) as raised:
            await call(connection.api_client, _request_timeout=timeout)
        error: Any = raised.value
        assert (error.status, error.body) == (500, "broken")
        assert time.monotonic() - began < ERROR_SECONDS / 2
    began = time.monotonic()
    with pytest.raises(ApiError, match="broken"):
        await connection.get("/", timeout=0.2)
    assert time.monotonic() - began < ERROR_SECONDS / 2


async def test_who_cancels_as_the_time_ends_is_heard(
    listen: Listen, stock: MakeClient, ours: MakeClient
) -> None:
    """aiohttp's timers take the cancellation back, one for the request and one for its connection."""
    cancelled = []
    for make in (stock, ours):
        asked = asyncio.Event()

        async def speak(reader: asyncio.StreamReader, _: object, asked: asyncio.Event = asked) -> None:
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await reader.read()

        client = await make(f"http://127.0.0.1:{await listen(speak)}")
        asking = asyncio.create_task(call(client, _request_timeout=SILENT_SECONDS))
        async with asyncio.timeout(10):
            await asked.wait()
        await asyncio.sleep(0.05)
        # Both are due when the loop goes on.
        asyncio.get_running_loop().call_later(SILENT_SECONDS, asking.cancel)
        time.sleep(SILENT_SECONDS + 0.1)  # noqa: ASYNC251
        await asyncio.wait({asking}, timeout=10)
        cancelled.append(asking.cancelled())
    assert cancelled == [False, True]


async def test_streams_do_not_use_up_the_connections(
    serve: Serve, stock: MakeClient, ours: MakeClient
) -> None:
    over = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if request.path != "/":
            await over.wait()
        return response

    served = await serve(handler)
    waits = []
    for make in (stock, ours):
        client = await make(served.url)
        opened = await asyncio.gather(*(call(client, "/w", _preload_content=False) for _ in range(100)))
        asking = asyncio.create_task(call(client))
        await asyncio.wait({asking}, timeout=2)
        waits.append(not asking.done())
        asking.cancel()
        for response in opened:
            response.close()
    over.set()
    assert waits == [True, False]


# The library's Watch


async def test_the_librarys_watch_reads_long_lines(serve: Serve, ours: MakeClient) -> None:
    data = {"a": "x" * 1_000_000}
    event = {"type": "ADDED", "object": {"metadata": {"name": "a", "resourceVersion": "1"}, "data": data}}
    served = await serve(answer(json.dumps(event).encode() + b"\n"))
    core = CoreV1Api(await ours(served.url))
    async with watch.Watch().stream(core.list_namespaced_config_map, "default", timeout_seconds=1) as events:
        found = [event async for event in events]
    assert [each["object"].data for each in found] == [data]


async def test_what_is_open_ends_with_the_connection(listen: Listen, connect: Connect) -> None:
    ended = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await reader.read()
        ended.set()

    connection = await connect(f"http://127.0.0.1:{await listen(speak)}")
    response = await call(connection.api_client, _preload_content=False)
    await connection.close()
    await until(ended.is_set)
    assert response.closed
