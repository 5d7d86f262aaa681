"""Complete lines out of the chunks that a socket happens to deliver."""

from app.kube.answer_limits import OBJECT_BYTES
from app.kube.wire.wire_errors import WireError


class LineSplitter:
    """Splits a stream of bytes at newlines, however it was cut into chunks.

    The parts of a line are gathered in a list and joined once, so that a line of
    a megabyte in chunks of 16 KiB costs one copy and not sixty.
    """

    def __init__(self, limit: int = OBJECT_BYTES) -> None:
        """``limit`` is the longest line accepted, in bytes."""
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that this chunk completes, without their newlines; empty ones are left out.

        Raises WireError where a line grows beyond the limit.
        """
        head, newline, rest = chunk.partition(b"\n")
        if not newline:
            self._keep(chunk)
            return []
        self._parts.append(head)
        lines = [b"".join(self._parts)]
        self._parts = []
        self._size = 0
        if rest:
            *more, last = rest.split(b"\n")
            lines += more
            self._keep(last)
        return [line for line in lines if line]

    @property
    def size(self) -> int:
        """The bytes that have come of a line that is not complete: how many."""
        return self._size

    def rest(self) -> bytes:
        """Return what has come of a line that is not complete."""
        return b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        if not part:
            return
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._limit:
            raise WireError(f"a line of more than {self._limit} bytes")
