"""Credentials that several clusters share: one for each way to get it, whoever needs it."""

import hashlib
import time
from collections.abc import Callable, Mapping

import msgspec

from app.kube.auth.credentials import Credentials, Slots
from app.kube.auth.tls import KeyPair

# For how long what nobody uses is remembered: who fails to connect lets go of it between attempts.
KEPT_SECONDS = 120.0


class _Kept:
    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.users = 0
        self.left_at = time.monotonic()


class Keyring:
    """The credentials in use; ``slots`` bound how many are fetched at once."""

    def __init__(self) -> None:
        self.slots = Slots()
        self._kept: dict[bytes, _Kept] = {}

    def lease(self, key: object, make: Callable[[], Credentials]) -> Credentials:
        """The credentials of this key, made if nobody has them yet. Raises what ``make`` does."""
        now = time.monotonic()
        self._kept = {
            digest: kept
            for digest, kept in self._kept.items()
            if kept.users or now - kept.left_at < KEPT_SECONDS
        }
        digest = hashlib.sha256(msgspec.json.encode(key, order="deterministic")).digest()
        if digest not in self._kept:
            self._kept[digest] = _Kept(make())
        return _Lease(self._kept[digest])

    async def close(self) -> None:
        """End what is still going on."""
        for kept in self._kept.values():
            await kept.credentials.close()


class _Lease:
    """Credentials as one of their users has them; closing it leaves them to the others."""

    def __init__(self, kept: _Kept) -> None:
        self._kept = kept
        kept.users += 1

    @property
    def certificate(self) -> KeyPair | None:
        return self._kept.credentials.certificate

    async def headers(self) -> Mapping[str, str]:
        return await self._kept.credentials.headers()

    async def renew(self) -> bool:
        return await self._kept.credentials.renew()

    async def close(self) -> None:
        self._kept.users -= 1
        self._kept.left_at = time.monotonic()
