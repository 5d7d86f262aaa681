"""The version vector that clients hold: how far they have seen each store.

A cursor is opaque to clients and complete in itself, so that any process watching
the same clusters can read it. It holds when and by which process it was made, a signature of the
namespaces and selectors it is for, and a row for each cluster: three bytes that stand
for its name and two for its identity, then the version of each store, one a column.
Beside these stand marks (`app.fleet.history_bridge`), which tell one history from another.

It travels in header lines, so it is at most ``LIMIT`` characters. A fleet too large
for exact versions gets a coarser cursor: first none of the marks; then one version a
cluster, the lowest of its stores; then versions rounded down; then some clusters left out. Each of these
only makes the reader receive again what it had: a lower version claims less.
"""

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

import msgspec

from app.encoding import base64url
from app.encoding.varint import read_varint, write_varint
from app.fleet.history_bridge import Mark

LIMIT = 6 * 1024
_FORMAT = 2
_NAME_BYTES, _IDENTITY_BYTES = 3, 2
_ANY = ""
_NO_MARK = Mark(0, 0)


class CursorError(ValueError):
    """The text is no cursor of ours; the message says so in one line."""


class StorePosition(msgspec.Struct, frozen=True):
    """How far one store has been seen, and the latest change of it by version and uid."""

    cluster: str
    identity: str
    resource: str
    namespace: str | None
    version: int
    latest: tuple[int, str] = (0, "")


class _Wire(msgspec.Struct, array_like=True):
    format: int
    made: int
    maker: bytes
    signature: bytes
    shift: int
    columns: list[str]
    rows: bytes
    marks: bytes


