"""Takes JSON apart without recursion: for what is nested too deep, or is too odd, for a decoder.

Only brackets, strings and what separates them count. Whether what they enclose is JSON at all is
not looked at, so this is for text of which a decoder has said what is wrong.
"""

import re
from collections.abc import Iterator

import msgspec

_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]+|[\]}]+', re.DOTALL)
_NEXT = re.compile(rb"[\s,]{0,4096}[{\]]")
_OBJECT = ord("{")
_SEPARATORS = b" \t\r\n,"
# As many strings and brackets as take some milliseconds.
_STEP = 10_000


class OutlineError(ValueError):
    """The text is not what it should be an outline of."""


def elements(text: bytes, start: int, most: int) -> Iterator[tuple[int, int] | None]:
    """Where each object of an array begins and ends, from ``start`` on; None where that takes longer.

    The last one that is yielded is the place of the bracket that ends the array, twice. Raises
    OutlineError for what is no array of objects, and for an object of more than ``most`` bytes.
    """
    at = number = 0
    end = start
    while text[at := _next(text, end)] == _OBJECT:
        depth = 0
        for token in _TOKENS.finditer(text, at):
            begun, end = token.span()
            number += 1
            if number % _STEP == 0:
                yield None
            if text[begun] in b"{[":
                depth += end - begun
            elif text[begun] in b"}]":
                end = min(end, begun + depth)
                depth -= end - begun
            if not depth:
                break
            if end - at > most:
                raise OutlineError(f"an object of more than {most // 1024:,} KiB")
        if depth:
            raise OutlineError("an object without an end")
        yield at, end
    yield at, at


def _next(text: bytes, start: int) -> int:
    """Where the next object begins, or the array ends."""
    match = _NEXT.match(text, start)
    if match is None:
        raise OutlineError("what is no object among objects")
    return match.end() - 1


def is_bracketed(text: bytes) -> bool:
    """Whether a text is one object, as far as its brackets tell."""
    try:
        return next(filter(None, elements(text, 0, len(text))), None) == (0, len(text))
    except OutlineError:
        return False


def members(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The members of the object that a text is, by name, each value as it stands there.

    Ends where the object does, or where it turns out to be none.
    """
    at = text.find(b"{") + 1
    while key := _TOKENS.search(text, at):
        colon = text.find(b":", key.end())
        if not key[0].startswith(b'"') or colon < 0:
            return
        end = _end(text, colon + 1)
        yield string_of(key[0]), text[colon + 1 : end].strip(_SEPARATORS)
        at = end


def _end(text: bytes, start: int) -> int:
    """Where the value ends that begins there, as far as the text goes."""
    depth = 0
    for token in _TOKENS.finditer(text, start):
        at, end = token.span()
        if not depth and text[start:at].strip(_SEPARATORS):
            return at  # a number, or a word
        if text[at] in b"{[":
            depth += end - at
        elif text[at] in b"}]":
            if depth <= end - at:
                return at + depth
            depth -= end - at
        if not depth:
            return end
    return len(text)


def string_of(text: bytes) -> str:
    """What a JSON string says; "" for what is none."""
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
