"""What frames say of an object: all of it, some of its fields, or the row that a table has for it."""

from hashlib import blake2b
from typing import Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

from app.cache.changelog import Deleted
from app.cache.cluster_member import without_own
from app.cache.objects import CachedObject
from app.cache.query.projection import Projection
from app.cache.tables import Column, Table, live_cells
from app.fleet.cluster import Cluster
from app.streams.frames import Kind, Place


class Shape(Protocol):
    """Makes the frames of one resource of one cluster."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """What an object's cells are; none where frames have no cells."""

    @property
    def mark(self) -> str:
        """Another one where the columns are others; empty where frames have no cells."""

    @property
    def heads(self) -> tuple[bytes, ...]:
        """Frames that come before any other of the resource."""

    def state(self, kind: Kind, found: CachedObject) -> bytes:
        """An object as it is now."""

    def deletion(self, gone: CachedObject | Deleted, version: int) -> bytes: ...

    def forget(self) -> None:
        """What there was may all be gone."""


class Objects:
    """``projection`` leaves only some fields of each."""

    columns: tuple[Column, ...] = ()
    mark = ""
    heads: tuple[bytes, ...] = ()

    def __init__(self, place: Place, projection: Projection | None) -> None:
        self._place = place
        self._projection = projection

    def tail(self, found: CachedObject) -> bytes:
        if self._projection is not None:
            return self._projection.tail(found)
        return without_own(found.tail) if self._place.custom else found.tail

    def state(self, kind: Kind, found: CachedObject) -> bytes:
        return self._place.state(kind, found, self.tail(found))

    def deletion(self, gone: CachedObject | Deleted, version: int) -> bytes:
        return self._place.deletion(gone, version)

    def forget(self) -> None:
        """Nothing is kept."""


# So many rows are kept for the views of one resource of one cluster, of which some may be gone.
MOST_ROWS = 65_536


class Rows:
    """The cells of ``table``, each row made once; with a ``projection``, also those fields of the object."""

    def __init__(self, place: Place, table: Table, projection: Projection | None) -> None:
        self.columns = table.columns
        self.heads = (place.columns(table.columns),)
        self.mark = blake2b(self.heads[0], digest_size=8).hexdigest()
        self._place = place
        self._table = table
        self._projection = projection
        # By key: of which version, and the end of its frame.
        self._made: dict[str, tuple[str, int, bytes]] = {}

    def state(self, kind: Kind, found: CachedObject) -> bytes:
        uid, version, cells = self._made.get(found.key, ("", 0, b""))
        if uid != found.uid or version != found.version:
            tail = None if self._projection is None else self._projection.tail(found)
            cells = self._place.cells(live_cells(self._table, found), tail)
            if len(self._made) >= MOST_ROWS:
                self._made.clear()
            self._made[found.key] = found.uid, found.version, cells
        return self._place.row(kind, found, cells)

    def deletion(self, gone: CachedObject | Deleted, version: int) -> bytes:
        self._made.pop(gone.key, None)
        return self._place.row_deletion(gone, version)

    def forget(self) -> None:
        self._made.clear()


# By cluster, then by what they are rows of: views share what they have in common.
_Key = tuple[bytes | Projection | None, ...]
_shared: WeakKeyDictionary[Cluster, WeakValueDictionary[_Key, Rows]] = WeakKeyDictionary()


def rows_of(cluster: Cluster, place: Place, table: Table, projection: Projection | None) -> Rows:
    """The rows of a resource of a cluster, for all views alike."""
    rows = Rows(place, table, projection)
    known = _shared.setdefault(cluster, WeakValueDictionary())
    return known.setdefault((*rows.heads, projection), rows)
