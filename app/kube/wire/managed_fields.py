"""managedFields, cut out of an object's JSON where they stand, without decoding or encoding the rest.

They are often more than half of an object, and nobody who watches needs them.
"""

import msgspec
from msgspec import Raw

from app.kube.wire.secret_redaction import Members

_METADATA = b'"metadata":'
_MANAGED_FIELDS = b'"managedFields":'


class _Anything(msgspec.Struct, gc=False):
    """Checks JSON and keeps nothing of it."""


_anything_decoder = msgspec.json.Decoder(_Anything)
_members_decoder = msgspec.json.Decoder(Members)


def span_to_cut(body: bytes, start: int, managed: bytes) -> tuple[int, int] | None:
    """Return where managedFields and a comma beside them begin and end; None where that is not certain.

    ``managed`` is the JSON of their value, ``start`` the offset at which metadata should begin in
    ``body``. It is certain when the members of metadata before them make a JSON object by
    themselves: then the key is in no string, and not of anything inside of metadata.
    """
    key = body.find(_MANAGED_FIELDS, start)
    end = key + len(_MANAGED_FIELDS) + len(managed)
    if key < 0 or not body.startswith(_METADATA, start) or not managed.startswith(b"["):
        return None
    if body[key + len(_MANAGED_FIELDS) : end] != managed:
        return None
    try:
        _anything_decoder.decode(body[start + len(_METADATA) : key] + b'"":0}')
    except msgspec.DecodeError:
        return None
    if body[key - 1 : key] == b",":
        return key - 1, end
    if body[end : end + 1] == b",":
        return key, end + 1
    return key, end


def without_managed_fields(metadata: Raw) -> Raw:
    """Return the JSON of a metadata without managedFields, decoded and encoded where it has any.

    Raises msgspec.DecodeError.
    """
    members = _members_decoder.decode(metadata)
    if members.pop("managedFields", None) is None:
        return metadata
    return Raw(msgspec.json.encode(members))
