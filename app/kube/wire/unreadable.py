"""Objects that cannot be read: what can be told of them all the same."""

from hashlib import blake2b

import msgspec

from app.kube.answer_limits import version_number
from app.kube.wire.json_outline import members, string_of

# Metadata stands near the beginning of what anybody wrote; to look for it further takes too long.
_LOOKED_AT = 256 * 1024


class Unreadable(msgspec.Struct, frozen=True):
    """An object that is there and cannot be read.

    What cannot be told is "", and 0 for the ``version``. ``digest`` is of its text, ``reason``
    one line for humans.
    """

    namespace: str
    name: str
    uid: str
    version: int
    digest: str
    reason: str


def unreadable(text: bytes, reason: str) -> Unreadable:
    """What an object says of itself in the JSON ``text``, which is no more than well bracketed."""
    metadata = next((value for name, value in members(text[:_LOOKED_AT]) if name == "metadata"), b"")
    said = {name: string_of(value) for name, value in members(metadata)}
    return Unreadable(
        said.get("namespace", ""),
        said.get("name", ""),
        said.get("uid", ""),
        version_number(said.get("resourceVersion", "")) or 0,
        blake2b(text, digest_size=8).hexdigest(),
        reason,
    )
