"""Objects cut out of what the API server sent are those objects, byte-exact where bytes matter."""

import gc
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kube.discovery.api_resource import Resource
from app.kube.wire import list_slices
from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_errors import WireError
from app.kube.wire.wire_object import BodyFormat, WireObject
from tests.watching.pages import decode_page

PODS = Resource("", "v1", "pods", "pod", "Pod", True)
CERTIFICATES = Resource("cert-manager.io", "v1", "certificates", "certificate", "Certificate", True)
Json = dict[str, Any]

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        [
            '"managedFields":[1]',
            ',"managedFields":[]',
            "managedFields",
            '\\"managedFields":',
            "metadata",
            "\n",
            "é",
        ]
    ),
)
names = texts.filter(lambda text: "\0" not in text)
keys = st.one_of(
    st.sampled_from(
        ["managedFields", "metadata", "kind", "apiVersion", "items", '"managedFields":[1],', "a"]
    ),
    texts,
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)
managed = st.one_of(
    st.none(),
    st.just([]),
    st.just([1]),
    st.lists(st.dictionaries(keys, values, max_size=3), max_size=2),
)


@st.composite
def objects(draw: st.DrawFn, *, typed: bool = True) -> Json:
    """An object with its members in any order, and with traps in it."""
    metadata: Json = draw(st.dictionaries(keys, values, max_size=3))
    metadata.pop("managedFields", None)
    metadata |= {"name": "n" + draw(names), "resourceVersion": str(draw(st.integers(1, 2**63)))}
    metadata |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "namespace": names,
                "uid": texts,
                "labels": st.one_of(st.none(), st.dictionaries(texts, texts, max_size=3)),
                "annotations": st.dictionaries(keys, texts, max_size=3),
                "managedFields": managed,
            },
        )
    )
    found: Json = draw(st.dictionaries(keys, values, max_size=3))
    found.pop("kind", None)
    found.pop("apiVersion", None)
    found["metadata"] = _shuffled(draw, metadata)
    if typed:
        found |= {"kind": draw(st.sampled_from(["Pod", 'Té"st', "Secret"])), "apiVersion": "example.com/v1"}
    order = draw(st.sampled_from(["kind", "apiVersion", "any"]))
    found = _shuffled(draw, found)
    if order != "any":
        first = ["kind", "apiVersion"] if order == "kind" else ["apiVersion", "kind"]
        found = {key: found[key] for key in [*first, "metadata", *found] if key in found}
    return found


def _shuffled(draw: st.DrawFn, members: Json) -> Json:
    return {key: members[key] for key in draw(st.permutations(list(members)))}


