"""Objects that cannot be decoded: their identity, as far as it can be read all the same."""

from hashlib import blake2b

import msgspec

from app.kube.wire.json_outline import members, string_of
from app.kube.wire.resource_version import version_number

# Metadata stands near the beginning of what anybody wrote; to look for it further takes too long.
_LOOKED_AT = 256 * 1024


class UnreadableObject(msgspec.Struct, frozen=True):
    """An object that exists and cannot be decoded.

    A field that cannot be read either is "", and 0 for ``version``. ``digest`` is 16 hex digits of a hash
    of its JSON, ``reason`` why it cannot be decoded, in one line for humans.
    """

    namespace: str
    name: str
    uid: str
    version: int
    digest: str
    reason: str


def unreadable(text: bytes, reason: str) -> UnreadableObject:
    """Read the identity of an object from the JSON ``text``, which need be no more than well bracketed."""
    metadata = next((value for name, value in members(text[:_LOOKED_AT]) if name == "metadata"), b"")
    fields = {name: string_of(value) for name, value in members(metadata)}
    return UnreadableObject(
        fields.get("namespace", ""),
        fields.get("name", ""),
        fields.get("uid", ""),
        version_number(fields.get("resourceVersion", "")) or 0,
        blake2b(text, digest_size=8).hexdigest(),
        reason,
    )
