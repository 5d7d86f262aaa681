"""One writer of YAML: whatever reads it, gets what was written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from app.yaml_reader import load
from app.yamltext import dump, dump_steps
from bench.testbed.control_plane import ControlPlane

TEXTS = [
    *("", " ", "a", " a", "a ", "a b", "a: b", "a #b", "#a", "- a", "? a", ": a", "a:", "-", "?", ":", ","),
    *("[a]", "{a}", "&a", "*a", "!a", "|", ">", "'a'", '"a"', "%a", "@a", "`a`", "<<", "=", "~"),
    *("null", "Null", "NULL", "true", "True", "yes", "Yes", "no", "on", "Off", "y", "Y", "n", "N"),
    *("1", "0", "-1", "+1", "01", "08", "0o17", "0x1F", "0b11", "1_000", "1e3", "1E3", "18371e12", "1.5"),
    *(".5", "1.", ".", "+.", "-.inf", ".nan", "12:30", "1:2:3", "2026-11-27", "2026-11-27T10:00:00Z"),
    *("9007199254740993", "---", "...", "--- a", "a\n--- b\n", "a\n...\nb", "'\"\\", "a\\nb"),
    *("a\nb", "a\nb\n", "a\nb\n\n", "\na", "\n", "\n\n", "a \nb", " a\nb", "\ta", "a\t", "a\n b\n"),
    *(
        "a\r\nb",
        "a\rb",
        "\x7f",
        "\x85",
        "a\x85b",
        "\u2028",
        "a\u2028b",
        "\u2029",
        "b\n\u2028",
        "a\n\x85\n",
        "\ufeff",
        "\ufffe",
    ),
    *("\x00", "\x1b[31m", "é", "😀", "x" * 200, "x " * 2000, "k" * 2000, "😀" * 600),
]
NUMBERS = [0, -1, 2**53 + 1, -(2**63), 2**64 - 1, 1.5, 1e300, 0.1]
VALUES: list[Any] = [*TEXTS, *NUMBERS, None, True, False, [], {}, [[]], [{}]]


def readings(text: bytes) -> Iterator[tuple[str, Any]]:
    """What those read who do not run elsewhere: YAML 1.1, 1.2 and ours, which is kubectl's."""
    yield "YAML 1.1", yaml.safe_load(text)
    yield "YAML 1.2", YAML(typ="safe", pure=True).load(text.decode())
    (document,) = load(text, is_json=False)
    yield "manifests", document


def check(document: dict[str, Any]) -> None:
    text = dump(document)
    assert b"".join(dump_steps(document)) == text
    for reader, found in readings(text):
        assert found == document, reader
        assert json.dumps(found) == json.dumps(document), reader


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_read_as_it_was_written(value: Any) -> None:
    check({"a": value, "b": [value, {"c": value}], "d": {"e": value}})


@pytest.mark.parametrize("name", TEXTS, ids=repr)
def test_a_name_is_read_as_it_was_written(name: str) -> None:
    check({name: "a", "metadata": {name: {name: 1}}})


# Half of a pair of UTF-16 is no character; API servers replace it.
_CHARACTERS = st.characters(exclude_categories=["Cs"])
_DOCUMENTS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.text(_CHARACTERS),
        st.text("01289eExXob_.:+-yYnN~ \n\t#'\"", max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(_CHARACTERS, max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(_CHARACTERS, min_size=1), _DOCUMENTS, max_size=4))
def test_any_document_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    check({"kind": "Test", **document})


def test_kubectl_reads_what_was_written(control_plane: ControlPlane) -> None:
    texts = {f"k{number}": text for number, text in enumerate(TEXTS)}
    metadata = {"name": "texts", "namespace": "default", "annotations": texts}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}
    flags = ("--dry-run=client", "--validate=false", "-o", "json", "-f", "-")
    answer = json.loads(control_plane.kubectl("create", *flags, stdin=dump(document).decode()))
    assert (answer["data"], answer["metadata"]["annotations"]) == (texts, texts)
