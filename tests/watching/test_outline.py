"""JSON is taken apart as a decoder would, and further."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kube.wire.json_outline import OutlineError, elements, members
from app.kube.wire.unreadable import unreadable

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts, st.sampled_from(["{", "]", '"', "\\", ":,"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=4)
indents = st.sampled_from([None, 1])


def spans(text: bytes, start: int) -> list[bytes]:
    *found, last = filter(None, elements(text, start, 1_000_000))
    assert last[0] == last[1]
    assert text[last[0] : last[0] + 1] == b"]"
    return [text[begun:end] for begun, end in found]


@given(st.lists(objects), indents)
def test_the_elements_of_an_array(items: list[object], indent: int | None) -> None:
    text = json.dumps({"items": items, "more": [1]}, indent=indent).encode()
    assert [json.loads(each) for each in spans(text, text.index(b"[") + 1)] == items


@given(objects, indents)
def test_the_members_of_an_object(obj: dict[str, object], indent: int | None) -> None:
    text = json.dumps(obj, indent=indent).encode()
    assert [(name, json.loads(value)) for name, value in members(text)] == [*obj.items()]


@pytest.mark.parametrize("text", [b"1]", b"{}1]", b"{},[]]", b'"a"]', b"{}", b'{"a":[}]', b"{}null,{}]", b""])
def test_what_is_no_array_of_objects(text: bytes) -> None:
    with pytest.raises(OutlineError):
        spans(text, 0)


def test_how_long_an_element_may_be() -> None:
    with pytest.raises(OutlineError, match="an object of more than 1 KiB"):
        [*elements(b'{"a":"%s"}]' % (b"x" * 2000), 0, 1024)]


def test_depth_is_no_matter() -> None:
    deep = b'{"spec":%s1%s,"metadata":{"name":"n"}}' % (b'{"a":[' * 100_000, b"]}" * 100_000)
    assert spans(b"%s, %s]" % (deep, deep), 0) == [deep, deep]
    assert [name for name, _ in members(deep)] == ["spec", "metadata"]


def test_what_an_unreadable_object_says_of_itself() -> None:
    metadata = b'{"labels":{"name":"x"},"name":"n","namespace":"s","uid":"u","resourceVersion":"15"}'
    text = b'{"apiVersion":"v1","metadata":%s,"spec":%s' % (metadata, b"[" * 5000)
    found = unreadable(text, "why")
    assert (found.namespace, found.name, found.uid, found.version) == ("s", "n", "u", 15)


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b'{"metadata":null}', b'{"metadata":{"name":7}}', b"[1]"])
def test_what_says_nothing_of_itself(text: bytes) -> None:
    found = unreadable(text, "why")
    assert (found.namespace, found.name, found.uid, found.version) == ("", "", "", 0)
