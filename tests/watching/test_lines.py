"""However a socket cuts a stream, the lines are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kube.wire.line_splitter import LineSplitter
from app.kube.wire.wire_errors import WireError


@given(st.binary(max_size=200).map(lambda text: text.replace(b"x", b"\n")), st.data())
def test_lines_do_not_depend_on_the_chunks(text: bytes, data: st.DataObject) -> None:
    splitter = LineSplitter()
    found: list[bytes] = []
    left = text
    while left:
        size = data.draw(st.integers(1, len(left)))
        found += splitter.feed(left[:size])
        left = left[size:]
    *whole, rest = text.split(b"\n")
    assert found == [line for line in whole if line]
    assert splitter.rest() == rest


def test_line_of_many_chunks() -> None:
    splitter = LineSplitter()
    assert all(splitter.feed(b"a" * 1000) == [] for _ in range(100))
    assert splitter.feed(b"b\nc\nd") == [b"a" * 100_000 + b"b", b"c"]
    assert splitter.rest() == b"d"


def test_a_line_without_end_is_refused() -> None:
    splitter = LineSplitter(limit=10)
    splitter.feed(b"123456789\n123456789")
    with pytest.raises(WireError, match="10 bytes"):
        splitter.feed(b"12")
