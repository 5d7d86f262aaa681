"""One Kubernetes object as the cache holds it: its JSON as bytes, and a slim index."""

import msgspec
from msgspec.structs import force_setattr

SEPARATOR = "\0"


def key_of(namespace: str, name: str) -> str:
    """The key of an object in its store.

    Keys sort by namespace and then by name, because NUL sorts before every
    character that either may contain; cluster-scoped objects have namespace "".
    """
    return f"{namespace}{SEPARATOR}{name}"


class Labels(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """A set of labels, held once for all objects of a store that carry just these."""

    raw: bytes
    values: dict[str, str]


class CachedObject(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An object at one resourceVersion. Never changed: a newer state is a new CachedObject.

    ``text`` holds its JSON without the opening brace, from ``start`` to ``end``; with an ``end`` of -1
    it is that alone. Where it lies is all that changes: among its neighbours once these were listed together.
    """

    key: str
    uid: str
    version: int
    labels: Labels
    text: bytes
    start: int = 0
    end: int = -1

    @property
    def namespace(self) -> str:
        """The namespace; empty for cluster-scoped objects."""
        return self.key.partition(SEPARATOR)[0]

    @property
    def name(self) -> str:
        """The name within the namespace."""
        return self.key.partition(SEPARATOR)[2]

    @property
    def tail(self) -> bytes:
        """The JSON without the opening brace; it begins with ``"kind":…,"apiVersion":…``."""
        return self.text if self.end < 0 else self.text[self.start : self.end]

    @property
    def size(self) -> int:
        """The bytes of the tail."""
        return len(self.text) if self.end < 0 else self.end - self.start

    @property
    def json(self) -> bytes:
        """The whole JSON document, as a copy."""
        return b"{" + self.tail

    def view(self, cut: int = 0) -> memoryview:
        """The tail but for its first bytes, without a copy."""
        end = len(self.text) if self.end < 0 else self.end
        return memoryview(self.text)[self.start + cut : end]

    def settle(self, text: bytes, start: int) -> None:
        """Lie in this text from now on, which has the tail there."""
        end = start + self.size
        force_setattr(self, "text", text)
        force_setattr(self, "start", start)
        force_setattr(self, "end", end)

    def detach(self) -> int:
        """Hold no bytes but its own; returns how many bytes that left in a text with others."""
        if self.end < 0:
            return 0
        size = self.size
        force_setattr(self, "text", self.tail)
        force_setattr(self, "start", 0)
        force_setattr(self, "end", -1)
        return size


def opening(cluster: str) -> bytes:
    """Return what stands before a tail in a list: the opening brace, and a member that names the cluster."""
    return b'{"cluster":%s,' % msgspec.json.encode(cluster)
