"""Who we are to an API server: what is sent with each request, and how it is renewed."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import msgspec

from app.kube.api_errors import AccessError
from app.kube.auth.kubeconfig_schema import UserSection
from app.kube.auth.tls import KeyPair

# Tokens that kubelets renew are valid for an hour at least; client-go rereads as often.
REREAD_SECONDS = 60.0
# What is about to expire is renewed this long before, or in the last fifth of a short life.
MARGIN_SECONDS = 60.0
MARGIN_SHARE = 0.2
# A program or an issuer is not run or called again sooner than this, whether it answered or failed.
PAUSE_SECONDS = 5.0
# Programs and issuers that are asked at once. One that answers late mostly waits, and costs little.
FETCHES_AT_ONCE = 8
SLOT_SECONDS = 5.0


class Credentials(Protocol):
    """``certificate`` is a client certificate and its key in PEM, None for none."""

    @property
    def certificate(self) -> KeyPair | None:
        """The client certificate to show, and its key."""

    async def headers(self) -> Mapping[str, str]:
        """What to send; renews what is about to expire. Raises AccessError."""

    async def renew(self) -> bool:
        """They were refused: whether there is something new to try. Raises AccessError."""

    async def close(self) -> None:
        """End what is still going on."""


class Fixed:
    """What does not change: a token, a password, or nothing."""

    certificate: KeyPair | None = None

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    async def headers(self) -> Mapping[str, str]:
        """Always the same."""
        return self._headers

    async def renew(self) -> bool:
        """False: there is nothing else to try."""
        return False

    async def close(self) -> None:
        """Do nothing."""


class TokenFile:
    """A token in a file that somebody else renews.

    While the file cannot be read, what was last read from it stays in use, and before
    that ``token``, as in client-go.
    """

    certificate: KeyPair | None = None

    def __init__(self, path: Path, token: str = "") -> None:
        self._path = path
        self._token = token
        self._read_at = float("-inf")

    async def headers(self) -> Mapping[str, str]:
        """The header of the token, read again once a minute. Raises AccessError."""
        if time.monotonic() - self._read_at > REREAD_SECONDS:
            self._read()
        return bearer(self._token)

    async def renew(self) -> bool:
        """Read the file again; whether it holds another token. Raises AccessError."""
        before = self._token
        self._read()
        return self._token != before

    async def close(self) -> None:
        """Do nothing."""

    def _read(self) -> None:
        try:
            token = self._path.read_text().strip()
            problem = "" if token else f"tokenFile: {self._path} is empty"
        except (OSError, ValueError) as error:
            token, problem = "", f"tokenFile: cannot read {self._path}: {_why(error)}"
        self._token = token or self._token
        if not self._token:
            raise AccessError(problem)
        self._read_at = time.monotonic()


class Issued(msgspec.Struct, frozen=True):
    """``expires`` is in seconds since the epoch."""

    token: str = ""
    certificate: KeyPair | None = None
    expires: float = float("-inf")


class Slots:
    """How many credentials are fetched at once; who takes long makes room for the next."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(FETCHES_AT_ONCE)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it for a while at most."""
        await self._free.acquire()
        held = [self._free]

        def release() -> None:
            while held:
                held.pop().release()

        timer = asyncio.get_running_loop().call_later(SLOT_SECONDS, release)
        try:
            yield
        finally:
            timer.cancel()
            release()


class Renewed:
    """What is fetched, and fetched again before it expires or when it is refused.

    Callers that come while it is being fetched share that one, and do not wait for it
    while what there is still holds.
    """

    def __init__(self, slots: Slots, issued: Issued | None = None) -> None:
        self._slots = slots
        self._take(issued or Issued())
        self._asked_at = float("-inf")
        self._failure: AccessError | None = None
        self._fetching: asyncio.Task[None] | None = None

    @property
    def certificate(self) -> KeyPair | None:
        """The certificate that was fetched last, and its key; None for none."""
        return self._issued.certificate

    async def headers(self) -> Mapping[str, str]:
        """The header of the token; waits for a new one where that has expired. Raises AccessError."""
        now = time.time()
        if now >= self._renew_at:
            fetching = self._begin()
            if now >= self._issued.expires:
                await self._wait(fetching)
        return bearer(self._issued.token) if self._issued.token else {}

    async def renew(self) -> bool:
        """Fetch again; whether that gave other credentials. Raises AccessError."""
        before = self._issued
        await self._wait(self._begin())
        return (self._issued.token, self.certificate) != (before.token, before.certificate)

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _begin(self) -> asyncio.Task[None] | None:
        """Fetch, unless that is going on already or has just been done."""
        if self._fetching is None and time.monotonic() - self._asked_at >= PAUSE_SECONDS:
            self._fetching = asyncio.create_task(self._once())
        return self._fetching

    async def _wait(self, fetching: asyncio.Task[None] | None) -> None:
        if fetching is not None:
            await asyncio.shield(fetching)
        if self._failure is not None:
            raise AccessError(*self._failure.args)

    async def _once(self) -> None:
        try:
            async with self._slots.taken():
                self._take(await self._fetch())
            self._failure = None
        except AccessError as error:
            self._failure = error
        finally:
            self._asked_at = time.monotonic()
            self._fetching = None

    def _take(self, issued: Issued) -> None:
        self._issued = issued
        left = max(issued.expires - time.time(), 0.0)
        self._renew_at = issued.expires - min(MARGIN_SECONDS, left * MARGIN_SHARE)

    async def _fetch(self) -> Issued:
        """Something new. Raises AccessError."""
        raise NotImplementedError


def bearer(token: str) -> dict[str, str]:
    """Raises AccessError where a token cannot be sent; a line break in it would begin another header."""
    if not token.isprintable():
        raise AccessError("token: a line break or control character in it is not accepted")
    return {"Authorization": f"Bearer {token}"}


def basic(username: str, password: str) -> dict[str, str]:
    """The header of a user name and a password (RFC 7617)."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def impersonation(user: UserSection) -> list[tuple[str, str]]:
    """The headers of ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra``.

    Raises AccessError where those others come without ``as``: left out, they would have
    us act with all that the account itself may do.
    """
    if not user.as_user:
        if user.as_uid or user.as_groups or user.as_user_extra:
            raise AccessError("as-uid, as-groups and as-user-extra are accepted only together with as")
        return []
    headers = [("Impersonate-User", user.as_user)]
    if user.as_uid:
        headers.append(("Impersonate-Uid", user.as_uid))
    headers += [("Impersonate-Group", group) for group in user.as_groups]
    for key, values in user.as_user_extra.items():
        # What a header's name cannot hold is percent-encoded (client-go transport.headerKeyEscape).
        name = quote(key, safe="!#$&'*+-.^_`|~")
        headers += [(f"Impersonate-Extra-{name}", value) for value in values]
    if not all(value.isprintable() for _, value in headers):
        raise AccessError("as: a line break or control character in whom to act as is not accepted")
    return headers


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is no text"
