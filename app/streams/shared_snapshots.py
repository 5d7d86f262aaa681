"""Snapshots that are under way at the same time share their frames.

Hundreds of dashboards open at once after a restart: each frame is made once for all that come by within some
megabytes. Nothing is kept for a snapshot that is alone, nor when all are done.
"""

from collections.abc import Iterator

from app.cache.segments import Segment
from app.cache.store import Store
from app.streams.frame_shapes import FrameShape

# So many objects, or fewer that are long together, have their frames made in one step.
AT_ONCE = 8
BYTES_AT_ONCE = 64 * 1024
# Of the frames that were made last.
KEPT_BYTES = 16 * 1024 * 1024

# A shape, the id of a segment, and where in it.
_Key = tuple[FrameShape, int, int]


class SharedFrames:
    """Frames by their shape and the place in a segment, which is never changed, that they begin at."""

    def __init__(self) -> None:
        self.snapshots = 0
        self.bytes = 0
        # The segment is kept so that no other can have its id.
        self._made: dict[_Key, tuple[Segment, list[bytes]]] = {}

    def everything(self, shape: FrameShape, store: Store) -> Iterator[bytes]:
        """A frame for each object that stays while this is taken, as it is when its turn comes."""
        self.snapshots += 1
        try:
            last = ""
            while (place := store.all().after(last)) is not None:
                segment, start = place
                frames = self._frames(shape, segment, start)
                last = segment.objects[start + len(frames) - 1].key
                # Who waits for its client holds no more than these frames.
                del place, segment
                yield from frames
        finally:
            self.snapshots -= 1
            if not self.snapshots:
                self._made.clear()
                self.bytes = 0

    def _frames(self, shape: FrameShape, segment: Segment, start: int) -> list[bytes]:
        kept = self._made.get((shape, id(segment), start))
        if kept is not None:
            return kept[1]
        frames, size = list[bytes](), 0
        for obj in segment.objects[start : start + AT_ONCE]:
            frames.append(shape.state("ADDED", obj))
            size += obj.size
            if size >= BYTES_AT_ONCE:
                break
        if self.snapshots > 1:
            self._keep((shape, id(segment), start), segment, frames)
        return frames

    def _keep(self, key: _Key, segment: Segment, frames: list[bytes]) -> None:
        self._made[key] = segment, frames
        self.bytes += sum(map(len, frames))
        while self.bytes > KEPT_BYTES:
            _, dropped = self._made.pop(next(iter(self._made)))
            self.bytes -= sum(map(len, dropped))


SHARED = SharedFrames()
