"""Credentials of an OpenID Connect provider (the ``oidc`` auth-provider of kubeconfigs)."""

import asyncio
import base64
import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import msgspec
from yarl import URL

from app.kube.answer_limits import ANSWER_BYTES
from app.kube.api_errors import AccessError, ConnectionFailed
from app.kube.auth.credentials import Issued, Renewed, Slots, basic
from app.kube.auth.kubeconfig_schema import OidcConfig, section
from app.kube.auth.proxies import proxy_for
from app.kube.auth.socks import SocksConnector, is_socks
from app.kube.auth.tls import pem, trusting
from app.kube.body_reader import whole
from app.kube.failure_text import within

TIMEOUT_SECONDS = 30.0

Config = Mapping[str, Any]


class _Claims(msgspec.Struct):
    exp: float = float("inf")


class _Discovered(msgspec.Struct):
    token_endpoint: str


class _Tokens(msgspec.Struct):
    id_token: str = ""
    refresh_token: str = ""


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class Oidc(Renewed):
    """An id-token while it is valid, then what its refresh-token is exchanged for.

    What is new stays in this process. kubectl would write it to the kubeconfig; but that
    is the user's, is often mounted read-only, and two writers would lose each other's
    work. What kubectl writes there is taken up in turn, when a new token is needed. The
    price: a provider that takes each refresh-token but once has to be given a login of
    its own for this server.
    """

    def __init__(self, config: Config, reread: Callable[[], Config], slots: Slots) -> None:
        """``reread`` gives the configuration as the kubeconfig has it by then. Raises AccessError."""
        self._reread = reread
        self._config = section("auth-provider", config, OidcConfig)
        self._refresh_token = self._config.refresh_token
        super().__init__(slots, _issued(self._config.id_token))
        self._ssl: ssl.SSLContext | bool = True
        ca = pem(
            "idp-certificate-authority",
            self._config.idp_certificate_authority_data,
            self._config.idp_certificate_authority,
        )
        if ca:
            self._ssl = trusting("idp-certificate-authority", ca)

    async def _fetch(self) -> Issued:
        members = await asyncio.to_thread(self._reread)
        before, config = self._config, section("auth-provider", members, OidcConfig)
        if config.refresh_token and config.refresh_token != before.refresh_token:
            self._refresh_token = config.refresh_token
        self._config = config
        if config.id_token != before.id_token:
            issued = _issued(config.id_token)
            if issued.expires > time.time():
                return issued
        if not self._refresh_token or not before.idp_issuer_url:
            raise AccessError(
                "oidc: a new id-token is needed, and there is no refresh-token with idp-issuer-url to get one"
            )
        tokens = await self._exchange(before)
        if not tokens.id_token:
            raise AccessError(f"oidc: {before.idp_issuer_url} gives no id-token for the refresh-token")
        self._refresh_token = tokens.refresh_token or self._refresh_token
        return _issued(tokens.id_token)

    async def _exchange(self, config: OidcConfig) -> _Tokens:
        """Raises AccessError."""
        issuer = config.idp_issuer_url.rstrip("/")
        limits = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            proxy = proxy_for(URL(issuer), os.environ)
            connector = SocksConnector(proxy) if proxy is not None and is_socks(proxy) else None
            unlimited = aiohttp.ClientTimeout(total=None)
            session = aiohttp.ClientSession(timeout=unlimited, connector=connector)
            async with session, within(limits):
                body = await self._ask(session, "GET", f"{issuer}/.well-known/openid-configuration")
                endpoint = msgspec.json.decode(body, type=_Discovered).token_endpoint
                body = await self._refreshed(session, endpoint, config)
                return msgspec.json.decode(body, type=_Tokens)
        except ConnectionFailed as error:
            raise AccessError(f"oidc: {issuer}: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AccessError(f"oidc: {issuer} answers something else: {error}") from None

    async def _refreshed(self, session: aiohttp.ClientSession, endpoint: str, config: OidcConfig) -> bytes:
        """The two ways in which a client says who it is, as golang.org/x/oauth2 tries them."""
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        client = {"client_id": config.client_id}
        if config.client_secret:
            # RFC 6749, 2.3.1
            header = basic(quote_plus(config.client_id), quote_plus(config.client_secret))
            try:
                return await self._ask(session, "POST", endpoint, data=form, headers=header)
            except AccessError:
                client["client_secret"] = config.client_secret
        return await self._ask(session, "POST", endpoint, data=form | client)

    async def _ask(self, session: aiohttp.ClientSession, method: str, url: str, **request: Any) -> bytes:
        proxy = proxy_for(URL(url), os.environ)
        proxy = None if is_socks(proxy) else proxy
        async with session.request(method, url, ssl=self._ssl, proxy=proxy, **request) as response:
            body = await whole(response, ANSWER_BYTES)
        if response.status != 200:
            raise AccessError(f"oidc: {url} answers {response.status}: {_refusal(body) or response.reason}")
        return body


def _refusal(body: bytes) -> str:
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return (refusal.error_description or refusal.error)[:200]


def _issued(token: str) -> Issued:
    """A JWT and when it expires: long ago where there is none to read."""
    try:
        claims = token.split(".")[1]
        decoded = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        return Issued(token, expires=msgspec.json.decode(decoded, type=_Claims).exp)
    except (IndexError, ValueError, msgspec.DecodeError):
        return Issued()
