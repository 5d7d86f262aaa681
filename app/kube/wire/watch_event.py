"""Where a line of a watch becomes an event: what happened, and to which object.

The frame around an object is compared with how API servers write it, byte by byte, so that the object
is decoded once, by itself; a frame in any other spelling is decoded.
"""

import msgspec
from msgspec import Raw

from app.kube.wire.api_status import ApiStatus, decode_status
from app.kube.wire.json_outline import is_bracketed
from app.kube.wire.unreadable import UnreadableObject, unreadable
from app.kube.wire.wire_errors import UNREADABLE, WireError, raising_wire_error, reason_of, version_of
from app.kube.wire.wire_object import BodyFormat, WireObject, decode_object

_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_FRAMES = {b'{"type":"%s","object":' % kind.encode(): kind for kind in ("ADDED", "MODIFIED", "DELETED")}
_FRAME_AT_MOST = max(map(len, _FRAMES))


class WatchEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of a watch.

    ADDED, MODIFIED and DELETED have an ``object``, or one that is ``unreadable``; BOOKMARK has
    a ``version`` and whether it ends the initial events, ERROR an ``error``.
    """

    type: str
    object: WireObject | None = None
    unreadable: UnreadableObject | None = None
    version: int = 0
    initial_events_end: bool = False
    error: ApiStatus | None = None


def decode_event(line: bytes, body_format: BodyFormat) -> WatchEvent:
    """Decode one line of a watch. Raises WireError for what is no event."""
    return raising_wire_error(_event, line, body_format)


class _Event(msgspec.Struct, gc=False):
    type: str
    object: Raw


class _BookmarkMetadata(msgspec.Struct):
    resourceVersion: str
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMetadata


_event_decoder = msgspec.json.Decoder(_Event)
_bookmark_decoder = msgspec.json.Decoder(_Bookmark)


def _event(line: bytes, body_format: BodyFormat) -> WatchEvent:
    start = line.find(b'"object":', 0, _FRAME_AT_MOST) + 9
    kind = _FRAMES.get(line[:start])
    if kind is not None and line.endswith(b"}"):
        return _change(kind, line[start:-1], body_format)
    event = _event_decoder.decode(line)
    if event.type in ("ADDED", "MODIFIED", "DELETED"):
        return _change(event.type, bytes(event.object), body_format)
    if event.type == "BOOKMARK":
        metadata = _bookmark_decoder.decode(event.object).metadata
        end = (metadata.annotations or {}).get(_INITIAL_EVENTS_END) == "true"
        return WatchEvent("BOOKMARK", version=version_of(metadata.resourceVersion), initial_events_end=end)
    if event.type == "ERROR":
        return WatchEvent("ERROR", error=decode_status(event.object))
    raise WireError(f"an event of type {event.type[:40]!r}")


def _change(kind: str, body: bytes, body_format: BodyFormat) -> WatchEvent:
    try:
        return WatchEvent(kind, decode_object(body, body_format))
    except UNREADABLE as error:
        if not body.startswith(b"{") or (type(error) is msgspec.DecodeError and not is_bracketed(body)):
            raise
        return WatchEvent(kind, unreadable=unreadable(body, reason_of(error)))
