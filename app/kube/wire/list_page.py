"""Where the answer to a list becomes a page: its version, its continue token and its objects."""

from collections.abc import Generator, Iterator, Sequence

from msgspec import Raw

from app.kube.discovery.api_resource import Resource
from app.kube.wire.list_slices import SLICE_BYTES, items_of
from app.kube.wire.unreadable import UnreadableObject, unreadable
from app.kube.wire.wire_errors import (
    UNDECODABLE,
    UNREADABLE,
    WireError,
    reason_of,
    unreadable_answer,
    version_of,
)
from app.kube.wire.wire_object import BodyFormat, WireObject, decode_object


class Page:
    """The answer to one request of a list, whose objects are decoded as they are taken.

    ``version`` is the list's resourceVersion, ``continue_`` the token of the next page, "" for none;
    ``unreadable`` are the objects that could not be decoded so far.
    """

    def __init__(
        self, version: int, continue_: str, items: Sequence[Raw], resource: Resource, body_format: BodyFormat
    ) -> None:
        self.version = version
        self.continue_ = continue_
        self.unreadable: list[UnreadableObject] = []
        self._items = items
        self._resource = resource
        self._body_format = body_format

    def __len__(self) -> int:
        return len(self._items)

    @property
    def objects(self) -> list[WireObject]:
        """The objects that can be read."""
        return [wire_object for part in self.parts(len(self) or 1) for wire_object in part]

    @property
    def bytes(self) -> int:
        """The length of its objects as JSON, in bytes."""
        return sum(len(memoryview(item)) for item in self._items)

    def parts(self, size: int) -> Iterator[list[WireObject]]:
        """Yield the objects, ``size`` at a time, or fewer where some are large, or unreadable."""
        start = 0
        while start < len(self._items):
            end, long = start, 0
            while end < len(self._items) and end - start < size and long < SLICE_BYTES:
                long += len(memoryview(self._items[end]))
                end += 1
            yield self._decode(self._items[start:end])
            start = end

    def _decode(self, items: Sequence[Raw]) -> list[WireObject]:
        kind, api_version = self._resource.kind, self._resource.api_version
        try:
            return [decode_object(bytes(item), self._body_format, kind, api_version) for item in items]
        except UNREADABLE:
            decoded = [_object_or_not(bytes(item), self._body_format, kind, api_version) for item in items]
        self.unreadable += [entry for entry in decoded if isinstance(entry, UnreadableObject)]
        return [entry for entry in decoded if isinstance(entry, WireObject)]


def page_steps(body: bytes, resource: Resource, body_format: BodyFormat) -> Generator[None, None, Page]:
    """Decode the answer to a list of this resource in steps that are short, however long the answer is.

    What the generator returns is the page. Raises WireError.
    """
    try:
        metadata, items = yield from items_of(body)
    except UNDECODABLE as error:
        raise unreadable_answer(error) from None
    if metadata is None:
        raise WireError("a list without metadata")
    if items is None:
        raise WireError("a list without items")
    return Page(version_of(metadata.resourceVersion), metadata.continue_, items, resource, body_format)


def _object_or_not(
    body: bytes, body_format: BodyFormat, kind: str, api_version: str
) -> WireObject | UnreadableObject:
    try:
        return decode_object(body, body_format, kind, api_version)
    except UNREADABLE as error:
        return unreadable(body, reason_of(error))
