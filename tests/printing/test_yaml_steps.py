"""YAML that is written in steps is the YAML that is written at once."""

import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.yamltext import dump, dump_steps
from tests.querying.objects import patient

TEXTS = st.text(alphabet="ab:- \n\t#'\"|>\u2028\x85é1", max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=60,
)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "small" in request.node.name:
        monkeypatch.setattr("app.yamltext._AT_ONCE", 3)


@given(VALUES)
@patient
def test_small_steps_make_the_same_text(value: Any) -> None:
    assert b"".join(dump_steps(value)) == dump(value)


@pytest.mark.parametrize("name", ["short", "n" * 200, "a: b", "", "- ", "1.5"])
def test_small_steps_below_any_name(name: str) -> None:
    value = {name: {"a": [{"b": [[1, 2, {"c": "x\ny\n"}], []], "d": {}}, "e"] * 3}, "after": "z"}
    assert b"".join(dump_steps(value)) == dump(value)


@pytest.mark.parametrize(
    "value",
    [
        {f"key-{number}": f"value {number}" for number in range(60_000)},
        [{"name": f"n{number}", "value": "line\nline\n"} for number in range(20_000)],
        {"a": {"b": [{"c": [*range(60_000)]}]}},
    ],
)
def test_no_step_of_a_large_object_takes_long(value: Any) -> None:
    document = {"kind": "ConfigMap", "data": value}
    longest, pieces, steps = 0.0, [], dump_steps(document)
    while True:
        began = time.thread_time()
        piece = next(steps, None)
        longest = max(longest, time.thread_time() - began)
        if piece is None:
            break
        pieces.append(piece)
    assert b"".join(pieces) == dump(document)
    assert yaml.load(b"".join(pieces), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == document
    assert longest < 0.05


def test_a_text_that_ends_in_empty_lines_does_not_end_the_document() -> None:
    item = {"data": {"script": "exit\n\n\n"}}
    text = b"items:\n" + dump([item]) + dump([item])
    assert yaml.safe_load(text) == {"items": [item, item]}
