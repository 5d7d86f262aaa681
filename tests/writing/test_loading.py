"""YAML means what kubectl takes it for, and can do no harm."""

import contextlib
import json
import math
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.yaml_reader import DEEPEST, MOST_VALUES, Unreadable, load
from tests.kubernetes.binaries import assets


def one(text: str) -> Any:
    (found,) = load(text.encode(), is_json=False)
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # As `kubectl create --dry-run=client -o json` shows them.
        ("0644", 420),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("-0x10", -16),
        ("+12", 12),
        ("1_000", 1000),
        ("08", 8),
        ("1e3", 1000),
        ("0E0", 0),
        ("1.0", 1),
        (".5", 0.5),
        ("-1.5e-3", -0.0015),
        ("22:22", "22:22"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
        ("yes", True),
        ("Off", False),
        ("y", True),
        ("N", False),
        ("0B1", 1),
        ("0X1f", 31),
        ("1e400", "1e400"),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("_1", "_1"),
        ("0x", "0x"),
        ("500m", "500m"),
        ("1.2.3", "1.2.3"),
        ("18446744073709551615", 18446744073709551615),
        ("18446744073709551616", 18446744073709551616.0),
    ],
)
def test_scalars_are_those_of_kubectl(text: str, value: object) -> None:
    found = one(f"a: {text}")["a"]
    assert (type(found), found) == (type(value), value)


def test_names_are_text() -> None:
    assert one("1: a\ntrue: b\n1.5: c\n") == {"1": "a", "true": "b", "1.5": "c"}


def test_anchors_and_merges() -> None:
    text = "a: &x {b: 1, c: 2}\nd: *x\ne:\n  <<: *x\n  c: 3\nf:\n  <<: [*x, {g: 4}]\n'<<': 5\n"
    inner = {"b": 1, "c": 2}
    assert one(text) == {"a": inner, "d": inner, "e": {"b": 1, "c": 3}, "f": {"g": 4, **inner}, "<<": 5}


def test_documents_that_are_empty_are_left_out() -> None:
    assert load(b"---\n---\na: 1\n...\n---\n# nothing\n---\nb: 2\n", is_json=False) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[" * 100_000, f"deeper than {DEEPEST}"),
        ("- " * 100_000, f"deeper than {DEEPEST}"),
        ("{a: " * 100_000, f"deeper than {DEEPEST}"),
        ("? " * 100_000, f"deeper than {DEEPEST}"),
        ("a: *b", "no anchor 'b'"),
        ("a: &a [*a]", "no anchor 'a'"),
        ("a: 1\n---\nb: 2\na: 1\na: 2", "line 5, column 1: 'a' is there already"),
        ("a: !!python/object/apply:os.system [x]", "python/object"),
        ("a: !!binary aGk=", "binary"),
        ("a: .inf", "no number of JSON"),
        ("[a]: b", "must be text"),
        ("a: b: c", "line 1, column 5"),
        ("\x00", "control characters"),
    ],
)
def test_what_can_do_harm_or_has_no_meaning_is_refused(text: str, part: str) -> None:
    with pytest.raises(Unreadable) as caught:
        load(text.encode(), is_json=False)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(30)]
    with pytest.raises(Unreadable, match=str(MOST_VALUES)):
        load("\n".join(lines).encode(), is_json=False)


TEXT = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="\ufffe\uffff"))
LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | TEXT
    | st.floats(allow_nan=False, allow_infinity=False)
)


