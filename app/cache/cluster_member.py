"""The member ``cluster`` that reads across clusters put into every object, and one that an object has itself.

No built-in kind has one, but a custom resource may. Two members of one name are no JSON that
anybody can rely on, so the object's own is not shown there; its cluster's own API shows it.
"""

import msgspec
from msgspec import Raw

MEMBER = "cluster"
_SPELLED = b'"cluster"'

_members = msgspec.json.Decoder(dict[str, Raw])


def without_own(tail: bytes) -> bytes:
    """The JSON of an object, without its opening brace, less a member ``cluster`` of its own."""
    if _SPELLED not in tail:
        return tail
    members = _members.decode(b"{" + tail)
    if members.pop(MEMBER, None) is None:
        return tail
    return msgspec.json.encode(members)[1:]
