"""A callback for the changes of stores, for as long as a ``with`` block lasts."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.cache.store import Change, Store

Callback = Callable[[Sequence[Change]], None]


@contextmanager
def listening(stores: Sequence[Store], on_changes: Callback) -> Iterator[None]:
    """Call ``on_changes`` with the changes of these stores, and with none when one of them begins anew."""
    listener = _Listener(on_changes)
    for store in stores:
        store.listeners.append(listener)
    try:
        yield
    finally:
        for store in stores:
            store.listeners.remove(listener)


class _Listener:
    def __init__(self, on_changes: Callback) -> None:
        self._on_changes = on_changes

    def changed(self, store: Store, changes: Sequence[Change]) -> None:
        self._on_changes(changes)

    def replaced(self, store: Store) -> None:
        self._on_changes(())
