"""Where a page ended, as the opaque text that asks for the next one.

The text is ``<position>.<cursor>``: the cursor of the first page, which all pages of a
list carry, is text of base64url already and not encoded once more, since it may be 6 KB
and both travel in the line of a request.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from app.cache.query.order import Key
from app.cache.query.query_errors import SelectorError
from app.encoding import base64url

_FORMAT = 1
_CHECKED = 6  # Bytes, against texts that were cut or changed.
_ACCEPTED = "metadata.continue of an answer to the same query, or nothing for the first page"


class Continuation(msgspec.Struct, frozen=True):
    """``key`` is that of the last row shown, ``cursor`` the first page's."""

    key: Key
    cursor: str


class _Wire(msgspec.Struct, array_like=True):
    format: int
    query: bytes
    key: tuple[Any, ...]  # Atoms of keys; msgspec reads no union of str and bytes.


def encode(continuation: Continuation, query: bytes) -> str:
    """``query`` is a hash of all that must be the same in the next request."""
    packed = msgspec.msgpack.encode(_Wire(_FORMAT, query, continuation.key))
    checked = _check(packed, continuation.cursor) + packed
    return f"{base64url.to_text(checked)}.{continuation.cursor}"


def decode(text: str, query: bytes) -> Continuation:
    """Raises SelectorError for a text that is not ours, and for one of another query."""
    position, _, cursor = text.partition(".")
    wire = _wire(position, cursor)
    if wire is None:
        raise SelectorError("continue", text, "it is no continue token", _ACCEPTED)
    if wire.query != query:
        raise SelectorError("continue", text, "it belongs to another query", _ACCEPTED)
    return Continuation(wire.key, cursor)


def _wire(position: str, cursor: str) -> _Wire | None:
    try:
        checked = base64url.to_bytes(position)
        packed = checked[_CHECKED:]
        if checked[:_CHECKED] != _check(packed, cursor):
            return None
        wire = msgspec.msgpack.decode(packed, type=_Wire)
    except (ValueError, msgspec.MsgspecError):
        return None
    return wire if wire.format == _FORMAT else None


def _check(packed: bytes, cursor: str) -> bytes:
    return blake2b(packed + cursor.encode(), digest_size=_CHECKED).digest()
