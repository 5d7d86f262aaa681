"""Values as Go's fmt and encoding/json write them."""

import math
from decimal import Decimal

from app import jsontext

# Go escapes these in JSON so that it may stand in HTML.
_HTML = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def sprint(value: object) -> str:
    """``fmt.Sprint`` of a scalar of JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    return str(value)


def marshal(value: object) -> str:
    """``json.Marshal`` of an object or an array, members in order."""
    return jsontext.encode(value, by_name=True).decode().translate(_HTML)


def _float(value: float) -> str:
    """``%v`` of a float64: the shortest digits, with an exponent below 1e-4 and from 1e6 up."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    power = len(text) + exponent - 1
    minus = "-" if sign else ""
    if -4 <= power < 6:
        return minus + format(Decimal((0, digits, exponent)), "f")
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{minus}{text[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"
