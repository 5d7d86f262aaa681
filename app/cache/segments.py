"""All objects of a store in the order of their keys, cut into segments that are kept between two lists.

A list of everything sends the text of each segment, in which its objects lie from then on: to gather bytes
that are scattered over memory costs half as much as to send them. A change drops the one segment that it
falls into, which is made anew for the next list.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from typing import overload

from app.cache.objects import CachedObject

# Joins of 256 KB to 1 MB cost least: smaller ones wake up too often, larger ones need fresh pages.
SEGMENT_BYTES = 256 * 1024

# A text of which more than this part belongs to objects that are gone is given up.
_LOOSE_AT_MOST = 1 / 4
# More segments than these, because much was deleted, are joined.
_MOST_TIMES = 2
_FEW = 16

_KEY, _SIZE = attrgetter("key"), attrgetter("size")


class Segment:
    """Neighbours; ``size`` is that of their tails together.

    While it is ``current``, all of them are in the store, and nothing is between them.
    """

    __slots__ = ("_text", "current", "objects", "size")

    def __init__(self, objects: list[CachedObject], size: int, *, current: bool = False) -> None:
        self.objects = objects
        self.size = size
        self.current = current
        self._text: bytes | None = None

    def joined(self, before: bytes) -> bytes:
        """All tails, each behind ``before``, which is the same for all segments of a store.

        A current segment keeps that text, and its objects lie there from then on.
        """
        if self._text is not None:
            return self._text
        text = before.join([b"", *(obj.view() for obj in self.objects)])
        if self.current:
            self._text, at = text, 0
            for obj in self.objects:
                at += len(before)
                obj.settle(text, at)
                at += obj.size
        return text

    def detach(self) -> None:
        """Have each object hold its own bytes, so that the text goes."""
        self._text = None
        for obj in self.objects:
            obj.detach()


class AllObjects(Sequence[CachedObject]):
    """All objects of a store, as they were when this was made.

    ``firsts`` are the keys from which on an object belongs to each segment.
    """

    def __init__(self, segments: list[Segment], firsts: list[str]) -> None:
        self.segments = segments
        self._firsts = firsts
        self._ends = list(accumulate(len(segment.objects) for segment in segments))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[CachedObject]:
        return chain.from_iterable(segment.objects for segment in self.segments)

    @overload
    def __getitem__(self, index: int) -> CachedObject: ...
    @overload
    def __getitem__(self, index: slice) -> list[CachedObject]: ...

    def __getitem__(self, index: int | slice) -> CachedObject | list[CachedObject]:
        if isinstance(index, slice):
            return self._between(*index.indices(len(self)))
        at = range(len(self))[index]
        number = bisect_right(self._ends, at)
        objects = self.segments[number].objects
        return objects[at - self._ends[number]]

    def after(self, key: str) -> tuple[Segment, int] | None:
        """The segment of the next object behind this key, and its place in there; None behind the last."""
        if not self.segments:
            return None
        number = max(bisect_right(self._firsts, key) - 1, 0)
        segment = self.segments[number]
        index = bisect_right(segment.objects, key, key=_KEY)
        if index < len(segment.objects):
            return segment, index
        return (self.segments[number + 1], 0) if number + 1 < len(self.segments) else None

    def _between(self, start: int, stop: int, step: int) -> list[CachedObject]:
        if step != 1:
            return list(self)[start:stop:step]
        number = bisect_right(self._ends, start)
        objects: list[CachedObject] = []
        while start < stop:
            segment, end = self.segments[number].objects, self._ends[number]
            begin = end - len(segment)
            objects += segment[start - begin : stop - begin]
            start, number = end, number + 1
        return objects


def segments_of(objects: Sequence[CachedObject]) -> Iterator[Segment]:
    """Any objects, in their order, cut into segments."""
    if isinstance(objects, AllObjects):
        yield from objects.segments
    else:
        yield from _cut(list(objects))


def _cut(objects: list[CachedObject], *, current: bool = False) -> Iterator[Segment]:
    sums = list(accumulate(map(_SIZE, objects)))
    start = before = 0
    while start < len(sums):
        end = bisect_left(sums, before + SEGMENT_BYTES, start, len(sums) - 1) + 1
        yield Segment(objects[start:end], sums[end - 1] - before, current=current)
        start, before = end, sums[end - 1]


class Segments:
    """The segments of one store, of which some may have to be made anew."""

    def __init__(self) -> None:
        # The first key that falls into each, and the segment where it still holds.
        self._firsts: list[str] = []
        self._segments: list[Segment | None] = []
        # As they were when all were made last, and the bytes in the text of each that no object has any more.
        self._made: list[Segment] = []
        self._loose: list[int] = []
        self._all: AllObjects | None = None

    def changed(self, key: str, old: CachedObject | None) -> None:
        """Take in that there is another object of this key, or none; ``old`` is what there was."""
        self._all = None
        loose = old.detach() if old is not None else 0
        if not self._firsts:
            return
        at = bisect_right(self._firsts, key) - 1
        made = self._made[at]
        made.current = False
        self._segments[at] = None
        self._loose[at] += loose
        if self._loose[at] > made.size * _LOOSE_AT_MOST:
            self._loose[at] = 0
            made.detach()

    def clear(self) -> None:
        """Forget all segments: every object may have gone."""
        for segment in self._made:
            segment.current = False
        self._firsts = []
        self._segments = []
        self._made = []
        self._loose = []
        self._all = None

    def all(self, keys: Sequence[str], objects: Mapping[str, CachedObject]) -> AllObjects:
        """All objects in order; ``keys`` are those of the ``objects``, sorted."""
        if self._all is not None:
            return self._all
        segments = [*self._up_to_date(keys, objects)]
        if len(segments) > _MOST_TIMES * sum(segment.size for segment in segments) // SEGMENT_BYTES + _FEW:
            segments = [*_cut([objects[key] for key in keys], current=True)]
        self._segments = [*segments]
        self._made = segments
        self._loose = [0] * len(segments)
        # What is created before all others falls into the first segment too.
        self._firsts = ["", *(segment.objects[0].key for segment in segments[1:])] if segments else []
        self._all = AllObjects(segments, self._firsts)
        return self._all

    def _up_to_date(self, keys: Sequence[str], objects: Mapping[str, CachedObject]) -> Iterator[Segment]:
        """Yield the segments that still hold, and new ones in between."""
        done = at = 0
        for first, segment in zip(self._firsts, self._segments, strict=True):
            # Up to here nothing holds, from ``done`` on.
            at = bisect_left(keys, first, at)
            if segment is not None:
                yield from _cut([objects[key] for key in keys[done:at]], current=True)
                yield segment
                at = done = at + len(segment.objects)
        yield from _cut([objects[key] for key in keys[done:]], current=True)
