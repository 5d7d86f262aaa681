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
from app.streams.frames import Kind, ResourceFrames


class FrameShape(Protocol):
    """Makes the frames of one resource of one cluster."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of an object's cells; none where frames have no cells."""

    @property
    def mark(self) -> str:
        """A digest of the columns; empty where frames have no cells."""

    @property
    def heads(self) -> tuple[bytes, ...]:
        """Frames that come before any other of the resource."""

    def state(self, kind: Kind, obj: CachedObject) -> bytes:
        """An object as it is now."""

    def deletion(self, gone: CachedObject | Deleted, version: int) -> bytes:
        """An object that is gone, at ``version``."""

    def forget(self) -> None:
        """Drop what is kept of objects, which may all be gone."""


class ObjectFrames:
    """Makes frames with whole objects, or with the fields that ``projection`` leaves."""

    columns: tuple[Column, ...] = ()
    mark = ""
    heads: tuple[bytes, ...] = ()

    def __init__(self, frames: ResourceFrames, projection: Projection | None) -> None:
        self._frames = frames
        self._projection = projection

    def tail(self, obj: CachedObject) -> bytes:
        """The JSON of the object, or of its fields that are asked for, without the opening brace."""
        if self._projection is not None:
            return self._projection.tail(obj)
        return without_own(obj.tail) if self._frames.custom else obj.tail

    def state(self, kind: Kind, obj: CachedObject) -> bytes:
        """An object as it is now."""
        return self._frames.state(kind, obj, self.tail(obj))

    def deletion(self, gone: CachedObject | Deleted, version: int) -> bytes:
        """An object that is gone, at ``version``."""
        return self._frames.deletion(gone, version)

    def forget(self) -> None:
        """Do nothing, since nothing is kept."""


# So many rows are kept for the views of one resource of one cluster, of which some may be gone.
MOST_ROWS = 65_536


class RowFrames:
    """Makes frames with the cells of ``table``, each row once for each version of its object.

    With a ``projection`` they have those fields of the object, too.
    """

    def __init__(self, frames: ResourceFrames, table: Table, projection: Projection | None) -> None:
        self.columns = table.columns
        self.heads = (frames.columns(table.columns),)
        self.mark = blake2b(self.heads[0], digest_size=8).hexdigest()
        self._frames = frames
        self._table = table
        self._projection = projection
        # By key: of which version, and the end of its frame.
        self._made: dict[str, tuple[str, int, bytes]] = {}

    def state(self, kind: Kind, obj: CachedObject) -> bytes:
        """An object as it is now, as a row."""
        uid, version, cells = self._made.get(obj.key, ("", 0, b""))
        if uid != obj.uid or version != obj.version:
            tail = None if self._projection is None else self._projection.tail(obj)
            cells = self._frames.cells(live_cells(self._table, obj), tail)
            if len(self._made) >= MOST_ROWS:
                self._made.clear()
            self._made[obj.key] = obj.uid, obj.version, cells
        return self._frames.row(kind, obj, cells)

    def deletion(self, gone: CachedObject | Deleted, version: int) -> bytes:
        """A row that is gone, at ``version``."""
        self._made.pop(gone.key, None)
        return self._frames.row_deletion(gone, version)

    def forget(self) -> None:
        """Drop all rows that were made."""
        self._made.clear()


# By cluster, then by what they are rows of: views share what they have in common.
_Key = tuple[bytes | Projection | None, ...]
_shared: WeakKeyDictionary[Cluster, WeakValueDictionary[_Key, RowFrames]] = WeakKeyDictionary()


def rows_of(
    cluster: Cluster, frames: ResourceFrames, table: Table, projection: Projection | None
) -> RowFrames:
    """The rows of a resource of a cluster, shared by all views that ask for the same."""
    rows = RowFrames(frames, table, projection)
    by_key = _shared.setdefault(cluster, WeakValueDictionary())
    return by_key.setdefault((*rows.heads, projection), rows)
