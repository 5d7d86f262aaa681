"""One Kubernetes object as the cache holds it: its JSON as bytes, and a slim index."""

import msgspec

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

    ``tail`` is the object's JSON without its opening brace, so that a list with a
    member of our own in each item is one ``bytes.join``:
    ``b',{"cluster":"prod",'.join(tails)``. It begins with ``"kind":…,"apiVersion":…``.
    """

    key: str
    uid: str
    version: int
    labels: Labels
    tail: bytes

    @property
    def namespace(self) -> str:
        return self.key.partition(SEPARATOR)[0]

    @property
    def name(self) -> str:
        return self.key.partition(SEPARATOR)[2]

    @property
    def json(self) -> bytes:
        """The whole JSON document, as a copy."""
        return b"{" + self.tail
