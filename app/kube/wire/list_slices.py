"""Takes a long list apart, a slice of its items at a time, so that no step of it takes long.

A JSON decoder reads a whole document in one step, and a list may be a hundred MB. So the text
is cut where an item seems to end: where what follows begins as the first item does. Whether an
item does end there is no guess: only then is the slice, in brackets, a list by itself. In a
string, or within an item, it is not.

A slice that a decoder does not take is cut at the brackets of its items, which is ten times
slower: one item that is nested too deep does not spoil the others.
"""

import re
from collections.abc import Generator, Iterator

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.kube.answer_limits import LIST_OBJECTS, OBJECT_BYTES
from app.kube.wire.json_outline import OutlineError, elements
from app.kube.wire.wire_errors import WireError

SLICE_BYTES = 256 * 1024
# What stands before the items is kind, version and a continue token, which is a few KB at most.
_HEAD_BYTES = 64 * 1024
_ITEMS = re.compile(rb'"items"\s*:\s*\[\s*')
_BORDER = re.compile(rb"\}\s*,\s*(?=\{)")
_BETWEEN = re.compile(rb"[\s,]*")
_OPENING = re.compile(rb'\{\s*(?:"[^"\\]{1,64}")?')


class ListMetadata(msgspec.Struct):
    """The metadata of a list."""

    resourceVersion: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Rest(msgspec.Struct):
    """A list, or the part of one that is left when slices have been cut off."""

    items: list[Raw] | UnsetType | None = UNSET
    metadata: ListMetadata | None = None


class _Objects(msgspec.Struct):
    """The same where every item is an object, which is refused at the first one that is none."""

    items: list[dict[str, Raw]]


_objects_decoder = msgspec.json.Decoder(_Objects)
_rest_decoder = msgspec.json.Decoder(_Rest)
_items_decoder = msgspec.json.Decoder(list[Raw])


def items_of(body: bytes) -> Generator[None, None, tuple[ListMetadata | None, list[Raw] | None]]:
    """Read a list in short steps; the generator returns its metadata and its items, None for what is absent.

    An item may turn out not to be readable. Raises msgspec.DecodeError or RecursionError for what is no
    list, and WireError where that cannot be seen in short steps.
    """
    head = _head(body) if len(body) > SLICE_BYTES else None
    if head is None:
        if len(body) > OBJECT_BYTES:
            raise WireError("a long answer that does not begin as a list does")
        try:
            rest = _rest_decoder.decode(body)
        except (msgspec.DecodeError, RecursionError):
            head = _head(body)
            if head is None:
                raise
        else:
            return rest.metadata, None if rest.items is UNSET else rest.items or []
    metadata, start = head
    items: list[Raw] = []
    for part, end in _slices(body, start):
        items += part
        start = end
        if len(items) > LIST_OBJECTS:
            raise WireError(f"a page of more than {LIST_OBJECTS:,} objects")
        yield
    if len(body) - start > OBJECT_BYTES:
        raise WireError(f"an object of more than {OBJECT_BYTES // 1024:,} KiB in a list")
    left = b'{"items":[' + body[start:]
    try:
        if len(left) > 2 * SLICE_BYTES:
            _objects_decoder.decode(left)
        rest = _rest_decoder.decode(left)
    except (msgspec.DecodeError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise
        for part, end in _outlined(body, start, len(body), error):
            items += part
            start = end
            yield
        rest = _rest_decoder.decode(b'{"items":[' + body[start:])
    items += rest.items or []
    return rest.metadata or metadata, items


def _head(body: bytes) -> tuple[ListMetadata | None, int] | None:
    """The metadata, if it stands before the items, and where these begin; None where that does not show."""
    for match in _ITEMS.finditer(body, 0, _HEAD_BYTES):
        try:
            head = _rest_decoder.decode(body[: match.end()] + b"]}")
        except msgspec.DecodeError:
            continue
        if head.items == []:
            return head.metadata, match.end()
    return None


def _slices(body: bytes, start: int) -> Iterator[tuple[list[Raw], int]]:
    """Items from ``start`` on, none where that takes longer, and where the next one begins.

    The last ones are left.
    """
    if len(body) - start <= 2 * SLICE_BYTES:
        return
    opening = _OPENING.match(body, start)
    if opening is None:
        raise WireError("a long list of what are no objects")
    following = re.compile(rb"\}\s*,\s*(?=" + re.escape(opening[0]) + rb")")
    size = SLICE_BYTES
    while len(body) - start > size + SLICE_BYTES and size <= OBJECT_BYTES:
        window = start + size, start + size + SLICE_BYTES
        border = following.search(body, *window) or _BORDER.search(body, *window)
        if border is None:
            size += SLICE_BYTES
            yield [], start
            continue
        size = SLICE_BYTES
        try:
            part = _items_decoder.decode(b"[%s]" % body[start : border.start() + 1])
        except (msgspec.DecodeError, RecursionError) as error:
            for some, end in _outlined(body, start, border.start(), error):
                yield some, end
                start = end
            if body.startswith(b"]", start):
                return
        else:
            start = border.end()
            yield part, start


def _outlined(body: bytes, start: int, until: int, error: Exception) -> Iterator[tuple[list[Raw], int]]:
    """Items as they are bracketed, and where the next one begins, at least as far as ``until``.

    Raises what a decoder said where they are not even that.
    """
    items: list[Raw] = []
    try:
        for span in elements(body, start, OBJECT_BYTES):
            if span is None:
                yield [], start
                continue
            begun, end = span
            if begun == end:
                start = end
                break
            items.append(Raw(body[begun:end]))
            between = _BETWEEN.match(body, end)
            start = between.end() if between is not None else end
            if end >= until:
                break
    except OutlineError:
        raise error from None
    yield items, start