@st.composite
def spelled(draw: st.DrawFn, value: Any) -> bytes:
    """One of the ways to write this as JSON on one line."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]))
    return json.dumps(value, separators=separators, ensure_ascii=draw(st.booleans())).encode()


def _stripped(found: Json) -> Json:
    metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
    return {**found, "metadata": metadata}


def _check(wire: WireObject, found: Json, shape: BodyFormat) -> None:
    document = b"{" + wire.tail
    expected = found if shape.keep_managed_fields else _stripped(found)
    decoded = json.loads(document)
    assert decoded == expected
    assert list(decoded)[:2] == ["kind", "apiVersion"]
    assert wire.tail.startswith(b'"kind":')
    assert b"\n" not in wire.tail
    metadata = found["metadata"]
    assert wire.name == metadata["name"]
    assert wire.namespace == metadata.get("namespace", "")
    assert wire.uid == metadata.get("uid", "")
    assert wire.version == int(metadata["resourceVersion"])
    assert json.loads(wire.labels or b"{}") == (metadata.get("labels") or {})
    assert bool(wire.labels) == bool(metadata.get("labels"))


shapes = st.builds(BodyFormat, keep_managed_fields=st.booleans())


@given(st.data(), objects(), shapes)
def test_event_is_its_object(data: st.DataObject, found: Json, shape: BodyFormat) -> None:
    kind = data.draw(st.sampled_from(["ADDED", "MODIFIED", "DELETED"]))
    event = decode_event(data.draw(spelled({"type": kind, "object": found})), shape)
    assert event.type == kind
    assert event.object is not None
    _check(event.object, found, shape)


@given(st.data(), st.lists(objects(typed=False), max_size=3), shapes)
def test_items_of_a_list_get_their_kind(data: st.DataObject, items: list[Json], shape: BodyFormat) -> None:
    body = {"kind": "PodList", "metadata": {"resourceVersion": "9", "continue": "more"}, "items": items}
    page = decode_page(data.draw(spelled(body)), PODS, shape)
    assert (page.version, page.continue_, len(page)) == (9, "more", len(items))
    for wire, item in zip(page.objects, items, strict=True):
        _check(wire, {"kind": "Pod", "apiVersion": "v1", **item}, shape)


@given(st.data(), st.lists(objects(), max_size=3))
def test_items_that_have_a_kind_keep_it(data: st.DataObject, items: list[Json]) -> None:
    body = {"items": items, "metadata": {"resourceVersion": "9"}}
    page = decode_page(data.draw(spelled(body)), CERTIFICATES, BodyFormat())
    for wire, item in zip(page.objects, items, strict=True):
        _check(wire, item, BodyFormat())


@given(st.data(), objects())
def test_event_of_other_order(data: st.DataObject, found: Json) -> None:
    event = decode_event(data.draw(spelled({"object": found, "type": "ADDED"})), BodyFormat())
    assert event.object is not None
    _check(event.object, found, BodyFormat())


POD = (
    b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"x","uid":"u",'
    b'"resourceVersion":"7","labels":{"app":"web"}%s},"spec":{"n":1.50,"s":"\\u00e9"}}'
)
FIELDS = b',"managedFields":[{"manager":"m","fieldsV1":{"f:metadata":{}}}]'


def _event(body: bytes, shape: BodyFormat | None = None) -> WireObject:
    found = decode_event(b'{"type":"ADDED","object":%s}' % body, shape or BodyFormat()).object
    assert found is not None
    return found


def test_spelling_is_kept_where_nothing_is_cut_but_managed_fields() -> None:
    assert b"{" + _event(POD % FIELDS).tail == POD % b""
    assert b"{" + _event(POD % FIELDS, BodyFormat(keep_managed_fields=True)).tail == POD % FIELDS


@pytest.mark.parametrize(
    "members",
    [
        b'"managedFields":[{}],"name":"a","resourceVersion":"7"',
        b'"name":"a","managedFields":[{}],"resourceVersion":"7"',
        b'"name":"a","resourceVersion":"7","managedFields":[{}]',
        b'"name":"a","resourceVersion":"7","managed\\u0046ields":[{}]',
        b'"name":"a","resourceVersion":"7","managedFields" : [ {} ]',
        b'"name":"a","resourceVersion":"7","managedFields":null',
    ],
)
def test_managed_fields_go_wherever_they_stand(members: bytes) -> None:
    found = _event(b'{"kind":"Pod","apiVersion":"v1","metadata":{%s},"spec":{}}' % members)
    assert json.loads(b"{" + found.tail)["metadata"] == {"name": "a", "resourceVersion": "7"}


def test_managed_fields_of_a_template_stay() -> None:
    template = b'"template":{"metadata":{"managedFields":[{}]}}'
    body = b'{"apiVersion":"v1","kind":"X","metadata":{"name":"a","resourceVersion":"7"%s},"spec":{%s}}'
    assert template in _event(body % (b"", template)).tail
    assert _event(body % (b',"managedFields":[{}]', template)).tail.count(b"managedFields") == 1
    # The same value under the same key earlier on, where the key is spelled another way in metadata.
    other = b',"template":{"managedFields":[{}]},"managed\\u0046ields":[{}]'
    metadata = json.loads(b"{" + _event(body % (other, template)).tail)["metadata"]
    assert metadata == {"name": "a", "resourceVersion": "7", "template": {"managedFields": [{}]}}


def test_custom_resources_are_spelled_by_the_alphabet() -> None:
    body = b'{"apiVersion":"e.io/v1","kind":"E","metadata":{"name":"a","resourceVersion":"7"},"spec":1.0}'
    assert _event(body).tail == b'"kind":"E","apiVersion":"e.io/v1",' + body.partition(b'"kind":"E",')[2]


def test_line_breaks_between_members_are_taken_out() -> None:
    body = b'{\n "metadata": {"resourceVersion": "1"},\r\n "items": [{"metadata":\n%s}]}'
    item = b'{"name": "a\\n",\r "resourceVersion": "7"}'
    (found,) = decode_page(body % item, PODS, BodyFormat()).objects
    assert b"\n" not in found.tail
    assert b"\r" not in found.tail
    assert found.name == "a\n"


def test_nothing_of_the_line_stays_alive() -> None:
    found = _event(POD % FIELDS)
    assert {type(part) for part in (found.labels, found.tail)} == {bytes}
    assert not any(isinstance(held, memoryview | msgspec.Raw) for held in gc.get_referents(found))


@pytest.mark.parametrize("items", [b"[]", b"null"])
def test_empty_list(items: bytes) -> None:
    page = decode_page(b'{"metadata":{"resourceVersion":"5"},"items":%s}' % items, PODS, BodyFormat())
    assert (page.version, page.objects, list(page.parts(10))) == (5, [], [])


def test_parts_of_a_page() -> None:
    item = b'{"metadata":{"name":"%d","resourceVersion":"7"}}'
    items = b",".join(item % number for number in range(7))
    page = decode_page(b'{"metadata":{"resourceVersion":"5"},"items":[%s]}' % items, PODS, BodyFormat())
    assert [[found.name for found in part] for part in page.parts(3)] == [
        ["0", "1", "2"],
        ["3", "4", "5"],
        ["6"],
    ]


def test_bookmark() -> None:
    line = b'{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"12"%s},"spec":{}}}'
    plain = decode_event(line % b"", BodyFormat())
    assert (plain.type, plain.version, plain.initial_events_end) == ("BOOKMARK", 12, False)
    end = decode_event(line % b',"annotations":{"k8s.io/initial-events-end":"true"}', BodyFormat())
    assert end.initial_events_end


def test_error_event() -> None:
    status = {
        "kind": "Status",
        "code": 504,
        "reason": "Timeout",
        "message": "Too large resource version: 9, current: 5",
        "details": {"causes": [{"reason": "ResourceVersionTooLarge"}], "retryAfterSeconds": 1},
    }
    error = decode_event(json.dumps({"type": "ERROR", "object": status}).encode(), BodyFormat()).error
    assert error is not None
    assert (error.code, error.reason, error.message) == (504, "Timeout", status["message"])
    assert (error.causes, error.retry_after) == (("ResourceVersionTooLarge",), 1.0)


OBJECT = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"7"}%s}'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"<html>",
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object":[]}',
        b'{"type":"PUSHED","object":%s}' % (OBJECT % b""),
        b'{"type":"ADDED","object":%s' % (OBJECT % b""),
        b'{"type":"ADDED","object":%s,"object":{}' % (OBJECT % b""),
        b'{"type":"ADDED","object":%s,"object":%s}' % (OBJECT % b"", OBJECT % b""),
        b'{"type":"BOOKMARK","object":{"metadata":{}}}',
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":""}}}',
    ],
)
def test_garbage_is_one_error(line: bytes) -> None:
    with pytest.raises(WireError) as raised:
        decode_event(line, BodyFormat())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kind":"Status","metadata":{}}',
        b'{"metadata":{"resourceVersion":""},"items":[]}',
    ],
)
def test_what_is_no_list(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_page(body, PODS, BodyFormat())


METADATA = b'"metadata":{"namespace":"s","name":"a","uid":"u","resourceVersion":"7"%s}'
TYPED = b'{"kind":"Pod","apiVersion":"v1",%s%s}'
PLAIN = METADATA % b""
# Decoders go as deep as Python may recurse, which hypothesis lets it further than is usual.
DEEP = b"[" * 50_000 + b"]" * 50_000
UNREADABLE = [
    (b"{}", "Object missing required field `metadata`"),
    (TYPED % (b'"metadata":null', b""), "Expected `object`, got `null`"),
    (TYPED % (PLAIN.replace(b'"7"', b'"15/16"'), b""), "resourceVersion '15/16' is no number of 64 bits"),
    (TYPED % (PLAIN.replace(b'"7"', b"7"), b""), "Expected `str`, got `int`"),
    (TYPED % (PLAIN.replace(b'"a"', b'""'), b""), "an object without a name that it can be known by"),
    (
        TYPED % (PLAIN.replace(b'"a"', b'"a\\u0000b"'), b""),
        "an object without a name that it can be known by",
    ),
    (TYPED % (METADATA % b',"labels":{"app":null}', b""), "Expected `str`, got `null`"),
    (TYPED % (METADATA % b',"labels":{"app":7}', b""), "Expected `str`, got `int`"),
    (TYPED % (METADATA % b',"labels":["app"]', b""), "Expected `object | null`, got `array`"),
    (TYPED % (PLAIN, b',"a":"\xff"'), "UnicodeDecodeError"),
    (TYPED % (PLAIN, b',"a":NaN'), "malformed"),
    (TYPED % (PLAIN, b',"a":' + DEEP), "nested too deep"),
    (b'{"apiVersion":"v1","a":%s,"kind":"Pod",%s}' % (DEEP, PLAIN), "nested too deep"),
]


@pytest.mark.parametrize(("body", "reason"), UNREADABLE)
@pytest.mark.parametrize("many", [False, True])
def test_an_object_that_cannot_be_read_spoils_only_itself(
    body: bytes, reason: str, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_slices, "SLICE_BYTES", 600)
    good = [TYPED % (PLAIN.replace(b'"a"', b'"g%d"' % number), b"") for number in range(20 if many else 2)]
    middle = len(good) // 2
    items = b" , ".join([*good[:middle], body, *good[middle:]])
    page = decode_page(b'{"metadata":{"resourceVersion":"5"},"items":[%s]}' % items, PODS, BodyFormat())
    assert [found.name for found in page.objects] == [f"g{number}" for number in range(len(good))]
    (unreadable,) = page.unreadable
    assert reason in unreadable.reason
    event = decode_event(b'{"type":"MODIFIED","object":%s}' % body, BodyFormat())
    assert event.unreadable == unreadable
    if b'"a","uid"' in body and b'"7"' in body:
        assert (unreadable.namespace, unreadable.name, unreadable.uid) == ("s", "a", "u")
        assert unreadable.version == 7


@given(
    st.lists(
        st.one_of(st.integers(0, 10**6), st.sampled_from([body for body, _ in UNREADABLE])), max_size=30
    ),
    st.sampled_from([b",", b" , ", b",\n"]),
    st.sampled_from([64, 300, 4000]),
    st.booleans(),
)
def test_among_any_others_all_that_can_be_read_is(
    items: list[int | bytes], comma: bytes, slice_bytes: int, behind: bool
) -> None:
    def spelled(item: int | bytes) -> bytes:
        return item if isinstance(item, bytes) else TYPED % (PLAIN.replace(b'"a"', b'"n%d"' % item), b"")

    listed = b'"items":[%s]' % comma.join(map(spelled, items))
    metadata = b'"metadata":{"resourceVersion":"5","continue":"more"}'
    body = b"{%s}" % b",".join([listed, metadata] if behind else [metadata, listed])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_slices, "SLICE_BYTES", slice_bytes)
        page = decode_page(body, PODS, BodyFormat())
    assert (page.version, page.continue_) == (5, "more")
    assert [found.name for found in page.objects] == [f"n{item}" for item in items if isinstance(item, int)]
    assert len(page.unreadable) == sum(isinstance(item, bytes) for item in items)


def test_a_list_that_is_cut_off_is_no_list() -> None:
    items = b",".join([TYPED % (PLAIN, b',"a":' + DEEP)] * 3)
    body = b'{"metadata":{"resourceVersion":"5"},"items":[%s]}' % items
    assert len(decode_page(body, PODS, BodyFormat()).objects) == 0
    for length in (len(body) - 1, len(body) - 2, len(body) - 3, len(body) - 1000):
        with pytest.raises(WireError):
            decode_page(body[:length], PODS, BodyFormat())