@given(
    st.recursive(
        LEAF,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_json_can_say_comes_back(value: Any) -> None:
    """JSON is YAML, but for line ends and surrogates in its text."""
    text = json.dumps({"a": value}, ensure_ascii=False)
    assert same(one(text)["a"], value)


def same(found: Any, value: Any) -> bool:
    if isinstance(found, dict) and isinstance(value, dict):
        return found.keys() == value.keys() and all(same(found[key], value[key]) for key in found)
    if isinstance(found, list) and isinstance(value, list):
        return len(found) == len(value) and all(map(same, found, value))
    if isinstance(value, float):
        return math.isclose(found, value, rel_tol=1e-15)
    return type(found) is type(value) and bool(found == value)


SIGNS = st.text(alphabet="ab:-[]{}&*!|>?'\"#%@, \n0123456789x.~<\\", max_size=60)


@given(st.binary(max_size=60) | SIGNS.map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(Unreadable):
        for found in load(body, is_json=False):
            json.dumps(found, allow_nan=False)


_WORDS = (
    "y n on off Yes yES 0o17 017 08 09 1e3 1E3 1_000 0_8 12:30 = 2001-12-14 0b11 0x1F +5 -5 +0o17 -0o17 .5 "
    "5. -.5 +.5 18446744073709551615 -9223372036854775808 ~ Null 1e400 0.0 -0 1.0 1e-3 _1 1_ 0x 0b 0777 -017 "
    "1.5e3 0b12 1__0 1.5_0 _ + . 0o8 1e 3.14159265358979 0B11 0X1F -0b11 -0x1F 18446744073709551616"
)
_SCALARS = [*_WORDS.split(), "2001-12-14t21:59:43.10-05:00", "!!str 5", '!!int "5"', "! 5", '!!bool "yes"']
_REFUSED = ["!!binary aGVsbG8=", ".inf", ".nan", "!!timestamp 2001-12-14", "!foo x"]


@pytest.mark.parametrize("scalar", _SCALARS)
def test_scalars_are_what_kubectl_prints(scalar: str) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\nvalue: {scalar}\n"
    command = [str(assets("kubectl") / "kubectl"), "label", "--local", "-f", "-", "x=y", "-o", "json"]
    kubectl = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert kubectl.returncode == 0, kubectl.stderr
    assert _rounded(one(text)["value"]) == _rounded(json.loads(kubectl.stdout)["value"])


def _rounded(value: object) -> object:
    """kubectl prints integers beyond 64 bits as the nearest float."""
    return float(value) if isinstance(value, int) and abs(value) > 2**63 else value


@pytest.mark.parametrize("scalar", _REFUSED)
def test_scalars_that_json_cannot_say_are_refused(scalar: str) -> None:
    with pytest.raises(Unreadable, match="line 1"):
        one(f"value: {scalar}")


HUGE = "123456789012345678901234567890"


@pytest.mark.parametrize("number", [HUGE, f"-{HUGE}", "18446744073709551617", "9" * 100, "9" * 5000])
def test_integers_that_kubernetes_would_round_are_refused(number: str) -> None:
    """kubectl makes floats of them, without a word."""
    for body, is_json in (
        (f"a:\n- {number}", False),
        (f'{{"a":{number}}}', False),
        (f'{{"a":{number}}}', True),
    ):
        with pytest.raises(Unreadable, match="more than 64 bits, which would be rounded") as caught:
            load(body.encode(), is_json=is_json)
        assert ("line 2, column 3: " in str(caught.value)) == body.startswith("a:")
        assert len(str(caught.value)) < 150
    assert load(f'a: "{number}"'.encode(), is_json=False) == [{"a": number}]


def test_hexadecimal_integers_that_kubernetes_would_round_are_refused() -> None:
    with pytest.raises(
        Unreadable, match="line 1, column 4: 340282366920938463463374607431768211455 is an integer"
    ):
        one("a: 0xffffffffffffffffffffffffffffffff")
    assert one("a: 0x10000000000000000")["a"] == 2.0**64


EMOJI = {"a": "\U0001f600", "b": "\t"}


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n%s",
        "---\n%s",
        "--- # a comment\n%s\n---\n",
        "# first\n\n---\n# second\n%s\n# end\n",
        "\ufeff---\n%s\n...\n",
    ],
)
def test_json_behind_a_comment_or_the_begin_of_a_document(text: str) -> None:
    indented = json.dumps(EMOJI, indent="\t")
    assert "\\ud83d\\ude00" in indented
    assert load((text % indented).encode(), is_json=False) == [EMOJI]


def test_json_among_yaml() -> None:
    text = f"a: |\n  # text\n  ---\n--- {json.dumps(EMOJI)}\n---\nb: 2\n---\n{json.dumps(EMOJI)}\n"
    assert load(text.encode(), is_json=False) == [{"a": "# text\n---\n"}, EMOJI, {"b": 2}, EMOJI]
    with pytest.raises(Unreadable, match="line 5, column 5"):
        load(f"--- {json.dumps(EMOJI)}\n---\nb: 2\n---\na: b: c".encode(), is_json=False)
    with pytest.raises(Unreadable, match=r"line 1, column 8.*escape"):
        load(b'a: {b: "\\ud83d\\ude00"}\n---\nb: 1', is_json=False)
    with pytest.raises(Unreadable, match="'a' stands twice"):
        load(f'--- {json.dumps(EMOJI)}\n---\n{{"a":1,"a":"\\ud83d\\ude00"}}'.encode(), is_json=False)


@pytest.mark.parametrize("is_json", [True, False])
def test_a_name_that_stands_twice_in_json_is_refused(is_json: bool) -> None:
    with pytest.raises(Unreadable, match="'a' stands twice"):
        load(b'{"b":{"a":1,"a":2}}', is_json=is_json)


def test_json_is_read_as_json_whatever_it_is_called() -> None:
    text = '\ufeff{"a":\t"\\ud83d\\ude00", "b": "\U0001f600"}'
    expected = [{"a": "\U0001f600", "b": "\U0001f600"}]
    assert load(text.encode(), is_json=False) == load(text.encode(), is_json=True) == expected
