"""One context opened: where its API server is, and what lets us in."""

import base64
import binascii
import hashlib
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from app.kube.credentials import Credentials, Fixed, TokenFile, basic, bearer, impersonation
from app.kube.errors import AccessError
from app.kube.execplugin import ExecPlugin
from app.kube.kubeconfig import Context
from app.kube.oidc import Oidc


class Access:
    """How to reach the API server of a context.

    ``server`` is its URL without a slash at the end, ``identity`` a hash of that and
    its CA. ``ssl`` is None for plain HTTP; it is another object when the client
    certificate has changed. ``impersonates`` says that the context acts as somebody.
    """

    def __init__(self, context: Context, credentials: Credentials) -> None:
        cluster = context.cluster
        self.server = str(cluster["server"]).rstrip("/")
        if URL(self.server).scheme not in ("http", "https"):
            raise AccessError(f"server: {self.server!r} is not accepted; accepted is an http or https URL")
        self.proxy = _proxy(cluster)
        self._ca = _pem(cluster, "certificate-authority")
        self.identity = hashlib.sha256(self.server.encode() + b"\0" + (self._ca or b"")).hexdigest()[:32]
        self.server_hostname: str | None = cluster.get("tls-server-name") or None
        self._insecure = cluster.get("insecure-skip-tls-verify") is True
        self._impersonation = impersonation(context.user)
        self.impersonates = bool(self._impersonation)
        self._credentials = credentials
        certificate, key = _pem(context.user, "client-certificate"), _pem(context.user, "client-key")
        if (certificate is None) != (key is None):
            raise AccessError("client-certificate and client-key: one is of no use without the other")
        self._own = (certificate, key) if certificate is not None and key is not None else None
        self._ssl_with: tuple[bytes, bytes] | None = None
        self.ssl = self._context()

    async def headers(self) -> CIMultiDict[str]:
        """What to send with a request; what is about to expire is renewed. Raises AccessError."""
        found = CIMultiDict(await self._credentials.headers())
        self._renew_ssl()
        found.extend(self._impersonation)
        return found

    async def renew(self) -> bool:
        """The credentials were refused: whether there are others to try. Raises AccessError."""
        renewed = await self._credentials.renew()
        self._renew_ssl()
        return renewed

    def _renew_ssl(self) -> None:
        if self.ssl is not None and self._certificate() != self._ssl_with:
            self.ssl = self._context()

    def _certificate(self) -> tuple[bytes, bytes] | None:
        return self._credentials.certificate or self._own

    def _context(self) -> ssl.SSLContext | None:
        if URL(self.server).scheme == "http":
            return None
        self._ssl_with = self._certificate()
        try:
            # Reading the system's CAs takes 24 ms, so not where the cluster names its own.
            context = ssl.create_default_context(cadata=self._ca.decode() if self._ca else None)
            if self._insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            # CAs of clusters are often made without the extensions that Python 3.13 insists on.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if self._ssl_with is not None:
                _load_certificate(context, *self._ssl_with)
        except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
            raise AccessError(f"certificates of {self.server} cannot be used: {error}") from None
        return context


async def open_access(context: Context) -> Access:
    """Read what the context refers to and get its credentials. Raises AccessError."""
    if context.problem is not None:
        raise AccessError(context.problem)
    return Access(context, _credentials(context))


def _credentials(context: Context) -> Credentials:
    user = context.user
    provider = user.get("auth-provider")
    if provider:
        if provider.get("name") != "oidc":
            raise AccessError(
                f"auth-provider: {provider.get('name')!r} is not accepted; accepted is oidc, or exec"
            )
        return Oidc(provider.get("config") or {})
    if user.get("exec"):
        return ExecPlugin(user["exec"], context.cluster)
    if user.get("tokenFile"):
        return TokenFile(Path(user["tokenFile"]))
    if user.get("token"):
        return Fixed(bearer(str(user["token"])))
    if user.get("username"):
        return Fixed(basic(str(user["username"]), str(user.get("password") or "")))
    return Fixed({})


def _proxy(cluster: Mapping[str, Any]) -> str | None:
    proxy = cluster.get("proxy-url")
    if proxy and URL(str(proxy)).scheme not in ("http", "https"):
        raise AccessError(f"proxy-url: {proxy!r} is not accepted; accepted is an http or https URL")
    return str(proxy) if proxy else None


def _pem(section: Mapping[str, Any], name: str) -> bytes | None:
    """What ``name-data`` holds, else what the file ``name`` does."""
    data, file = section.get(f"{name}-data"), section.get(name)
    try:
        if data:
            return base64.b64decode(data, validate=False)
        return Path(file).read_bytes() if file else None
    except (binascii.Error, ValueError):
        raise AccessError(f"{name}-data is no base64") from None
    except OSError as error:
        raise AccessError(f"{name}: cannot read {file}: {error.strerror}") from None


def _load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Python's ssl takes certificates from files only: one that nobody else may read, for a moment."""
    with tempfile.NamedTemporaryFile(prefix="k8s-mcp-") as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name, password=_no_password)


def _no_password() -> str:
    raise ValueError("the key is encrypted")
