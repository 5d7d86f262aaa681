"""Following stores for as long as something takes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.cache.store import Change, Store

Told = Callable[[Sequence[Change]], None]


@contextmanager
def listening(stores: Sequence[Store], told: Told) -> Iterator[None]:
    """Within, ``told`` is called with what happens in these stores; without any change where one of
    them begins anew."""
    listener = _Listener(told)
    for store in stores:
        store.listeners.append(listener)
    try:
        yield
    finally:
        for store in stores:
            store.listeners.remove(listener)


class _Listener:
    def __init__(self, told: Told) -> None:
        self._told = told

    def changed(self, store: Store, changes: Sequence[Change]) -> None:
        self._told(changes)

    def replaced(self, store: Store) -> None:
        self._told(())
