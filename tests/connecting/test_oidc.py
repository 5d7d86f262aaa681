"""Logins of an OpenID Connect provider: what has expired is refreshed."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from aiohttp import web

from app.kube.api_errors import AccessError
from app.kube.auth import credentials
from app.kube.auth.cluster_access import open_access
from app.kube.auth.kubeconfig import find_contexts
from tests.connecting.certificates import Authority, b64
from tests.connecting.conftest import Connect, Serve, Served, access_to, only

LOCAL = "http://127.0.0.1:1"


def jwt(seconds: float, mark: str = "") -> str:
    """An id-token that expires so many seconds from now."""
    claims = {"exp": int(time.time() + seconds), "mark": mark}
    parts = ({"alg": "none"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2ln"])


def login(issuer: str = "", **config: str) -> dict[str, Any]:
    found = {"client-id": "kube", "idp-issuer-url": issuer, **config}
    return {"auth-provider": {"name": "oidc", "config": found}}


class Issuer:
    """A provider that gives ``tokens``, in their order, to who asks for them in the way it accepts."""

    def __init__(self, *tokens: dict[str, str], accepts: str = "header") -> None:
        self.tokens = list(tokens)
        self.accepts = accepts
        self.forms: list[dict[str, str]] = []
        self.served: Served

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/realm/.well-known/openid-configuration":
            return web.json_response({"token_endpoint": f"{self.served.url}/token"})
        assert (request.method, request.path) == ("POST", "/token")
        form = {key: value for key, (value,) in parse_qs(await request.text()).items()}
        self.forms.append(form)
        way = "header" if "Authorization" in request.headers else "form"
        if way != self.accepts:
            return web.json_response({"error": "invalid_client"}, status=401)
        if not self.tokens:
            return web.json_response(
                {"error": "invalid_grant", "error_description": "Log in again"}, status=400
            )
        return web.json_response(self.tokens.pop(0))

    @property
    def url(self) -> str:
        return f"{self.served.url}/realm"


async def test_token_that_holds_is_sent_without_asking(serve: Serve, connect: Connect) -> None:
    token = jwt(600)
    served = await serve()
    connection = await connect(served.url, login("https://127.0.0.1:1", **{"id-token": token}))
    await connection.get("/")
    assert served.authorizations == [f"Bearer {token}"]


@pytest.mark.parametrize("accepts", ["header", "form"])
async def test_expired_token_is_refreshed_with_each_new_refresh_token(
    serve: Serve, authority: Authority, accepts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "PAUSE_SECONDS", 0.0)
    fresh = jwt(600)
    issuer = Issuer({"id_token": jwt(-5), "refresh_token": "second"}, {"id_token": fresh}, accepts=accepts)
    issuer.served = await serve(issuer, tls=authority.server())
    user = login(
        issuer.url + "/",
        **{
            "id-token": jwt(-60),
            "refresh-token": "first",
            "client-secret": "s:cret",
            "idp-certificate-authority-data": b64(authority.pem),
        },
    )
    access = await access_to(LOCAL, user)
    await access.headers()
    assert (await access.headers())["Authorization"] == f"Bearer {fresh}"
    assert (await access.headers())["Authorization"] == f"Bearer {fresh}"
    sent = [form for form in issuer.forms if accepts == "header" or "client_secret" in form]
    assert [form["refresh_token"] for form in sent] == ["first", "second"]
    assert {form["grant_type"] for form in sent} == {"refresh_token"}
    headers = [value for value in issuer.served.authorizations if value]
    assert set(headers) == {f"Basic {b64(b'kube:s%3Acret')}"}
    if accepts == "form":
        assert {(form["client_id"], form["client_secret"]) for form in sent} == {("kube", "s:cret")}


async def test_public_client_says_its_name_in_the_form(serve: Serve) -> None:
    issuer = Issuer({"id_token": jwt(600)}, accepts="form")
    issuer.served = await serve(issuer)
    access = await access_to(LOCAL, login(issuer.url, **{"refresh-token": "r"}))
    await access.headers()
    assert issuer.forms == [{"grant_type": "refresh_token", "refresh_token": "r", "client_id": "kube"}]


async def test_refused_token_is_refreshed(serve: Serve, connect: Connect) -> None:
    old, new = jwt(600, "old"), jwt(600, "new")
    issuer = Issuer({"id_token": new}, accepts="form")
    issuer.served = await serve(issuer)
    served = await serve(only(new))
    connection = await connect(served.url, login(issuer.url, **{"id-token": old, "refresh-token": "r"}))
    await connection.get("/")
    assert served.authorizations == [f"Bearer {old}", f"Bearer {new}"]


async def test_what_kubectl_wrote_is_taken_up(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kubectl, which shares the login, refreshes it and writes what it got to the kubeconfig."""
    monkeypatch.setattr(credentials, "PAUSE_SECONDS", 0.0)
    fresh = jwt(600, "ours")
    issuer = Issuer({"id_token": fresh}, accepts="form")
    issuer.served = await serve(issuer)

    def write(**tokens: str) -> Path:
        document = {
            "clusters": [{"name": "c", "cluster": {"server": LOCAL}}],
            "users": [{"name": "u", "user": login(issuer.url, **tokens)}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        }
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump(document))
        return path

    (context,) = find_contexts([write(**{"id-token": jwt(-60), "refresh-token": "used"})])
    access = await open_access(context)
    theirs = jwt(600, "kubectl's")
    write(**{"id-token": theirs, "refresh-token": "next"})
    assert (await access.headers())["Authorization"] == f"Bearer {theirs}"
    assert issuer.forms == []
    before = (tmp_path / "config").read_text()
    assert await access.renew()
    assert (await access.headers())["Authorization"] == f"Bearer {fresh}"
    assert [form["refresh_token"] for form in issuer.forms] == ["next"]
    assert (tmp_path / "config").read_text() == before


