"""A continue token brings back what went into it, for the same query alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.query.continue_token import Continuation, decode, encode
from app.cache.query.query_errors import SelectorError
from tests.querying.objects import patient

QUERY = b"12345678"
atoms = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=9), st.text(max_size=9)
)
cursors = st.text("abcXYZ019-_", max_size=30)


@patient
@given(st.lists(atoms), cursors)
def test_round_trip(key: list[int | float | str | bytes], cursor: str) -> None:
    continuation = Continuation(tuple(key), cursor)
    text = encode(continuation, QUERY)
    assert decode(text, QUERY) == continuation
    assert all(each.isalnum() or each in "-_." for each in text)


def test_another_query_is_told_so() -> None:
    text = encode(Continuation(("c", "n\0x"), "cursor"), QUERY)
    with pytest.raises(SelectorError, match=r"^continue .*: it belongs to another query; accepted is"):
        decode(text, b"other")


@pytest.mark.parametrize("text", ["", ".", "x", "ä", "....", "AAAA.BBBB", "=" * 9, "A" * 9000])
def test_garbage(text: str) -> None:
    with pytest.raises(SelectorError, match=r"^continue .*: it is no continue token; accepted is"):
        decode(text, QUERY)


@patient
@given(st.data())
def test_any_change_is_noticed(data: st.DataObject) -> None:
    text = encode(Continuation((1, "c", "n\0x"), "cursor"), QUERY)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from("abAB01-_.")) + text[at + data.draw(st.integers(0, 1)) :]
    if changed != text:
        with pytest.raises(SelectorError):
            decode(changed, QUERY)
