"""The one writer of YAML: as kubectl writes it, and so that YAML 1.1 and 1.2 read the same from it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from app.jsontext import HugeNumber

# Texts that one of the YAML versions takes for a number, a time or a boolean although PyYAML does not.
_AMBIGUOUS = re.compile(r"[-+.0-9][0-9a-fA-FoxX_.,:eE+-]*|[yYnN]")
# Line ends for YAML 1.1, and characters like others for 1.2.
_BREAKS_OF_ONE = re.compile("[\x85\u2028\u2029]")

# How many values are written in one step.
_AT_ONCE = 150
_END = b"...\n"

_resolve: Callable[[Any, str, tuple[bool, bool]], str] = yaml.resolver.Resolver().resolve
_TEXT = yaml.resolver.Resolver.DEFAULT_SCALAR_TAG


class _Buffer:
    """The stream that the emitter writes into: the pieces that were written since the last `take`."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def dump(document: Any) -> bytes:
    """Return a value of JSON as YAML in UTF-8, members in their own order. Raises TypeError."""
    return b"".join(dump_steps(document))


def dump_steps(document: Any) -> Iterator[bytes]:
    """Yield the same as `dump` in pieces, some of them empty, each made within some milliseconds."""
    stream = _Buffer()
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)(stream, width=1_000_000, allow_unicode=True)
    emit = dumper.emit
    emit(yaml.StreamStartEvent(encoding="utf-8"))
    emit(yaml.DocumentStartEvent(explicit=False))
    held = b""
    for number, event in enumerate(_events(document), 1):
        emit(event)
        if number % _AT_ONCE == 0:
            yield held
            held = stream.take()
    emit(yaml.DocumentEndEvent(explicit=False))
    emit(yaml.StreamEndEvent())
    last = held + stream.take()
    # Behind a text that ends in empty lines PyYAML ends the document, in which more may be to come.
    yield last.removesuffix(_END) if last.endswith(b"\n" + _END) else last


def _events(document: Any) -> Iterator[yaml.Event]:
    """Yield the events of a document for the emitter, however deep it is: nothing here recurses."""
    outer: list[tuple[Iterator[Any], yaml.Event | None]] = []
    values: Iterator[Any] = iter([document])
    end: yaml.Event | None = None
    while True:
        for value in values:
            if not isinstance(value, dict | list):
                yield _scalar(value)
                continue
            outer.append((values, end))
            if isinstance(value, dict):
                yield yaml.MappingStartEvent(None, None, True, flow_style=False)
                values, end = _members(value), yaml.MappingEndEvent()
            else:
                yield yaml.SequenceStartEvent(None, None, True, flow_style=False)
                values, end = iter(value), yaml.SequenceEndEvent()
            break
        else:
            if end is None:
                return
            yield end
            values, end = outer.pop()


def _members(value: dict[str, Any]) -> Iterator[Any]:
    for name, member in value.items():
        yield name
        yield member


def _scalar(value: Any) -> yaml.Event:
    if isinstance(value, str):
        return _text(value)
    return yaml.ScalarEvent(None, None, (True, False), _spelled(value))


def _text(text: str) -> yaml.Event:
    if _BREAKS_OF_ONE.search(text) or _AMBIGUOUS.fullmatch(text):
        style: str | None = '"'
    else:
        style = "|" if "\n" in text else None
    is_plain = _resolve(yaml.ScalarNode, text, (True, False)) == _TEXT
    return yaml.ScalarEvent(None, _TEXT, (is_plain, True), text, style=style)


def _spelled(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, HugeNumber | int):
        return str(value)
    if isinstance(value, float):
        # Numbers of YAML 1.1 have a point.
        text = repr(value)
        return text if "." in text or "e" not in text else text.replace("e", ".0e", 1)
    raise TypeError(f"{type(value).__name__} is no value of JSON")
