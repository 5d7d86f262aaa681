"""The keys of the objects of a store, in order: each namespace is one range of them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator

from app.cache.objects import SEPARATOR

_AFTER_SEPARATOR = chr(ord(SEPARATOR) + 1)


class SortedKeys(list[str]):
    """Keys as `app.cache.objects.key_of` makes them. It must be made of sorted ones, and stays sorted."""

    __slots__ = ()

    def add(self, key: str) -> None:
        """Add a key that is not there."""
        insort(self, key)

    def discard(self, key: str) -> None:
        """Remove a key that is there."""
        del self[bisect_left(self, key)]

    def namespaces(self) -> Iterator[tuple[str, int, int]]:
        """Each namespace that has keys, and from where to where these stand."""
        start = 0
        while start < len(self):
            namespace = self[start].partition(SEPARATOR)[0]
            end = self._end(namespace, start)
            yield namespace, start, end
            start = end

    def within(self, namespaces: Collection[str] | None) -> list[str]:
        """The keys in these namespaces; all for None."""
        if namespaces is None:
            return self
        keys: list[str] = []
        for namespace in sorted(set(namespaces)):
            start = bisect_left(self, namespace + SEPARATOR)
            keys += self[start : self._end(namespace, start)]
        return keys

    def after(self, key: str, namespaces: Collection[str] | None, most: int) -> list[str]:
        """The next keys behind this one in these namespaces, ``most`` of them at most."""
        keys = self.within(namespaces)
        start = bisect_right(keys, key)
        return keys[start : start + most]

    def _end(self, namespace: str, start: int) -> int:
        return bisect_left(self, namespace + _AFTER_SEPARATOR, start)