class Cursor:
    """A decoded cursor: a row for each cluster, a column for each resource and namespace.

    ``made`` is when, in seconds since the epoch; ``maker`` is the id of the fleet that made it,
    ``signature`` that of the query it is for, ``text`` what it was decoded from, empty where it was not.
    """

    def __init__(
        self,
        made: int,
        maker: bytes,
        signature: bytes,
        columns: Iterable[str],
        rows: Mapping[bytes, tuple[int, ...]],
        shift: int = 0,
        marks: Mapping[tuple[bytes, int], Mark] | None = None,
        text: str = "",
    ) -> None:
        self.text = text
        self.made = made
        self.maker = maker
        self.signature = signature
        self._columns = {column: index for index, column in enumerate(columns)}
        self._rows = rows
        self._shift = shift
        # By row, and number of the column.
        self._marks = marks or {}

    @classmethod
    def at(cls, positions: Iterable[StorePosition], signature: bytes, maker: bytes = b"") -> "Cursor":
        """Return the cursor of a reader that has just seen all of these."""
        by_row: dict[bytes, dict[str, StorePosition]] = {}
        for position in positions:
            row = by_row.setdefault(_row_id(position.cluster, position.identity), {})
            row[_column(position.resource, position.namespace)] = position
        columns = sorted({column for row in by_row.values() for column in row})
        rows: dict[bytes, tuple[int, ...]] = {}
        marks: dict[tuple[bytes, int], Mark] = {}
        for row_id, row in sorted(by_row.items()):
            rows[row_id] = tuple(row[column].version if column in row else 0 for column in columns)
            for number, column in enumerate(columns):
                if column in row and 0 < row[column].latest[0] <= row[column].version:
                    marks[row_id, number] = Mark.of(*row[column].latest)
        return cls(int(time.time()), maker, signature, columns, rows, marks=marks)

    def version(self, cluster: str, identity: str, resource: str, namespace: str | None) -> int | None:
        """Return the version up to which a store has been seen; None where the cursor does not cover it."""
        row = self._rows.get(_row_id(cluster, identity))
        index = self._columns.get(_column(resource, namespace), self._columns.get(_ANY))
        if row is None or index is None:
            return None
        return row[index] or None

    def mark(self, cluster: str, identity: str, resource: str, namespace: str | None) -> Mark | None:
        """Return the mark of the latest change of a store that has been seen; None where there is none."""
        number = self._columns.get(_column(resource, namespace))
        return None if number is None else self._marks.get((_row_id(cluster, identity), number))

    def covers(self, cluster: str, resource: str) -> bool:
        """Whether something of this resource of a cluster has been seen."""
        numbers = [
            number for column, number in self._columns.items() if column.partition("/")[0] in (resource, _ANY)
        ]
        rows = (row for row_id, row in self._rows.items() if row_id.startswith(_name_id(cluster)))
        return any(row[number] for row in rows for number in numbers)

    def covers_others(self, clusters: Iterable[str]) -> bool:
        """Whether something has been seen of a cluster that is none of these."""
        names = {_name_id(cluster) for cluster in clusters}
        return any(row_id[:_NAME_BYTES] not in names for row_id in self._rows)

    def without(self, parts: Iterable[tuple[str, str]]) -> "Cursor":
        """Return a cursor that does not cover these, each a cluster and a resource, and is else the same."""
        forgotten = {(_name_id(cluster), resource) for cluster, resource in parts}
        resources = [column.partition("/")[0] for column in self._columns]
        rows = {
            row_id: tuple(
                0 if (row_id[:_NAME_BYTES], resource) in forgotten else version
                for resource, version in zip(resources, row, strict=True)
            )
            for row_id, row in self._rows.items()
        }
        marks = {
            (row_id, number): mark for (row_id, number), mark in self._marks.items() if rows[row_id][number]
        }
        return Cursor(self.made, self.maker, self.signature, self._columns, rows, self._shift, marks)

    def encode(self) -> str:
        """Return the text that clients send back, at most ``LIMIT`` characters of URL-safe base64."""
        cursor = self
        for coarser in (Cursor._without_marks, Cursor._one_column, Cursor._rounded, Cursor._rounded):
            text = cursor._encoded()
            if len(text) <= LIMIT:
                return text
            cursor = coarser(cursor)
        while len(text := cursor._encoded()) > LIMIT:
            kept = list(cursor._rows.items())[: len(cursor._rows) * LIMIT // (len(text) + 1)]
            cursor = Cursor(
                cursor.made, cursor.maker, cursor.signature, cursor._columns, dict(kept), cursor._shift
            )
        return text

    def _without_marks(self) -> "Cursor":
        return Cursor(self.made, self.maker, self.signature, self._columns, self._rows)

    def _one_column(self) -> "Cursor":
        lowest = {row_id: (min(filter(None, row), default=0),) for row_id, row in self._rows.items()}
        return Cursor(self.made, self.maker, self.signature, [_ANY], lowest, self._shift)

    def _rounded(self) -> "Cursor":
        return Cursor(self.made, self.maker, self.signature, self._columns, self._rows, self._shift + 8)

    def _encoded(self) -> str:
        rows, marks = bytearray(), bytearray()
        for row_id, row in self._rows.items():
            rows += row_id
            for number, version in enumerate(row):
                write_varint(rows, version >> self._shift)
                if self._marks:
                    mark = self._marks.get((row_id, number), _NO_MARK)
                    marks.append(mark.digest)
                    write_varint(marks, version - mark.version if mark.digest else 0)
        wire = _Wire(
            _FORMAT,
            self.made,
            self.maker,
            self.signature,
            self._shift,
            list(self._columns),
            bytes(rows),
            bytes(marks),
        )
        return base64url.to_text(msgspec.msgpack.encode(wire))

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read what ``encode`` wrote. Raises CursorError for anything else."""
        shown = text if len(text) <= 40 else text[:40] + "…"
        problem = CursorError(
            f"{shown!r} is not a cursor; "
            "accepted is metadata.resourceVersion or X-Cursor of an answer of this API"
        )
        try:
            packed = base64url.to_bytes(text)
            wire = msgspec.msgpack.decode(packed, type=_Wire)
            if wire.format != _FORMAT or not 0 <= wire.shift < 64:
                raise problem
            rows = dict(_read_rows(wire.rows, len(wire.columns), wire.shift))
            marks = dict(_read_marks(wire.marks, rows))
        except (ValueError, IndexError, msgspec.MsgspecError) as error:
            raise problem from error
        return cls(wire.made, wire.maker, wire.signature, wire.columns, rows, wire.shift, marks, text)


@lru_cache(maxsize=4096)
def _row_id(cluster: str, identity: str) -> bytes:
    return _name_id(cluster) + blake2b(identity.encode(), digest_size=_IDENTITY_BYTES).digest()


@lru_cache(maxsize=4096)
def _name_id(cluster: str) -> bytes:
    return blake2b(cluster.encode(), digest_size=_NAME_BYTES).digest()


def _column(resource: str, namespace: str | None) -> str:
    return resource if namespace is None else f"{resource}/{namespace}"


def _read_rows(data: bytes, columns: int, shift: int) -> Iterable[tuple[bytes, tuple[int, ...]]]:
    at = 0
    while at < len(data):
        row_id = data[at : at + _NAME_BYTES + _IDENTITY_BYTES]
        at += len(row_id)
        row = []
        for _ in range(columns):
            number, at = read_varint(data, at)
            row.append(number << shift)
        yield row_id, tuple(row)


def _read_marks(
    data: bytes, rows: Mapping[bytes, tuple[int, ...]]
) -> Iterable[tuple[tuple[bytes, int], Mark]]:
    at = 0
    for row_id, row in rows.items() if data else ():
        for number, version in enumerate(row):
            digest = data[at]
            before, at = read_varint(data, at + 1)
            if digest:
                yield (row_id, number), Mark(version - before, digest)
