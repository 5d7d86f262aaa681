"""Numbers as varints, in cursors and in Kubernetes' protobuf."""

import pytest

from app.encoding.varint import read_varint, write_varint


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (150, b"\x96\x01"),
        (2**64 - 1, b"\xff" * 9 + b"\x01"),
    ],
)
def test_a_number_is_encoded_as_protobuf_does(number: int, encoded: bytes) -> None:
    out = bytearray(b"x")
    write_varint(out, number)
    assert bytes(out) == b"x" + encoded
    assert read_varint(bytes(out) + b"y", 1) == (number, 1 + len(encoded))


def test_a_number_that_is_cut_off_is_none() -> None:
    with pytest.raises(IndexError):
        read_varint(b"\x80\x80", 0)


def test_a_number_of_more_than_ten_bytes_is_none() -> None:
    with pytest.raises(ValueError, match="too long"):
        read_varint(b"\x80" * 1_000_000 + b"\x01", 0)
