"""The TLS side of a connection: whom we trust, and the certificate that we show."""

import asyncio
import base64
import binascii
import hashlib
import os
import re
import ssl
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from app.kube.api_errors import AccessError
from app.kube.auth.kubeconfig_schema import ClusterSection, UserSection

# As client-go does for token files; certificates live longer.
REREAD_SECONDS = 60.0
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

LARGE_BUNDLE_BYTES = 32 * 1024
# Where Linux has the open files of a process by their numbers.
OPEN_FILES = "/proc/self/fd"

KeyPair = tuple[bytes, bytes]


class Tls:
    """The SSL context, which is another object once what it is made of has changed.

    Making one that trusts the system's CAs takes 24 ms: where the cluster names its own
    or is not verified, they are not read.
    ``ca`` is what the cluster names, in PEM, empty for the system's.
    """

    context: ssl.SSLContext
    ca: bytes

    def __init__(self, cluster: ClusterSection, user: UserSection) -> None:
        self._cluster = cluster
        self._user = user
        named = (cluster.certificate_authority, user.client_certificate, user.client_key)
        self._files = [name for name in named if name]
        self._issued: KeyPair | None = None
        self._read_at = time.monotonic()
        self._states = self._look()

    async def start(self) -> None:
        """Make the context. Raises AccessError."""
        self.ca, self.context = await self._made(None)

    async def use(self, issued: KeyPair | None) -> None:
        """Show this certificate and key (in PEM) from now on, or the configured ones for None.

        Raises AccessError where they cannot be used.
        """
        if issued != self._issued:
            self.ca, self.context = await self._made(issued)
            self._issued = issued

    async def reread(self, *, at_once: bool = False) -> bool:
        """Take over files that have changed, looking once a minute; whether any had.

        Files that cannot be used are as likely half written as wrong: what was read
        before stays in use, and they are tried again.
        """
        now = time.monotonic()
        if not self._files or (now - self._read_at < REREAD_SECONDS and not at_once):
            return False
        self._read_at = now
        states = self._look()
        if states == self._states:
            return False
        try:
            self.ca, self.context = await self._made(self._issued)
        except AccessError:
            return False
        self._states = states
        return True

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_state(file) for file in self._files]

    async def _made(self, issued: KeyPair | None) -> tuple[bytes, ssl.SSLContext]:
        """The CA and the context, made beside the loop: hundreds at once would hold it for seconds."""
        return await asyncio.get_running_loop().run_in_executor(_MAKER, self._make, issued)

    def _make(self, issued: KeyPair | None) -> tuple[bytes, ssl.SSLContext]:
        cluster, user = self._cluster, self._user
        ca = pem("certificate-authority", cluster.certificate_authority_data, cluster.certificate_authority)
        certificate = pem("client-certificate", user.client_certificate_data, user.client_certificate)
        key = pem("client-key", user.client_key_data, user.client_key)
        if bool(certificate) != bool(key):
            raise AccessError("client-certificate and client-key: one is of no use without the other")
        shown = issued or ((certificate, key) if certificate else None)
        verify = not cluster.insecure_skip_tls_verify
        parts = (ca, *(shown or (b"", b"")), b"verified" if verify else b"")
        key = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
        context = _contexts.get(key)
        if context is None:
            context = trusting("certificate-authority", ca, verify=verify)
            if shown is not None:
                _show(context, *shown)
            _contexts[key] = context
        return ca, context


# One thread, so that it competes with the loop no more than once; it alone uses the contexts below,
# which all clusters with the same CA and certificate share.
_MAKER = ThreadPoolExecutor(1, thread_name_prefix="tls")
_contexts: WeakValueDictionary[bytes, ssl.SSLContext] = WeakValueDictionary()


def trusting(name: str, ca: bytes, *, verify: bool = True) -> ssl.SSLContext:
    """A context that trusts the CAs of a setting of this name, or the system's. Raises AccessError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    # As Go: an intermediate CA may be what is trusted, and CAs need not have
    # all the extensions that Python 3.13 asks for by default.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        certificates = b"\n".join(_CERTIFICATE.findall(ca))
        if not certificates:
            raise AccessError(f"{name} holds no certificate in PEM")
        try:
            _load(context, certificates)
        except (ssl.SSLError, ValueError):
            raise AccessError(f"{name} holds a certificate that cannot be read") from None
        except OSError as error:
            raise AccessError(f"{name}: no place for a temporary file: {error.strerror}") from None
    else:
        context.load_default_certs()
    return context


def _load(context: ssl.SSLContext, certificates: bytes) -> None:
    """Trust them. Of many, Python parses bytes with the whole process waiting, and files without."""
    if len(certificates) < LARGE_BUNDLE_BYTES:
        context.load_verify_locations(cadata=certificates.decode("ascii"))
        return
    with _file_of(certificates) as path:
        context.load_verify_locations(cafile=path)


def _show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Have the context show a certificate, which Python's ssl takes from files only. Raises AccessError."""
    try:
        with _file_of(certificate + b"\n" + key) as path:
            context.load_cert_chain(path, password=_no_password)
    except ssl.SSLError as error:
        why = "they do not match" if error.reason == "KEY_VALUES_MISMATCH" else "they cannot be read"
        raise AccessError(f"client-certificate and client-key: {why}") from None
    except ValueError:
        raise AccessError(
            "client-key: an encrypted key is not accepted; accepted is one without password"
        ) from None
    except OSError as error:
        raise AccessError(f"client-certificate: no place for a temporary file: {error.strerror}") from None


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """The path of a file that holds this for a moment, and that nobody else may read. Raises OSError.

    On Linux it is in memory: a private key is never on a disk.
    """
    file: Any
    if hasattr(os, "memfd_create") and os.path.isdir(OPEN_FILES):
        file = open(os.memfd_create("k8s-mcp"), "wb")  # noqa: SIM115
        path = f"{OPEN_FILES}/{file.fileno()}"
    else:
        file = tempfile.NamedTemporaryFile(prefix="k8s-mcp-")  # noqa: SIM115
        path = file.name
    with file:
        file.write(content)
        file.flush()
        yield path


def _no_password() -> str:
    raise ValueError


def pem(name: str, data: str, file: str) -> bytes:
    """What ``name-data`` holds in base64, else what the file does; empty for neither. Raises AccessError."""
    try:
        if data:
            return base64.b64decode("".join(data.split()), validate=True)
        return Path(file).read_bytes() if file else b""
    except binascii.Error:
        raise AccessError(f"{name}-data is not base64") from None
    except OSError as error:
        raise AccessError(f"{name}: cannot read {file}: {error.strerror}") from None
    except ValueError:
        raise AccessError(f"{name}: {file!r} cannot be the name of a file") from None


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        state = os.stat(file)
    except (OSError, ValueError):
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
