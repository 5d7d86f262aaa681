"""YAML as kubectl writes it, and so that YAML 1.1 and 1.2 read the same from it."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import yaml

# What one of the YAML versions takes for a number, a time or a word of its own although PyYAML does not.
_AMBIGUOUS = re.compile(r"[-+.0-9][0-9a-fA-FoxX_.,:eE+-]*|[yYnN]")
# Line ends for YAML 1.1, and characters like others for 1.2.
_BREAKS_OF_ONE = re.compile("[\x85\u2028\u2029]")

# So many values are written in one step.
_AT_ONCE = 150
# Where a line begins that is not empty.
_LINE = re.compile(rb"\n(?!\n|\Z)")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    if _BREAKS_OF_ONE.search(text) or _AMBIGUOUS.fullmatch(text):
        style: str | None = '"'
    else:
        style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(dict, yaml.representer.SafeRepresenter.represent_dict)


def dump_steps(document: Any) -> Iterator[bytes]:
    """The same as `dump` in pieces, none of which takes more than some milliseconds to make."""
    if not isinstance(document, dict | list) or _is_small(document):
        yield dump(document)
        return
    batch: list[Any] = []
    room = _AT_ONCE
    for item in document.items() if isinstance(document, dict) else document:
        size = _size(item)
        head = _head(item) if size > _AT_ONCE else None
        if batch and (size > room or head is not None):
            yield dump(dict(batch) if isinstance(document, dict) else batch)
            batch, room = [], _AT_ONCE
        if head is None:
            batch.append(item)
            room -= size
        else:
            yield from _below(head, item[1] if isinstance(document, dict) else item)
    if batch:
        yield dump(dict(batch) if isinstance(document, dict) else batch)


def _head(item: Any) -> bytes | None:
    """What stands before a large value: its name, or a dash; None where that is written in another way."""
    if not isinstance(item, tuple):
        return b"- "
    name = dump({item[0]: {}}).removesuffix(b" {}\n")
    return None if name.startswith(b"? ") else name + b"\n"


def _below(head: bytes, value: Any) -> Iterator[bytes]:
    in_list = head == b"- "
    indent = b"" if isinstance(value, list) and not in_list else b"  "
    for piece in dump_steps(value):
        indented = _LINE.sub(lambda start: start[0] + indent, indent + piece)
        yield head + (indented[len(indent) :] if in_list and head else indented)
        head, in_list = b"", False


def _is_small(value: Any) -> bool:
    return _size(value) <= _AT_ONCE


def _size(value: Any) -> int:
    """How many values there are in a value, counted as far as it matters."""
    size, left = 0, [value]
    while left and size <= _AT_ONCE:
        each = left.pop()
        size += 1
        if isinstance(each, dict):
            left += islice(each.values(), _AT_ONCE)
        elif isinstance(each, list | tuple):
            left += islice(each, _AT_ONCE + 1)
    return size + len(left)


def dump(document: Any) -> bytes:
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    # Behind a text that ends in empty lines PyYAML ends the document, in which more may be to come.
    return str(text).removesuffix("...\n").encode() if text.endswith("\n...\n") else str(text).encode()
