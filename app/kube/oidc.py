"""Credentials of an OpenID Connect provider (the ``oidc`` auth-provider of kubeconfigs)."""

import base64
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from app.kube.credentials import Renewed
from app.kube.errors import AccessError

TIMEOUT_SECONDS = 30.0


class _Claims(msgspec.Struct):
    exp: float = float("inf")


class _Provider(msgspec.Struct):
    token_endpoint: str


class _Tokens(msgspec.Struct):
    id_token: str
    refresh_token: str = ""


class Oidc(Renewed):
    """An id-token while it is valid, then what its refresh-token is exchanged for.

    What is new is kept in this process and not written to the kubeconfig, which is
    often mounted read-only and belongs to kubectl.
    """

    MARGIN_SECONDS = 10.0

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self._issuer = str(config.get("idp-issuer-url") or "").rstrip("/")
        self._client = str(config.get("client-id") or "")
        self._secret = str(config.get("client-secret") or "")
        self._refresh = str(config.get("refresh-token") or "")
        self._ssl: ssl.SSLContext | bool = True
        data = config.get("idp-certificate-authority-data")
        file = config.get("idp-certificate-authority")
        if data or file:
            text = base64.b64decode(data).decode() if data else None
            self._ssl = ssl.create_default_context(cafile=file or None, cadata=text)
        self._token = str(config.get("id-token") or "")
        self._expires = _expiry(self._token)

    async def _fetch(self) -> None:
        if not (self._refresh and self._issuer):
            raise AccessError(
                "oidc: the id-token has expired and there is no refresh-token with idp-issuer-url"
            )
        fields = {"grant_type": "refresh_token", "refresh_token": self._refresh, "client_id": self._client}
        auth = aiohttp.BasicAuth(self._client, self._secret) if self._secret else None
        try:
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), trust_env=True
            ) as session:
                known = f"{self._issuer}/.well-known/openid-configuration"
                async with session.get(known, ssl=self._ssl, raise_for_status=True) as answer:
                    provider = msgspec.json.decode(await answer.read(), type=_Provider)
                async with session.post(
                    provider.token_endpoint, data=fields, auth=auth, ssl=self._ssl, raise_for_status=True
                ) as answer:
                    tokens = msgspec.json.decode(await answer.read(), type=_Tokens)
        except aiohttp.ClientResponseError as error:
            raise AccessError(f"oidc: {self._issuer} answers {error.status} {error.message}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AccessError(f"oidc: {self._issuer} cannot be asked: {str(error) or 'timed out'}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AccessError(f"oidc: {self._issuer} answers something else: {error}") from None
        self._token = tokens.id_token
        self._refresh = tokens.refresh_token or self._refresh
        self._expires = _expiry(self._token)


def _expiry(token: str) -> float:
    """When a JWT expires, in seconds since the epoch: past where there is none to read."""
    parts = token.split(".")
    if len(parts) != 3:
        return float("-inf")
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(claims, type=_Claims).exp
    except (ValueError, msgspec.DecodeError):
        return float("-inf")
