"""Numbers as base-128 varints, as Protocol Buffers write them: in seven bits a byte, the lowest ones first.

https://protobuf.dev/programming-guides/encoding/#varints
"""

# What 64 bits take.
_MOST_BITS = 63


def write_varint(out: bytearray, number: int) -> None:
    """Append a number that is not negative."""
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at the offset ``at``, and the offset behind it.

    Raises IndexError where the data end in it, and ValueError for one of more than ten bytes.
    """
    number = bits = 0
    while (byte := data[at]) & 0x80:
        number |= (byte & 0x7F) << bits
        bits += 7
        if bits > _MOST_BITS:
            raise ValueError("a number that is too long")
        at += 1
    return number | byte << bits, at + 1
