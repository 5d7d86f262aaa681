"""The values inside of objects: as text, as numbers and times, and in one order.

Quantities are those of k8s.io/apimachinery/pkg/api/resource/quantity.go, whose numbers
and suffixes are read alike here; they are not rounded to nano and not capped. Times are
those of RFC 3339.
"""

import math
import re
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from app.jsontext import HugeNumber

Value = str | int | float | bool | list[Any] | dict[str, Any] | None
Number = int | float

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40}))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?"
)
_BINARY = {f"{letter}i": 1 << 10 * power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9})[0-9]*)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EXACT = Context(prec=200)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_LARGEST = 1 << 63  # What a continue token can carry as an integer.

BOOLEAN, NUMBER, TIME, TEXT, CONTAINER, MISSING = range(6)


def text_of(value: Value) -> str | None:
    """As Kubernetes prints it; "" for what is missing or null, None for arrays and objects."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    return None


def _float_text(value: float) -> str:
    """As Go's encoding/json writes a float64: no exponent from 1e-6 up to below 1e21."""
    if isinstance(value, HugeNumber):
        return str(value)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.partition(".")[0] if value.is_integer() else text
    mantissa, _, exponent = repr(value).partition("e")
    sign, digits = exponent[0], exponent[1:].lstrip("0")
    return f"{mantissa}e{sign}{digits}"


def number_of(value: Value) -> Number | None:
    """A number or a quantity; None for anything else. Exact where it is an integer below 2^63."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        if -_LARGEST < value < _LARGEST:
            return value
        return _float(value)
    if not isinstance(value, str) or len(value) > 100:
        return None
    quantity = _QUANTITY.fullmatch(value)
    if quantity is None:
        return None
    digits, binary, decimal, exponent = quantity.groups()
    number = Decimal(digits)
    if binary:
        number = _EXACT.multiply(number, _BINARY[binary])
    elif decimal or exponent:
        number = _EXACT.scaleb(number, _DECIMAL[decimal] if decimal else int(exponent))
    whole = int(number)
    return whole if whole == number and -_LARGEST < whole < _LARGEST else float(number)


def _float(value: Number) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def time_of(value: Value) -> int | None:
    """Nanoseconds since the epoch for a time of RFC 3339; None for anything else."""
    if not isinstance(value, str) or not 20 <= len(value) <= 40:
        return None
    match = _TIME.fullmatch(value)
    if match is None:
        return None
    second, fraction, zone = match.groups()
    try:
        since = datetime.fromisoformat(second + zone.upper()) - _EPOCH
    except ValueError:
        return None
    return (since.days * 86400 + since.seconds) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


def comparable(value: Value) -> tuple[int, Number | str]:
    """A pair that orders all values: booleans, numbers and quantities, times, texts, containers, missing.

    Values of one kind order as what they mean; all containers are equal. The empty
    text is the missing one.
    """
    if isinstance(value, str):
        if not value:
            return MISSING, 0
        if value[0] in "0123456789+-.":
            time = time_of(value)
            if time is not None:
                return TIME, time
            number = number_of(value)
            if number is not None:
                return NUMBER, number
        return TEXT, value
    if value is None:
        return MISSING, 0
    if isinstance(value, bool):
        return BOOLEAN, int(value)
    number = number_of(value)
    return (CONTAINER, 0) if number is None else (NUMBER, number)
