"""No value of a Secret gets past the wire, whatever the Secret looks like."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kube.discovery.api_resource import Resource
from app.kube.wire.secret_redaction import REDACTED
from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_errors import WireError
from app.kube.wire.wire_object import BodyFormat
from tests.watching.pages import decode_page

SECRETS = Resource("", "v1", "secrets", "secret", "Secret", True)
HIDDEN = "hunter2"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REDACT = BodyFormat(redact=True)


def _metadata(**annotations: str) -> dict[str, object]:
    fields = [{"manager": "kubectl", "fieldsV1": {"f:data": {"f:password": {}}}}]
    return {"name": "a", "resourceVersion": "7", "annotations": annotations, "managedFields": fields}


def _shown(secret: object, shape: BodyFormat = REDACT) -> bytes:
    event = decode_event(json.dumps({"type": "MODIFIED", "object": secret}).encode(), shape)
    assert event.object is not None
    return b"{" + event.object.tail


def test_keys_stay_and_values_go() -> None:
    annotations = {LAST_APPLIED: HIDDEN, "note": "seen"}
    secret = {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": _metadata(**annotations),
        "data": {"password": HIDDEN, "user": HIDDEN},
        "stringData": {"more": HIDDEN},
        "type": "Opaque",
        "immutable": True,
    }
    assert json.loads(_shown(secret)) == {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "a", "resourceVersion": "7", "annotations": {"note": "seen", REDACTED: "true"}},
        "data": {"password": "", "user": ""},
        "stringData": {"more": ""},
        "type": "Opaque",
        "immutable": True,
    }
    assert b"f:password" in _shown(secret, BodyFormat(redact=True, keep_managed_fields=True))
    assert json.loads(_shown(secret, BodyFormat()))["data"]["password"] == HIDDEN


@given(
    st.recursive(
        st.just(HIDDEN),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
    ),
    st.sampled_from(["data", "stringData", "Data", "STRINGDATA"]),
)
def test_whatever_stands_where_values_do(value: object, name: str) -> None:
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": _metadata(), name: value}
    assert HIDDEN.encode() not in _shown(secret)


@pytest.mark.parametrize(
    "members",
    [
        b'"d\\u0061ta":{"password":"hunter2"}',
        b'"data":{"password":"hunter2"},"data":{"password":"hunter2"}',
        b'"data":{"password":"hunter2","password":"hunter2"}',
        b'"data" : { "password" : "hunter2" }',
        b'"data":\n{"password":\n"hunter2"}',
        b'"metadata":{"name":"a","resourceVersion":"7","annotations":{"%s":"hunter2"}}'
        % LAST_APPLIED.encode(),
        b'"metadata":{"name":"a","resourceVersion":"7","annotations":{"%s":"hunter2"}}'
        % LAST_APPLIED.replace("/", "\\/").encode(),
        b'"metadata":{"name":"a","resourceVersion":"7","Annotations":{"%s":"hunter2"}}'
        % LAST_APPLIED.encode(),
    ],
)
def test_however_it_is_spelled(members: bytes) -> None:
    metadata = b'"metadata":{"name":"a","resourceVersion":"7"}'
    body = b'{"metadata":{"resourceVersion":"5"},"items":[{%s,%s}]}' % (metadata, members)
    (found,) = decode_page(body, SECRETS, REDACT).objects
    assert HIDDEN.encode() not in found.tail
    assert json.loads(b"{" + found.tail)["metadata"]["name"] == "a"


def test_what_cannot_be_read_is_not_quoted() -> None:
    event = decode_event(b'{"type":"ADDED","object":{"data":{"a":"hunter2"}}}', REDACT)
    assert event.unreadable is not None
    assert HIDDEN not in str(event.unreadable)


@pytest.mark.parametrize("object_", [b'"hunter2"', b'["hunter2"]', b'{"hunter2"'])
def test_errors_do_not_quote_it(object_: bytes) -> None:
    with pytest.raises(WireError) as raised:
        decode_event(b'{"type":"ADDED","object":%s}' % object_, REDACT)
    assert HIDDEN not in str(raised.value)