async def refused(user: dict[str, Any]) -> str:
    with pytest.raises(AccessError) as caught:
        await (await access_to(LOCAL, user)).headers()
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_provider_that_refuses_is_quoted(serve: Serve, authority: Authority) -> None:
    issuer = Issuer(accepts="form")
    issuer.served = await serve(issuer)
    expired = {"refresh-token": "r"}
    assert await refused(login(issuer.url, **expired)) == (
        f"oidc: {issuer.served.url}/token answers 400: Log in again"
    )
    issuer.accepts = "header"
    assert "answers 401: invalid_client" in await refused(login(issuer.url, **expired))
    assert await refused(login(LOCAL, **expired)) == (
        f"oidc: {LOCAL}: cannot connect to 127.0.0.1:1: connection refused"
    )
    issuer.served = await serve(issuer, tls=authority.server())
    assert "certificate verify failed: " in await refused(login(issuer.url, **expired))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: web.json_response({"access_token": "a"}), "gives no id-token"),
        (lambda: web.Response(text="<html>"), "answers something else"),
        (lambda: web.Response(status=502, text="<html>"), "answers 502: Bad Gateway"),
        (lambda: web.Response(body=b" " * 2**24), "the answer is longer than 8,192 KiB"),
    ],
)
async def test_provider_that_answers_something_else(
    serve: Serve, answer: Callable[[], web.Response], said: str
) -> None:
    served: Served

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"token_endpoint": f"{served.url}/token"})
        return answer()

    served = await serve(handler)
    assert said in await refused(login(served.url, **{"refresh-token": "r"}))


async def test_login_that_cannot_be_refreshed_says_so(tmp_path: Path) -> None:
    for config in ({}, {"id-token": jwt(-60)}, {"id-token": "no.jwt"}, {"id-token": "a.b.c"}):
        assert "no refresh-token with idp-issuer-url" in await refused(login(**config))
    missing = str(tmp_path / "ca")
    assert f"cannot read {missing}: No such file" in await refused(
        login(**{"idp-certificate-authority": missing})
    )
    (tmp_path / "ca").write_text("x")
    assert "idp-certificate-authority holds no certificate" in await refused(
        login(**{"idp-certificate-authority": missing})
    )
    assert "idp-certificate-authority-data is not base64" in await refused(
        login(**{"idp-certificate-authority-data": "%"})
    )
    assert "'gcp' is not accepted; accepted is oidc" in await refused({"auth-provider": {"name": "gcp"}})
