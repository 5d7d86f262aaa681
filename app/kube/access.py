"""One context opened: where its API server is, and what lets us in."""

import hashlib
import ipaddress
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from ssl import SSLContext
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from app.kube.contexts import Context
from app.kube.credentials import Credentials, Fixed, TokenFile, basic, bearer, impersonation
from app.kube.errors import AccessError
from app.kube.execplugin import ExecPlugin
from app.kube.kubeconfig import reread_user
from app.kube.oidc import Oidc
from app.kube.proxies import checked_proxy, proxy_for
from app.kube.sections import ClusterSection, Provider, UserSection, section
from app.kube.tls import Tls


class Access:
    """How to reach the API server of a context.

    ``server`` is its URL without a slash at the end, ``identity`` a hash of that and its
    CA. ``ssl`` is None for plain HTTP; it is another object when the certificates have
    changed. ``impersonates`` says that the context acts as somebody.
    """

    def __init__(self, context: Context) -> None:
        cluster = section("cluster", context.cluster, ClusterSection)
        user = section("user", context.user, UserSection)
        url = _server(cluster)
        self.server = str(url).rstrip("/")
        self.server_hostname = cluster.tls_server_name or None
        if cluster.proxy_url:
            self.proxy: str | None = checked_proxy(cluster.proxy_url, "proxy-url")
        else:
            self.proxy = proxy_for(url, os.environ)
        self._tls = Tls(cluster, user) if url.scheme == "https" else None
        ca = self._tls.ca if self._tls else b""
        self.identity = hashlib.sha256(self.server.encode() + b"\0" + ca).hexdigest()[:32]
        self._impersonation = impersonation(user)
        self.impersonates = bool(self._impersonation)
        self._credentials: Credentials = Fixed({})
        if url.scheme == "https" or _is_loopback(url):
            self._credentials = _credentials(context, cluster, user, ca)

    @property
    def ssl(self) -> SSLContext | None:
        return self._tls.context if self._tls else None

    async def headers(self) -> CIMultiDict[str]:
        """What to send with a request; what is about to expire is renewed. Raises AccessError."""
        found = CIMultiDict(await self._credentials.headers())
        found.extend(self._impersonation)
        if self._tls:
            self._tls.use(self._credentials.certificate)
            self._tls.reread()
        return found

    async def renew(self) -> bool:
        """The credentials were refused: whether there are others to try. Raises AccessError."""
        renewed = await self._credentials.renew()
        if self._tls:
            self._tls.use(self._credentials.certificate)
            renewed = self._tls.reread(at_once=True) or renewed
        return renewed

    async def close(self) -> None:
        await self._credentials.close()


async def open_access(context: Context) -> Access:
    """Read what the context refers to; programs and issuers are not asked before the first request.

    Raises AccessError.
    """
    if context.problem is not None:
        raise AccessError(context.problem)
    return Access(context)


def _server(cluster: ClusterSection) -> URL:
    """Raises AccessError. A server without a scheme is what it is to kubectl."""
    text = cluster.server
    if "://" not in text:
        secure = (
            cluster.certificate_authority
            or cluster.certificate_authority_data
            or cluster.insecure_skip_tls_verify
        )
        text = f"{'https' if secure else 'http'}://{text}"
    with suppress(ValueError):
        url = URL(text)
        if url.scheme in ("http", "https") and url.host and url.port:
            return url.with_user(None).with_query(None).with_fragment(None)
    shown = cluster.server.rpartition("@")[2]
    raise AccessError(f"server: {shown!r} is not accepted; accepted is an http or https URL")


def _is_loopback(url: URL) -> bool:
    """Whether plain HTTP stays on this machine. Elsewhere kubectl too keeps its credentials back."""
    with suppress(ValueError):
        return ipaddress.ip_address(url.host or "").is_loopback
    return url.host == "localhost"


def _credentials(context: Context, cluster: ClusterSection, user: UserSection, ca: bytes) -> Credentials:
    """Those of a user; of several kinds the one that client-go would send."""
    if user.token_file:
        return TokenFile(Path(user.token_file), user.token)
    if user.token:
        return Fixed(bearer(user.token))
    if user.username:
        return Fixed(basic(user.username, user.password))
    if user.exec is not None:
        return ExecPlugin(user.exec, cluster, ca)
    if user.auth_provider is not None:
        if user.auth_provider.name != "oidc":
            raise AccessError(
                f"auth-provider: {user.auth_provider.name!r} is not accepted; accepted is oidc, "
                "and an exec plugin in place of what kubectl itself no longer has"
            )
        return Oidc(user.auth_provider.config, lambda: _oidc_config(reread_user(context)))
    return Fixed({})


def _oidc_config(user: Mapping[str, Any]) -> Mapping[str, Any]:
    with suppress(AccessError):
        return section("user", user.get("auth-provider", {}), Provider).config
    return {}
