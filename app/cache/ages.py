"""Times as Kubernetes prints them: how long ago, in two or three figures."""

import re
from datetime import UTC, datetime

UNKNOWN = "<unknown>"

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_ZERO = datetime(1, 1, 1, tzinfo=UTC)

# Given to `since` in place of the present where somebody else counts: it returns the moment between MARKs.
UNCOUNTED = datetime.max.replace(tzinfo=UTC)
MARK = "\0"

_MINUTE = 60
_HOUR = 60 * _MINUTE


def human_duration(seconds: float) -> str:
    """Return a duration in seconds as ``45s``, ``5m10s``, ``3h``, ``2d5h``, ``400d`` or ``3y20d``.

    ``duration.HumanDuration`` of k8s.io/apimachinery/pkg/util/duration/duration.go.
    A clock that is a second ahead is forgiven; more than that is ``<invalid>``.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    if whole < 10 * _MINUTE:
        return _two(whole // _MINUTE, "m", whole % _MINUTE, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    hours = whole // _HOUR
    if hours < 8:
        return _two(hours, "h", whole // _MINUTE % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 2 * 365:
        return f"{days}d"
    if days < 8 * 365:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def parse_time(value: object) -> datetime | None:
    """A time of RFC 3339; None for anything else, and for Go's zero time."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return None
    try:
        parsed = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):  # The 31st of February, 25 o'clock, before the first year.
        return None
    return None if parsed == _ZERO else parsed


def since(value: object, now: datetime) -> str:
    """Return how long ago a time of RFC 3339 was, as `human_duration`; ``<unknown>`` where it is none."""
    moment = value if isinstance(value, datetime) else parse_time(value)
    if moment is None:
        return UNKNOWN
    if now is UNCOUNTED:
        return f"{MARK}{moment.isoformat().replace('+00:00', 'Z')}{MARK}"
    return human_duration((now - moment).total_seconds())


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"
