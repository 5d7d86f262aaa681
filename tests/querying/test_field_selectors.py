"""Field selectors decide by the values at paths, whatever the shape of an object."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.query.comparison import text_of
from app.cache.query.field_selectors import FieldCondition, FieldSelector
from app.cache.query.object_paths import ANY, Path, Step
from app.cache.query.query_errors import SelectorError
from tests.querying.objects import make, patient

POD: dict[str, Any] = {
    "metadata": {
        "name": "web-1",
        "namespace": "default",
        "uid": "u-1",
        "labels": {"app": "web", "x.y/z": "1"},
        "annotations": {"note": "a=b,c\\d", "other": "q"},
        "creationTimestamp": "2026-02-03T10:00:00Z",
    },
    "spec": {
        "nodeName": "n1",
        "hostNetwork": True,
        "containers": [
            {
                "name": "main",
                "image": "nginx:1.27",
                "ports": [{"containerPort": 80}, {"containerPort": 443}],
                "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}},
            },
            {"name": "side", "image": "envoy:2"},
        ],
        "volumes": [],
        "args": ["--a", "--b"],
        "big": 10**30,
        "ratio": 0.5,
        "nothing": None,
    },
    "status": {"phase": "Running", "startTime": "2026-02-03T10:11:12Z", "restarts": 3},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        (" , ", True),
        ("status.phase=Running", True),
        ("status.phase==Running", True),
        ("status.phase!=Running", False),
        ("status.phase=Pending", False),
        ("status.phase=Running,spec.nodeName!=n2", True),
        ("status.phase=Running, spec.nodeName=n2", False),
        ("spec.hostNetwork=true", True),
        ("spec.hostNetwork=True", False),
        ("status.restarts=3", True),
        ("spec.ratio=0.5", True),
        (f"spec.big={10**30}", True),
        ("spec.missing=", True),
        ("spec.missing!=", False),
        ("spec.missing!=x", True),
        ("spec.nothing=", True),
        ("spec.nodeName.deeper=", True),
        ("status.phase[0]=", True),
        ("spec.containers.name=", True),
        ("status[0]=", True),
        ("spec.containers=", False),
        ("spec.containers!=", True),
        ("spec.containers~.", False),
        ("spec.containers[0].name=main", True),
        ("spec.containers[1].name=main", False),
        ("spec.containers[7].name=", True),
        ("spec.containers[*].name=side", True),
        ("spec.containers[*].name!=side", False),
        ("spec.containers[*].name!=other", True),
        ("spec.containers[*].ports[*].containerPort=443", True),
        ("spec.containers[*].ports[*].containerPort=", True),
        ("spec.containers[0].ports[*].containerPort=", False),
        ("spec.containers[0].ports[*].containerPort>400", True),
        ("spec.volumes[*].name=", True),
        ("spec.volumes[*].name!=x", True),
        ("spec.args[*]=--b", True),
        ("spec.args[1]=--b", True),
        ("metadata.annotations[*]=q", True),
        ("metadata.annotations[*]=z", False),
        (r"metadata.annotations.note=a\=b\,c\\d", True),
        (r"metadata.annotations.note=a=b\,c\d", True),
        ("metadata.name=web-1,metadata.namespace=default,metadata.uid=u-1,metadata.resourceVersion=7", True),
        ("metadata.labels['x.y/z']=1", True),
        ('metadata.labels["x.y/z"]!=1', False),
        (r"metadata.labels.x\.y/z=1", True),
        ("metadata.labels.none=", True),
        ("metadata.labels[*]=web", True),
        ("cluster=c1", True),
        ("cluster!=c1", False),
        ("kind=Pod,apiVersion=v1", True),
        ("metadata.name~^web-\\d+$", True),
        ("metadata.name~eb", True),
        ("metadata.name~^eb", False),
        ("metadata.name~(?i)WEB", True),
        (r"spec.containers[*].image~^nginx:1\.\d{1\,3}$", True),
        ("spec.missing~^$", True),
        ("status.restarts>2", True),
        ("status.restarts>3", False),
        ("status.restarts<3500m", True),
        ("spec.containers[*].resources.requests.cpu<0.3", True),
        ("spec.containers[*].resources.requests.memory>60M", True),
        ("spec.containers[*].resources.requests.memory>64Mi", False),
        ("status.startTime>2026-02-03T10:11:11Z", True),
        ("status.startTime<2026-02-03T12:11:12.5+02:00", True),
        ("status.startTime<2026-02-03T11:11:12+02:00", False),
        ("status.startTime<5", False),
        ("status.startTime>5", False),
        ("status.restarts<2026-02-03T10:11:12Z", False),
        ("spec.missing<5", False),
        ("spec.nodeName<5", False),
        ("spec.hostNetwork>0", False),
        ("['spec'].nodeName=n1", True),
        ("spec['no\\\"de\\x07']=", True),
    ],
)
def test_meaning(text: str, expected: bool) -> None:
    assert FieldSelector.parse(text).matches(make(POD, 7), "c1") is expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("status.phase", "no operator = == != ~ < > after the path 'status.phase'"),
        ("=x", "found '=x' where a name is expected"),
        ("a in (b)", "no operator"),
        ("a!~b", "no operator"),
        ("a>=5", "no operator >="),
        ("a=~b", "no operator =~"),
        ("a===b", "no operator ==="),
        ("a<b", "'b' after < is no number, quantity"),
        ("a>", "'' after > is no number"),
        ("a~(", "'(' is no regular expression of RE2: missing ): ("),
        ("a~(?=x)", "no regular expression of RE2"),
        ("a~" + "x" * 257, "257 characters; 256 are allowed"),
        ("a~((x{0\\,30}){0\\,30}y){0\\,30}", "regular expression"),
        ("a~(.{0\\,90}y){0\\,9}z", "repeats too much"),
        ("a[x]=1", "found '[x]=1'"),
        (",".join(f"a{number}=1" for number in range(65)), "65 conditions; 64 are allowed"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SelectorError) as caught:
        FieldSelector.parse(text)
    message = str(caught.value)
    assert message.startswith("fieldSelector ")
    assert problem in message
    assert "accepted is path=value" in message


def test_expressions_search_long_texts() -> None:
    found = make({"data": {"config": "x" * 900_000 + "\ndebug: true\n"}})
    assert FieldSelector.parse("data.config~(?m)^debug:").matches(found, "c")
    assert FieldSelector.parse("data.config~^x.{1\\,253}").matches(found, "c")


def test_conditions_are_told_in_one_order() -> None:
    one, other = FieldSelector.parse("b=1,a!=2,b=1"), FieldSelector.parse("a!=2,b==1")
    assert one.conditions == other.conditions == (
        FieldCondition(Path(("a",)), "!=", "2"),
        FieldCondition(Path(("b",)), "=", "1"),
    )  # fmt: skip


def test_a_number_that_no_float_holds_is_compared_as_it_is_spelled() -> None:
    found = make({"spec": {"x": 0, "y": 1}})
    broken = msgspec.structs.replace(found, text=found.tail.replace(b'"x":0', b'"x":1e999'))
    assert FieldSelector.parse("spec.x=1e999,spec.x>1000,spec.y=1").matches(broken, "c")
    assert not FieldSelector.parse("spec.x=").matches(broken, "c")
    assert FieldSelector.parse("spec.y=1").matches(broken, "c")


names = st.sampled_from(["a", "b", "x.y", 'q"'])
scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "1"]) | st.just(0.5)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
steps = st.lists(names | st.integers(0, 2) | st.just(ANY), min_size=1, max_size=4)


def reference(value: Any, path: list[Step]) -> list[Any]:
    """The values at a path, the slow and plain way."""
    if not path:
        return [value]
    step, rest = path[0], path[1:]
    if step is ANY and isinstance(value, list | dict) and value:
        elements = value.values() if isinstance(value, dict) else value
        return [found for element in elements for found in reference(element, rest)]
    if isinstance(value, dict) and isinstance(step, str) and step in value:
        return reference(value[step], rest)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return reference(value[step], rest)
    return [None]


@patient
@given(
    documents,
    st.lists(st.tuples(steps, st.sampled_from(["=", "!="]), st.sampled_from(["", "a", "1", "true"]))),
)
def test_partial_decoding_finds_what_full_decoding_finds(
    document: Any, wanted: list[tuple[list[Step], str, str]]
) -> None:
    found = make({"spec": document})
    expected = True
    for path, operator, value in wanted:
        equal = any(text_of(each) == value for each in reference(document, path))
        expected &= equal == (operator == "=")
    text = ",".join(f"{Path(('spec', *path))}{operator}{value}" for path, operator, value in wanted)
    assert FieldSelector.parse(text).matches(found, "c") is expected


@patient
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_every_value_can_be_written(value: str) -> None:
    escaped = "".join("\\" + each if each in ",=\\!~<>" else each for each in value)
    selector = FieldSelector.parse(f"spec.x={escaped},kind=Pod")
    assert selector.matches(make({"spec": {"x": value}}), "c")
    assert not selector.matches(make({"spec": {"x": value + "."}}), "c")
