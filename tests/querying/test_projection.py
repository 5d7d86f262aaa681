"""A projection keeps what its paths lead to, as it was spelled, and what tells objects apart."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.query.object_paths import ANY, Path, Step
from app.cache.query.projection import Projection
from app.cache.query.query_errors import SelectorError
from tests.querying.objects import make, patient

POD: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "x", "uid": "u", "labels": {"app": "web"}, "annotations": {}},
    "spec": {
        "nodeName": "n1",
        "containers": [
            {"name": "a", "image": "i:1", "ports": [{"containerPort": 1, "name": "http"}]},
            {"name": "b", "image": "i:2", "livenessProbe": None},
        ],
        "args": ["-x"],
    },
    "status": {"phase": "Running"},
}
KEPT = {"name": "web", "namespace": "x", "uid": "u", "resourceVersion": "1"}


def project(fields: str, document: dict[str, Any]) -> dict[str, Any]:
    tail = Projection.parse(fields).tail(make(document))
    assert tail.startswith(b'"kind":"Pod","apiVersion":"v1",')
    found: dict[str, Any] = json.loads(b"{" + tail)
    assert (found.pop("kind"), found.pop("apiVersion")) == ("Pod", "v1")
    return found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("metadata.name", {}),
        ("cluster", {}),
        ("kind,metadata.uid", {}),
        ("status.phase", {"status": {"phase": "Running"}}),
        ("status", {"status": {"phase": "Running"}}),
        ("status,status.phase", {"status": {"phase": "Running"}}),
        ("status.none,missing.none", {"status": {}}),
        ("metadata.labels", {"metadata": {**KEPT, "labels": {"app": "web"}}}),
        ("metadata", {"metadata": {**POD["metadata"], "resourceVersion": "1"}}),
        ("spec.containers[*].name", {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}),
        ("spec.containers[1].name", {"spec": {"containers": [{"name": "b"}]}}),
        ("spec.containers[9].name", {"spec": {"containers": []}}),
        (
            "spec.containers[*].name,spec.containers[0].image",
            {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b"}]}},
        ),
        (
            "spec.containers[*].ports[*].containerPort",
            {"spec": {"containers": [{"ports": [{"containerPort": 1}]}, {}]}},
        ),
        ("spec.containers[*].livenessProbe", {"spec": {"containers": [{}, {"livenessProbe": None}]}}),
        ("spec.containers[*].livenessProbe.x", {"spec": {"containers": [{}, {}]}}),
        ("spec.containers.name", {"spec": {}}),
        ("spec.nodeName.x", {"spec": {}}),
        ("spec.args[*]", {"spec": {"args": ["-x"]}}),
        ("spec.args[*].x", {"spec": {"args": []}}),
        ("spec[*]", {"spec": POD["spec"]}),
        ("metadata.labels[*]", {"metadata": {**KEPT, "labels": {"app": "web"}}}),
        ("metadata.labels['a\\\"b']", {"metadata": {**KEPT, "labels": {}}}),
    ],
)
def test_what_is_kept(fields: str, expected: dict[str, Any]) -> None:
    assert project(fields, POD) == {"metadata": KEPT, **expected}


def test_members_come_in_one_order_and_values_as_they_were_spelled() -> None:
    found = make({"spec": {"b": 0, "a": 1}})
    spelled = msgspec.structs.replace(found, text=found.tail.replace(b'"b":0', b'"b":1.50e3'))
    tail = Projection.parse("spec.b").tail(spelled)
    assert tail == (
        b'"kind":"Pod","apiVersion":"v1",'
        b'"metadata":{"name":"n","namespace":"","uid":"u","resourceVersion":"1"},"spec":{"b":1.50e3}}'
    )


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("a[", "found '['"),
        ("-a", "found '-' where a path"),
        ("a b", "found 'b'"),
        (",".join("a" * 65), "65 paths"),
    ],
)
def test_what_is_refused(fields: str, problem: str) -> None:
    with pytest.raises(SelectorError, match=r"^fields ") as caught:
        Projection.parse(fields)
    assert problem in str(caught.value)


names = st.sampled_from(["a", "b", 'q"'])
documents = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
steps = st.lists(names | st.integers(0, 2) | st.just(ANY), max_size=4)
NOTHING: Any = object()


def reference(value: Any, paths: list[list[Step]]) -> Any:
    """What the paths keep of a value, the slow and plain way."""
    if not all(paths):
        return value
    expected = str if isinstance(value, dict) else int
    if isinstance(value, dict | list) and any(
        path[0] is ANY or isinstance(path[0], expected) for path in paths
    ):
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        kept = {}
        for key, inner in items:
            below = [path[1:] for path in paths if path[0] is ANY or path[0] == key]
            if below and (found := reference(inner, below)) is not NOTHING:
                kept[key] = found
        return kept if isinstance(value, dict) else list(kept.values())
    return NOTHING


@patient
@given(documents, st.lists(steps, min_size=1, max_size=4))
def test_any_paths_on_any_document(document: Any, paths: list[list[Step]]) -> None:
    fields = ",".join(str(Path(("spec", *path))) for path in paths)
    expected = reference({"spec": document}, [["spec", *path] for path in paths])
    assert project(fields, {"spec": document}) == {
        "metadata": KEPT | {"name": "n", "namespace": ""},
        **expected,
    }
