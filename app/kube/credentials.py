"""Who we are to an API server: what is sent with each request, and how it is renewed."""

import asyncio
import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from app.kube.errors import AccessError

# Tokens that kubelets renew are valid for an hour at least; client-go rereads as often.
REREAD_SECONDS = 60.0


class Credentials(Protocol):
    """``certificate`` is a client certificate and its key in PEM, None for none."""

    certificate: tuple[bytes, bytes] | None

    async def headers(self) -> dict[str, str]:
        """What to send; renews what is about to expire. Raises AccessError."""

    async def renew(self) -> bool:
        """They were refused: whether there is something new to try. Raises AccessError."""


class Fixed:
    """What does not change: a token, a password, or nothing."""

    certificate: tuple[bytes, bytes] | None = None

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    async def headers(self) -> dict[str, str]:
        return self._headers

    async def renew(self) -> bool:
        return False


class TokenFile:
    """A token in a file that somebody else renews."""

    certificate: tuple[bytes, bytes] | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token = ""
        self._read_at = float("-inf")

    async def headers(self) -> dict[str, str]:
        if time.monotonic() - self._read_at > REREAD_SECONDS:
            self._read()
        return bearer(self._token)

    async def renew(self) -> bool:
        before = self._token
        self._read()
        return self._token != before

    def _read(self) -> None:
        try:
            self._token = self._path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(f"tokenFile: cannot read {self._path}: {_why(error)}") from None
        if not self._token:
            raise AccessError(f"tokenFile: {self._path} is empty")
        self._read_at = time.monotonic()


class Renewed:
    """What is fetched, and fetched again before it expires or when it is refused.

    Callers that come while it is being fetched share that one.
    """

    certificate: tuple[bytes, bytes] | None = None
    MARGIN_SECONDS = 60.0
    # A server that refuses what has just been fetched will refuse the next one too.
    SETTLE_SECONDS = 5.0

    def __init__(self) -> None:
        self._token = ""
        self._expires = float("-inf")
        self._fetched_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def headers(self) -> dict[str, str]:
        if time.time() > self._expires - self.MARGIN_SECONDS:
            await self._share()
        return bearer(self._token) if self._token else {}

    async def renew(self) -> bool:
        if time.monotonic() - self._fetched_at < self.SETTLE_SECONDS:
            return False
        before = (self._token, self.certificate)
        await self._share()
        return (self._token, self.certificate) != before

    async def _share(self) -> None:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_once())
        await asyncio.shield(self._fetching)

    async def _fetch_once(self) -> None:
        try:
            await self._fetch()
            self._fetched_at = time.monotonic()
        finally:
            self._fetching = None

    async def _fetch(self) -> None:
        """Set token or certificate, and when they expire. Raises AccessError."""
        raise NotImplementedError


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(username: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def impersonation(user: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers of ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra``."""
    if not user.get("as"):
        return []
    found = [("Impersonate-User", str(user["as"]))]
    if user.get("as-uid"):
        found.append(("Impersonate-Uid", str(user["as-uid"])))
    found += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    for key, values in (user.get("as-user-extra") or {}).items():
        found += [(f"Impersonate-Extra-{key}", str(value)) for value in values]
    return found


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
