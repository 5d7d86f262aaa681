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

from app.kube.api_errors import AccessError
from app.kube.auth.contexts import Context, without_refreshed
from app.kube.auth.credentials import Credentials, Fixed, TokenFile, basic, bearer, impersonation
from app.kube.auth.exec_plugin import ExecPlugin, cluster_info
from app.kube.auth.kubeconfig import reread_user
from app.kube.auth.kubeconfig_schema import ClusterSection, Provider, UserSection, section
from app.kube.auth.oidc_provider import Oidc
from app.kube.auth.proxies import checked_proxy, proxy_for
from app.kube.auth.shared_credentials import Keyring
from app.kube.auth.tls import Tls


class Access:
    """How to reach the API server of a context.

    ``server`` is its URL without a slash at the end, ``identity`` a hash of that and its
    CA. ``ssl`` is None for plain HTTP; it is another object when the certificates have
    changed. ``impersonates`` says that the context acts as somebody, ``credential`` in words
    what the server is shown. What the ``keyring`` has is shared with other clusters.
    """

    def __init__(self, context: Context, keyring: Keyring | None) -> None:
        self._cluster = section("cluster", context.cluster, ClusterSection)
        self._user = section("user", context.user, UserSection)
        self._context = context
        self._keyring = Keyring() if keyring is None else keyring
        self._shares = keyring is not None
        self._url = _server(self._cluster)
        self.server = str(self._url).rstrip("/")
        self.server_hostname = self._cluster.tls_server_name or None
        if self._cluster.proxy_url:
            self.proxy: str | None = checked_proxy(self._cluster.proxy_url, "proxy-url")
        else:
            self.proxy = proxy_for(self._url, os.environ)
        self._tls = Tls(self._cluster, self._user) if self._url.scheme == "https" else None
        self.identity = ""
        self._impersonation = impersonation(self._user)
        self.impersonates = bool(self._impersonation)
        self.credential = "none, as it would go over plain HTTP"
        self._credentials: Credentials = Fixed({})

    async def start(self) -> None:
        """Read the files that it refers to. Raises AccessError."""
        if self._tls:
            await self._tls.start()
        ca = self._tls.ca if self._tls else b""
        self.identity = hashlib.sha256(self.server.encode() + b"\0" + ca).hexdigest()[:32]
        if self._tls or _is_loopback(self._url):
            self.credential, self._credentials = self._of_user(ca)

    @property
    def ssl(self) -> SSLContext | None:
        """The TLS context with the certificates as they are now; None for plain HTTP."""
        return self._tls.context if self._tls else None

    async def headers(self) -> CIMultiDict[str]:
        """What to send with a request; what is about to expire is renewed. Raises AccessError."""
        headers = CIMultiDict(await self._credentials.headers())
        headers.extend(self._impersonation)
        if self._tls:
            await self._tls.use(self._credentials.certificate)
            await self._tls.reread()
        return headers

    async def renew(self) -> bool:
        """The credentials were refused: whether there are others to try. Raises AccessError."""
        renewed = await self._credentials.renew()
        if self._tls:
            await self._tls.use(self._credentials.certificate)
            renewed = await self._tls.reread(at_once=True) or renewed
        return renewed

    async def close(self) -> None:
        """Give the credentials back; what fetches them ends where nobody else uses them."""
        await self._credentials.close()
        if not self._shares:
            await self._keyring.close()

    def _of_user(self, ca: bytes) -> tuple[str, Credentials]:
        """Those of the user, in words and as they are; of several kinds the one that client-go would send."""
        user, lease, slots = self._user, self._keyring.lease, self._keyring.slots
        if user.token_file:
            path = Path(user.token_file)
            made = lease(["tokenFile", str(path), user.token], lambda: TokenFile(path, user.token))
            return f"token of the file {path}", made
        if user.token:
            return "token", Fixed(bearer(user.token))
        if user.username:
            return "user name and password", Fixed(basic(user.username, user.password))
        if (plugin := user.exec) is not None:
            info = cluster_info(plugin, self._cluster, ca)
            made = lease(["exec", plugin, info], lambda: ExecPlugin(plugin, info, slots))
            return f"from the exec plugin {plugin.command}", made
        if user.auth_provider is not None:
            return "login of the auth-provider oidc", self._of_provider(user.auth_provider)
        shown = user.client_certificate or user.client_certificate_data
        return "client certificate" if shown else "none, as the user of the context has none", Fixed({})

    def _of_provider(self, provider: Provider) -> Credentials:
        if provider.name != "oidc":
            raise AccessError(
                f"auth-provider: {provider.name!r} is not accepted; accepted is oidc, "
                "and an exec plugin in place of what kubectl itself no longer has"
            )
        context, entry = self._context, self._context.user_entry
        place = [str(entry.path), entry.name] if entry else []
        return self._keyring.lease(
            ["oidc", *place, without_refreshed(context.user)],
            lambda: Oidc(provider.config, lambda: _oidc_config(reread_user(context)), self._keyring.slots),
        )


async def open_access(context: Context, keyring: Keyring | None = None) -> Access:
    """Read what the context refers to; programs and issuers are not asked before the first request.

    Raises AccessError.
    """
    if context.problem is not None:
        raise AccessError(context.problem)
    access = Access(context, keyring)
    await access.start()
    return access


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


def _oidc_config(user: Mapping[str, Any]) -> Mapping[str, Any]:
    with suppress(AccessError):
        return section("user", user.get("auth-provider", {}), Provider).config
    return {}
