"""Pages of one list: all of them show what there was when the first was asked for.

A list that has a further page is kept for some minutes, as references to what was cached.
As kube-apiserver's, a token holds where its page ended, so that one that has expired can
be exchanged for one that goes on from there in what there is by then.
"""

import secrets
import time
from collections.abc import Sequence

import msgspec
from aiohttp import web

from app.cache.objects import CachedObject
from app.encoding import base64url

# As long as etcd keeps what was; all of them together hold no more references than this.
KEPT_SECONDS = 300.0
MOST_REFERENCES = 2_000_000
_FORMAT = "k8s-mcp/v1"


class PageToken(msgspec.Struct):
    """``start`` is namespace/name of the last object shown, ``query`` a hash of what is listed. Without
    ``list_id`` it goes on in what there is now."""

    start: str
    query: str
    list_id: str = ""
    v: str = ""

    def encode(self) -> str:
        """Return the token as the opaque text that clients send back."""
        signed = msgspec.structs.replace(self, v=_FORMAT)
        return base64url.to_text(msgspec.json.encode(signed))

    def elsewhere(self) -> "PageToken":
        """The same place in what there is now."""
        return PageToken(self.start, self.query)


def decode(text: str) -> PageToken | None:
    """None for a token that is not ours."""
    try:
        packed = base64url.to_bytes(text)
        token = msgspec.json.decode(packed, type=PageToken)
    except (ValueError, msgspec.MsgspecError):
        return None
    return token if token.v == _FORMAT else None


class KeptList(msgspec.Struct, frozen=True):
    """A list that has more pages. ``until`` is in monotonic seconds."""

    objects: Sequence[CachedObject]
    version: int
    until: float


class Pages:
    """The lists that somebody may ask further pages of."""

    def __init__(self) -> None:
        self._kept: dict[str, KeptList] = {}
        self._references = 0

    def keep(self, objects: Sequence[CachedObject], version: int) -> str:
        """An id for this list."""
        self._forget(room=len(objects))
        list_id = secrets.token_urlsafe(9)
        self._kept[list_id] = KeptList(objects, version, time.monotonic() + KEPT_SECONDS)
        self._references += len(objects)
        return list_id

    def get(self, list_id: str) -> KeptList | None:
        """None where it has expired."""
        self._forget(room=0)
        return self._kept.get(list_id)

    def _forget(self, room: int) -> None:
        now = time.monotonic()
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].until > now and self._references + room <= MOST_REFERENCES:
                return
            self._references -= len(self._kept.pop(oldest).objects)


PAGES = web.AppKey("pages", Pages)
