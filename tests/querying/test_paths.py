"""Paths are read in every spelling, and refused with the place where they go wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.query.object_paths import ANY, Path, PathError, Step, scan_list
from tests.querying.objects import patient


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ["a"]),
        ("a.b-c.d_e", ["a", "b-c", "d_e"]),
        ("metadata.labels['x.y/z']", ["metadata", "labels", "x.y/z"]),
        ('a["x.y/z"].b', ["a", "x.y/z", "b"]),
        ("a[0][*].b[12]", ["a", 0, ANY, "b", 12]),
        ("['a'].b", ["a", "b"]),
        ("a.0", ["a", "0"]),
        (r"a.x\.y/z", ["a", "x.y/z"]),
        (r"a['it\'s']", ["a", "it's"]),
        (r"a['\\']", ["a", "\\"]),
        ("a['']", ["a", ""]),
        ("a['=,]']", ["a", "=,]"]),
        ("größe.名", ["größe", "名"]),
    ],
)
def test_spellings(text: str, steps: list[Step]) -> None:
    assert Path.parse(text).steps == tuple(steps)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it ends where a name is expected"),
        (".a", "found '.a' where a name is expected"),
        ("a.", "it ends where a name is expected"),
        ("a..b", "found '.b'"),
        ("a b", "found ' ' after the path 'a'"),
        ("a[", "found '[', which is none of [0], [*]"),
        ("a[-1]", "found '[-1]'"),
        ("a[b]", "found '[b]'"),
        ("a['b]", 'found "[\'b]"'),
        ("a[0]b", "found 'b' after"),
        ("a.*", "found '*'"),
        ("a=b", "found '='"),
        ("a." * 32 + "a", "33 steps"),
    ],
)
def test_what_is_no_path(text: str, problem: str) -> None:
    with pytest.raises(PathError) as caught:
        Path.parse(text)
    assert problem in str(caught.value)


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(
    ["a", "x.y/z", "'", "\\"]
)
steps = st.lists(names | st.integers(0, 99) | st.just(ANY), min_size=1, max_size=6)


@patient
@given(steps)
def test_a_path_is_read_back_from_its_one_spelling(found: list[Step]) -> None:
    path = Path(tuple(found))
    assert Path.parse(str(path)) == path


@patient
@given(st.lists(st.tuples(st.booleans(), steps), max_size=4))
def test_lists_of_paths(found: list[tuple[bool, list[Step]]]) -> None:
    paths = [(minus, Path(tuple(each))) for minus, each in found]
    text = " , ".join(f"{'-' * minus}{path}" for minus, path in paths)
    assert scan_list(text) == paths


def test_between_paths_only_commas_stand() -> None:
    assert scan_list(" a,, -b ,") == [(False, Path(("a",))), (True, Path(("b",)))]
    with pytest.raises(PathError, match="found 'b' where ',' or the end is expected"):
        scan_list("a b")
    with pytest.raises(PathError, match="found '-a'"):
        scan_list("--a")
