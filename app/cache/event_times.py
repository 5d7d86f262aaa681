"""When an event was seen last: its versions, and its writers, say it in different members."""

import msgspec

from app import jsontext
from app.cache.objects import CachedObject
from app.json_access import text

# A path that no object has: sorting by it is sorting by `last_seen`.
LAST_SEEN = "k8s-mcp/lastSeen"


class _Series(msgspec.Struct):
    lastObservedTime: str | None = None


class _EventMetadata(msgspec.Struct):
    creationTimestamp: str | None = None


class _EventTimes(msgspec.Struct):
    series: _Series | None = None
    lastTimestamp: str | None = None
    deprecatedLastTimestamp: str | None = None
    eventTime: str | None = None
    firstTimestamp: str | None = None
    deprecatedFirstTimestamp: str | None = None
    metadata: _EventMetadata = msgspec.field(default_factory=_EventMetadata)


_decoder = msgspec.json.Decoder(_EventTimes)
_TIMES = (
    "lastTimestamp",
    "deprecatedLastTimestamp",
    "eventTime",
    "firstTimestamp",
    "deprecatedFirstTimestamp",
)


def last_seen(event: CachedObject) -> str | None:
    """The time (RFC 3339) of the latest occurrence of an event, in the core or in the events.k8s.io group;
    None for what has none, or is no event."""
    try:
        decoded = _decoder.decode(event.json)
    except (msgspec.DecodeError, RecursionError):
        return _lenient(event)
    return (
        (decoded.series.lastObservedTime if decoded.series is not None else None)
        or decoded.lastTimestamp
        or decoded.deprecatedLastTimestamp
        or decoded.eventTime
        or decoded.firstTimestamp
        or decoded.deprecatedFirstTimestamp
        or decoded.metadata.creationTimestamp
    )


def _lenient(event: CachedObject) -> str | None:
    """Return the same for an event of which some member has another type than it should."""
    try:
        document = jsontext.decode(event.json)
    except jsontext.Undecodable:
        return None
    times = (
        text(document, "series", "lastObservedTime"),
        *(text(document, name) for name in _TIMES),
        text(document, "metadata", "creationTimestamp"),
    )
    return next(filter(None, times), None)
