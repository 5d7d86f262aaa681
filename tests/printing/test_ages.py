"""Ages as Kubernetes prints them; the cases are those of its own duration_test.go, and the borders."""

from datetime import UTC, datetime, timedelta

import pytest

from app.cache.ages import human_duration, since

MINUTE, HOUR = 60, 3600
DAY = 24 * HOUR
YEAR = 365 * DAY


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1.9, "0s"),
        (0, "0s"),
        (0.999, "0s"),
        (1, "1s"),
        (70, "70s"),
        (2 * MINUTE - 0.001, "119s"),
        (2 * MINUTE, "2m"),
        (190, "3m10s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE, "10m"),
        (70 * MINUTE, "70m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 10 * MINUTE, "3h10m"),
        (8 * HOUR - 1, "7h59m"),
        (8 * HOUR, "8h"),
        (47 * HOUR + 59 * MINUTE, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + DAY, "2y1d"),
        (8 * YEAR - 1, "7y364d"),
        (8 * YEAR, "8y"),
        (9 * YEAR + DAY, "9y"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


NOW = datetime(2025, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2025-01-01T11:59:30Z", "30s"),
        ("2025-01-01T11:59:30.999999999Z", "29s"),
        ("2025-01-01T13:59:30+02:00", "30s"),
        ("2025-01-01T12:00:01Z", "0s"),
        ("2025-01-01T13:00:00Z", "<invalid>"),
        (NOW - timedelta(minutes=5), "5m"),
        ("", "<unknown>"),
        ("0001-01-01T00:00:00Z", "<unknown>"),
        ("2025-01-01", "<unknown>"),
        ("2025-02-31T00:00:00Z", "<unknown>"),
        (None, "<unknown>"),
        (5, "<unknown>"),
    ],
)
def test_times_ago(value: object, text: str) -> None:
    assert since(value, NOW) == text
