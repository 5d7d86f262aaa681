"""JSON is read and written exactly, whatever numbers, texts and depth it has."""

import json
import sys
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import jsontext
from app.streams.deltas import merge_patch
from app.yamltext import dump

EXACT = [
    *(b"1" * 5000, b"-" + b"9" * 5000, b"1" * 4300, b"1e999", b"-1E400", b"12345678901234567890123"),
    *(b"[" * 450 + b"]" * 450, b'{"a":' * 450 + b"1e999" + b"}" * 450),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


@pytest.mark.parametrize("document", EXACT, ids=lambda each: each[:12])
def test_what_is_read_is_written_again(document: bytes) -> None:
    assert jsontext.encode(jsontext.decode(document)) == document
    indented = jsontext.encode(jsontext.decode(b'{"a":%s}' % document), indented=True)
    assert b"".join(indented.split()) == b'{"a":%s}' % document


@given(VALUES, st.booleans(), st.booleans())
def test_both_ways_of_writing_agree(value: Any, by_name: bool, indented: bool) -> None:
    fast = jsontext.encode([value], by_name=by_name, indented=indented)
    # An integer of more than 64 bits makes the other one write it.
    slow = jsontext.encode([value, 10**30], by_name=by_name, indented=indented)
    end = b",\n  %d\n]" if indented else b",%d]"
    assert slow == fast.removesuffix(b"\n]" if indented else b"]") + end % 10**30


def test_halves_of_surrogate_pairs_are_read_as_go_reads_them() -> None:
    document = rb'{"a":"x\ud800y","b":"\ud83d\ude00","c":"\\ud800","\udfff":"\udc00\ud800","d":"\ud83d\\"}'
    assert jsontext.decode(document) == {
        "a": "x\ufffdy",
        "b": "😀",
        "c": "\\ud800",
        "\ufffd": "\ufffd\ufffd",
        "d": "\ufffd\\",
    }


@pytest.mark.parametrize(
    "document", [b"", b"{]", b"NaN", b"[Infinity]", b'"\xff"', b"[" * 5000 + b"]" * 5000], ids=range(6)
)
def test_what_cannot_be_read_is_one_error(document: bytes) -> None:
    with pytest.raises(jsontext.Undecodable):
        jsontext.decode(document)


def test_a_huge_number_is_infinite_and_prints_as_it_was_spelled() -> None:
    huge = jsontext.decode(b"-" + b"7" * 5000)
    assert huge < -sys.float_info.max
    assert f"{huge}" == str(huge) == "-" + "7" * 5000
    assert jsontext.decode(b"1e999") > sys.float_info.max


def test_what_is_no_json_is_refused() -> None:
    for value in ({1: 10**30}, [object(), 10**30], {"a": {2: 1e5}, "b": 10**30}):
        with pytest.raises(TypeError):
            jsontext.encode(value)


@pytest.mark.parametrize("depth", [480, 900, 3000])
def test_yaml_is_as_deep_as_what_is_written(depth: int) -> None:
    value: Any = "end"
    for _ in range(depth):
        value = {"a": [value]}
    text = dump(value)
    assert text.count(b"a:") == depth
    assert text.rstrip().endswith(b"- end")


DEEP = b"[" * 450 + b"]" * 450
OLD = b'{"n":1234567890123456789012345,"t":"a","deep":%s,"long":"%s"}' % (DEEP, b"x" * 9000)


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        (b'"t":"a"', b'"t":"b"', {"t": "b"}),
        # As doubles they are the same.
        (b"9012345,", b"9012346,", {"n": 1234567890123456789012346}),
        (b'"t":"a"', b'"t":1' + b"0" * 400, {"t": 10**400}),
        (b"[[]]", b"[[1]]", None),
        (b"xx", b"xx", {}),
    ],
)
def test_patches_say_what_changed_exactly(before: bytes, after: bytes, patch: Any) -> None:
    made = merge_patch(OLD, OLD.replace(before, after, 1))
    assert made is not None
    if patch is None:
        assert json.loads(made)["deep"] == json.loads(OLD.replace(before, after, 1))["deep"]
    else:
        assert json.loads(made) == patch


def test_a_patch_of_a_large_object_takes_no_longer_than_a_turn_allows() -> None:
    old = {"data": {f"key-{number}": f"value {number}" for number in range(60_000)}}
    new = {"data": {**old["data"], "key-7": "other"}}
    before, after = orjson.dumps(old), orjson.dumps(new)
    took = []
    for _ in range(3):
        began = time.thread_time()
        assert merge_patch(before, after) == b'{"data":{"key-7":"other"}}'
        took.append(time.thread_time() - began)
    assert min(took) < 0.1, took
