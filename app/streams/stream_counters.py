"""Counts what streams have done so far, for the metrics."""

import msgspec


class StreamCounters(msgspec.Struct):
    """``starts`` counts by what streams began with, ``skipped`` the frames that slow streams never got."""

    frames: int = 0
    bytes: int = 0
    skipped: int = 0
    resets: int = 0
    starts: dict[str, int] = msgspec.field(default_factory=dict)

    def sent(self, frames: int, size: int) -> None:
        """Count frames that were sent, of so many bytes together."""
        self.frames += frames
        self.bytes += size

    def started(self, answer: str) -> None:
        """Count a stream by what it began with: nothing, snapshot, changes, partial or reset."""
        self.starts[answer] = self.starts.get(answer, 0) + 1
