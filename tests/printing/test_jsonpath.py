"""JSONPath, with the quirks of k8s.io/client-go/util/jsonpath."""

import pytest

from app.cache.query.jsonpath import JsonPath, JsonPathError

DOCUMENT = {
    "name": "n",
    "null": None,
    "no\u00a0break": "n",
    "list": ["a", "b", "c", "d"],
    "none": [],
    "lists": [["x"], [], ["y"]],
    "a.b": {"c": 1},
    "quo'te": "q",
    "labels": {"example.com/note": "noted", "é": "ü"},
    "conditions": [
        {"type": "Synced", "status": "False", "weight": 1},
        {"type": "Ready", "status": "True", "weight": 2, "deep": {"name": "inner"}},
        {"type": "Say )]", "weight": 2.5, "flag": True},
    ],
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".name", ["n"]),
        ("$.name", ["n"]),
        (" @.name ", ["n"]),
        ("name", []),
        (".missing", []),
        (".missing.further", []),
        (".null", [None]),
        (".null.further", []),
        (".name.further", []),
        (".", []),
        (".list", [["a", "b", "c", "d"]]),
        (".list[0]", ["a"]),
        (".list[-1]", ["d"]),
        (".list[-1:]", ["d"]),
        (".list[1:3]", ["b", "c"]),
        (".list[:2]", ["a", "b"]),
        (".list[::2]", ["a", "c"]),
        (".list[2:2]", []),
        (".list[4]", []),
        (".list[3:1]", []),
        (".list[0:9]", []),
        (".list[::0]", []),
        (".none[0]", []),
        (".none[*]", []),
        (".name[0]", []),
        (".null[0]", []),
        (".list[*]", ["a", "b", "c", "d"]),
        (".list[0,2]", ["a", "c"]),
        (".list[-1, 0]", ["d", "a"]),
        (".a\\.b.c", [1]),
        (".labels.example\\.com/note", ["noted"]),
        (".labels['example\\.com/note']", ["noted"]),
        (".labels['example.com/note']", []),
        (".labels.é", ["ü"]),
        (".labels.*", ["noted", "ü"]),
        (".no\u00a0break", ["n"]),
        (".conditions[*].type", ["Synced", "Ready", "Say )]"]),
        (".conditions.type", []),
        ('.conditions[?(@.type=="Ready")].status', ["True"]),
        (".conditions[?(@.type == 'Ready')].status", ["True"]),
        ('.conditions[?(@.type!="Ready")].type', ["Synced", "Say )]"]),
        ('.conditions[?(@.type=="Say )]")].weight', [2.5]),
        ('.conditions[?(@.type>="S")].type', ["Synced", "Say )]"]),
        ('.conditions[?(@.status=="True")].type', ["Ready"]),
        (".conditions[?(@.deep)].type", ["Ready"]),
        (".conditions[?(@.flag==true)].type", ["Say )]"]),
        (".a\\.b", [{"c": 1}]),
        (".conditions[?(@.weight>1)].type", []),  # 2.5 is no integer, which spoils the comparison.
        (".conditions[?(@.weight=='1')].type", []),
        (".conditions[?(@.deep=='x')].type", []),
        (".conditions[?(@.flag<true)].type", []),
        (".conditions[?(@.type==Ready)].type", []),
        (".name[?(@.x)]", []),
        ("..name", ["n", "inner"]),
        ("..deep.name", ["inner"]),
        ("..nothing", []),
        (".list..", [["a", "b", "c", "d"], "a", "b", "c", "d"]),
        (".lists[*][*]", ["x"]),
        ('.missing "text"', ["text"]),
        (r".missing 'a\'\n\\b'", ["a'\n\\b"]),
        (".quo'te", ["q"]),
        (".name 7", [7]),
        (".name -1.5", [-1.5]),
        (".name true", [True]),
        (".name} {.list", ["n"]),
    ],
)
def test_finding(path: str, found: list[object]) -> None:
    assert JsonPath(path).find(DOCUMENT) == found


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (".list[0", r"\[ is not closed at character 5"),
        (".list[x]", "'x' is not an index"),
        (".list[-]", "'-' is not an index"),
        (".list[1:-]", "'1:-' is not an index"),
        (f".list[{'9' * 5000}]", "is not an index"),
        (".list[1.5]", "'1.5' is not an index"),
        (".list[?(@.x]", "the filter is not closed"),
        (".list[?(@.x=='y)]", "the filter is not closed"),
        (".list[?(@.x)", "the filter is not closed"),
        ("....a", "a second .. is not expected"),
        (".a 'b", "' is not closed"),
        (r".a '\q'", r"\\q is not a known escape"),
        ("{.name}", "'{' is not expected"),
        (".a[?(@.type=~'R')]", "'~' is not expected"),
        (".a 1.2.3", "'1.2.3' is not a number"),
        (".a #", "'#' is not expected"),
    ],
)
def test_what_cannot_be_read(path: str, problem: str) -> None:
    with pytest.raises(JsonPathError, match=problem):
        JsonPath(path)


def test_integers_compare_with_integers() -> None:
    path = JsonPath(".items[?(@.size>=10)].name")

    assert path.find({"items": [{"name": "s", "size": 9}, {"name": "m", "size": 10}, {"name": "none"}]}) == [
        "m"
    ]
