"""Label selectors are read, refused and matched as Kubernetes does.

What is right is what ``Parse`` in k8s.io/apimachinery/pkg/labels/selector.go does, quirks included.
"""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.query.label_selectors import LabelSelector, Operator, Requirement, SelectorError
from tests.querying.objects import patient


def requirements(text: str) -> tuple[Requirement, ...]:
    return LabelSelector.parse(text).requirements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ", []),
        ("x=a,y=b,z=c", [("x", "in", ["a"]), ("y", "in", ["b"]), ("z", "in", ["c"])]),
        ("x!=a,y==b", [("x", "notin", ["a"]), ("y", "in", ["b"])]),
        ("x=", [("x", "in", [""])]),
        ("x= ", [("x", "in", [""])]),
        ("x=,z= ", [("x", "in", [""]), ("z", "in", [""])]),
        ("!x", [("x", "!", [])]),
        ("! x , y", [("x", "!", []), ("y", "exists", [])]),
        ("x>1", [("x", ">", ["1"])]),
        ("x < 7", [("x", "<", ["7"])]),
        ("x in (a,b)", [("x", "in", ["a", "b"])]),
        ("x in ( b ,a,\tb )", [("x", "in", ["a", "b"])]),
        ("x notin(a)", [("x", "notin", ["a"])]),
        ("x in ()", [("x", "in", [""])]),
        ("x in (,)", [("x", "in", [""])]),
        ("x in (a,)", [("x", "in", ["", "a"])]),
        ("x in (,a)", [("x", "in", ["", "a"])]),
        ("x in (foo,,baz),y", [("x", "in", ["", "baz", "foo"]), ("y", "exists", [])]),
        ("z notin ()", [("z", "notin", [""])]),
        ("in in (in,notin)", [("in", "in", ["in", "notin"])]),
        ("notin=in", [("notin", "in", ["in"])]),
        ("!notin", [("notin", "!", [])]),
        ("example.com/x=1", [("example.com/x", "in", ["1"])]),
        ("z=1,a=2,a!=3", [("a", "in", ["2"]), ("a", "notin", ["3"]), ("z", "in", ["1"])]),
        ("a=b,a=b", [("a", "in", ["b"])]),
    ],
)  # fmt: skip
def test_what_kubernetes_reads(text: str, expected: list[tuple[str, Operator, list[str]]]) -> None:
    assert requirements(text) == tuple(Requirement(key, op, tuple(values)) for key, op, values in expected)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x=a||y=b", "value 'a||y'"),
        ("x==a==b", "found '=='"),
        ("!x=a", "found '='"),
        ("x<a", "'a' after < or > is no integer"),
        ("x>", "'' after < or > is no integer"),
        ("x>9223372036854775808", "no integer"),
        ("x>1_0", "no integer"),
        ("x in", "it ends instead of '('"),
        ("x in a", "found 'a' instead of '('"),
        ("x in (a", "it ends"),
        ("x in (a b)", "found 'b'"),
        ("x in (a,,)", "found ')'"),
        ("x in (a=b)", "found '='"),
        ("x,", "it ends instead of a label"),
        (",x", "found ','"),
        ("x y", "found 'y' instead of one of"),
        ("x=a b", "found 'b' instead of ','"),
        ("x = (a)", "found '('"),
        ("-x=1", "label '-x'"),
        ("/x=1", "the prefix of label '/x'"),
        ("A.com/x", "the prefix"),
        ("a/b/c", "the prefix"),
        ("a..b/c", "the prefix"),
        ("x/", "label 'x/'"),
        ("x=-a", "value '-a'"),
        ("x=ä", "value 'ä'"),
        ("x=a\n\x0b", "found"),
        ("a\0b", "label"),
        ("x=" + "a" * 64, "value"),
        ("x" * 64, "label"),
        ("a" * 254 + "/x", "the prefix"),
    ],
)
def test_what_kubernetes_refuses(text: str, problem: str) -> None:
    with pytest.raises(SelectorError) as caught:
        LabelSelector.parse(text)
    message = str(caught.value)
    assert message.startswith("labelSelector ")
    assert problem in message
    assert "accepted is a Kubernetes label selector" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("", {"x": "y"}, True),
        ("x=y", {"x": "y"}, True),
        ("x=y,z=w", {"x": "y", "z": "w"}, True),
        ("x!=y,z!=w", {"x": "z", "z": "a"}, True),
        ("notin=in", {"notin": "in"}, True),
        ("x", {"x": "z"}, True),
        ("!x", {"y": "z"}, True),
        ("!x", {"x": "z"}, False),
        ("x>1", {"x": "2"}, True),
        ("x>1", {"x": "1"}, False),
        ("x<-1", {"x": "-2"}, None),
        ("x<1", {"x": "0"}, True),
        ("x<1", {"x": "one"}, False),
        ("x<1", {"x": "-1"}, True),
        ("x<1", {}, False),
        ("x=z", {}, False),
        ("x=y", {"x": "z"}, False),
        ("x!=y", {}, True),
        ("x notin (y)", {}, True),
        ("x notin ()", {"x": ""}, False),
        ("x in ()", {"x": ""}, True),
        ("x in ()", {}, False),
        ("x=,y", {"x": "", "y": "1"}, True),
    ],
)
def test_meaning(text: str, labels: dict[str, str], expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(SelectorError):
            LabelSelector.parse(text)
    else:
        assert LabelSelector.parse(text).matches(labels) is expected


keys = st.from_regex(r"\A([a-z0-9]{1,3}(\.[a-z]{1,3})?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,4}[A-Za-z0-9])?\Z")
values = st.from_regex(r"\A([A-Za-z0-9]([-_.A-Za-z0-9]{0,4}[A-Za-z0-9])?)?\Z")
blanks = st.text(" \t", max_size=2)
some = st.lists(values, min_size=1, max_size=3, unique=True)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, Requirement]:
    """A requirement and one of the ways to write it."""
    key, space = draw(keys), draw(blanks)
    operator: Operator = draw(st.sampled_from(get_args(Operator)))
    if operator == "exists":
        return f"{space}{key}{space}", Requirement(key, operator)
    if operator == "!":
        return f"{space}!{space}{key}", Requirement(key, operator)
    if operator in ("<", ">"):
        number = str(draw(st.integers(0, 10**15)))
        return f"{key}{space}{operator}{space}{number}", Requirement(key, operator, (number,))
    if draw(st.booleans()):
        chosen = draw(some)
        text = f"{space},{space}".join(chosen)
        return f"{key} {space}{operator}{space}({text}{space})", Requirement(
            key, operator, tuple(sorted(chosen))
        )
    value = draw(values)
    symbol = draw(st.sampled_from(["=", "=="])) if operator == "in" else "!="
    return f"{key}{space}{symbol}{space}{value}", Requirement(key, operator, (value,))


@patient
@given(st.lists(written(), max_size=4))
def test_every_spelling_is_read_back(parts: list[tuple[str, Requirement]]) -> None:
    found = requirements(",".join(text for text, _ in parts))
    assert set(found) == {requirement for _, requirement in parts}
    assert list(found) == sorted(found, key=lambda each: (each.key, each.operator, each.values))


@patient
@given(st.text("ab=!<>(),in /-\0é", max_size=12))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        LabelSelector.parse(text)
    except SelectorError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message
