"""Values print, compare and order as Kubernetes means them."""

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.query.comparison import comparable, number_of, text_of, time_of
from tests.querying.objects import patient


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-7, "-7"),
        (1.0, "1"),
        (0.5, "0.5"),
        (1e16, "10000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (2**70, str(2**70)),
        ([], None),
        ({}, None),
    ],
)
def test_texts(value: Any, text: str | None) -> None:
    assert text_of(value) == text


@patient
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_is_that_float(value: float) -> None:
    text = text_of(value)
    assert text is not None
    assert float(json.loads(text)) == value
    assert ("e" in text) == (value != 0 and not 1e-6 <= abs(value) < 1e21)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (0.25, 0.25),
        ("0", 0),
        ("100m", 0.1),
        ("1500m", 1.5),
        ("2000m", 2),
        ("1", 1),
        ("+1.5", 1.5),
        ("-2", -2),
        ("5.", 5),
        (".5", 0.5),
        ("1Ki", 1024),
        ("1.5Gi", 3 * 2**29),
        ("-1Mi", -(2**20)),
        ("1Ei", 2**60),
        ("3k", 3000),
        ("1M", 10**6),
        ("7E", 7 * 10**18),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", 1.2),
        ("5n", 5e-9),
        ("5u", 5e-6),
        ("9223372036854775807", 2**63 - 1),
        ("8Ei", float(2**63)),
        (2**80, float(2**80)),
        (-(10**400), -math.inf),
        (True, None),
        (None, None),
        ("", None),
        ("1e", None),
        ("1K", None),
        ("1 ", None),
        ("m", None),
        (".", None),
        ("1.2.3", None),
        ("0x10", None),
        ("1e100", None),
        ("٣", None),
        ([], None),
    ],
)
def test_numbers(value: Any, number: float | None) -> None:
    assert number_of(value) == number


@patient
@given(
    st.decimals(min_value=-(10**6), max_value=10**6, places=6),
    st.sampled_from(
        [("", 1), ("m", Decimal("0.001")), ("k", 1000), ("Ki", 1024), ("Gi", 2**30), ("e2", 100)]
    ),
)
def test_a_quantity_is_digits_times_suffix(digits: Decimal, suffix: tuple[str, int | Decimal]) -> None:
    exact = digits * suffix[1]
    assert number_of(f"{digits:f}{suffix[0]}") == (int(exact) if exact == int(exact) else float(exact))


def test_times() -> None:
    assert time_of("1970-01-01T00:00:01Z") == 1_000_000_000
    assert time_of("1970-01-01T00:00:00.000001Z") == 1000
    assert time_of("1970-01-01T00:00:00.1234567899Z") == 123_456_789
    assert time_of("1969-12-31T23:59:59.5Z") == -500_000_000
    assert time_of("2026-01-31T10:00:00+02:00") == time_of("2026-01-31T08:00:00z")
    for text in ("2026-01-31", "2026-13-31T10:00:00Z", "2026-01-31T10:00:00", "2026-01-31 10:00:00Z", ""):
        assert time_of(text) is None


def test_one_order_for_all() -> None:
    groups: list[list[Any]] = [
        [False],
        [True],
        ["-1"],
        [0, "0"],
        ["100m", 0.1],
        ["1", 1, 1.0, "1000m"],
        ["9"],
        ["10"],
        ["1Ki", 1024],
        ["2026-01-31T10:00:00Z", "2026-01-31T12:00:00+02:00"],
        ["2026-01-31T10:00:01Z"],
        ["10.0.0.1"],
        ["Z"],
        ["a"],
        ["a1"],
        ["é"],
        [[], {}, [1]],
        [None, ""],
    ]
    keys = [{comparable(value) for value in group} for group in groups]
    assert all(len(equal) == 1 for equal in keys)
    assert sorted(key for equal in keys for key in equal) == [key for equal in keys for key in equal]
