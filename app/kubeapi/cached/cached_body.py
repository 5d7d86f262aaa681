"""The bodies of cached answers, in the shapes of a Kubernetes API server.

JSON is a join of the bytes that are cached.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from app.api.http.rendering import AT_ONCE, ROWS_AT_ONCE, Pieces, by_work
from app.cache.objects import CachedObject
from app.cache.segments import segments_of
from app.cache.tables import Row, Table, table_for
from app.kube.discovery.api_resource import Resource
from app.turns import Kind, Pace

META = "meta.k8s.io/v1"


class Listed(msgspec.Struct, frozen=True):
    """What a list says. ``columns`` are those of the resource's definition, where it has one."""

    resource: Resource
    kind: str
    objects: Sequence[CachedObject]
    metadata: Mapping[str, Any]
    columns: Sequence[Mapping[str, Any]] | None

    def head(self, kind: str, api_version: str) -> bytes:
        """Everything up to the items, without a brace at the end."""
        members = {"kind": kind, "apiVersion": api_version, "metadata": self.metadata}
        return orjson.dumps(members)[:-1]


def list_length(listed: Listed) -> int:
    """The bytes of `json_list`."""
    number = len(listed.objects)
    size = sum(segment.size for segment in segments_of(listed.objects)) - number * _cut(listed)
    return len(_json_head(listed)) + size + number + max(number - 1, 0) + len(b"]}\n")


def _json_head(listed: Listed) -> bytes:
    return listed.head(listed.kind, listed.resource.api_version) + b',"items":['


def _cut(listed: Listed) -> int:
    """The bytes at the beginning of a tail that items lack.

    Of built-in kinds they do not say what they are: the list does.
    """
    if listed.columns is not None:
        return 0
    said = {"kind": listed.resource.kind, "apiVersion": listed.resource.api_version}
    return len(orjson.dumps(said)) - 1


async def json_list(listed: Listed) -> Pieces:
    """Yield a list as JSON."""
    cut = _cut(listed)
    yield _json_head(listed)
    between = b"{"
    for segment in segments_of(listed.objects):
        yield between + b",{".join([found.view(cut) for found in segment.objects])
        between = b",{"
    yield b"]}\n"


async def json_object(found: CachedObject) -> Pieces:
    """Yield an object as JSON."""
    yield found.json + b"\n"


# Metadata alone


class _Metadata(msgspec.Struct):
    metadata: msgspec.Raw


_metadata = msgspec.json.Decoder(_Metadata)
_PARTIAL = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'


def partial_of(document: bytes) -> bytes:
    """The PartialObjectMetadata of an object."""
    return b"".join((_PARTIAL, _metadata.decode(document).metadata, b"}"))


def partial(found: CachedObject) -> bytes:
    """Return an object as PartialObjectMetadata."""
    return partial_of(found.json)


async def metadata_list(listed: Listed) -> Pieces:
    """Yield a list as PartialObjectMetadataList."""
    if not listed.objects:
        # Alone among lists, kube-apiserver's have no empty array then.
        yield listed.head("PartialObjectMetadataList", META) + b',"items":null}\n'
        return
    yield listed.head("PartialObjectMetadataList", META) + b',"items":['
    comma, pace = b"", Pace(Kind.SNAPSHOT)
    for some in by_work(listed.objects, AT_ONCE):
        yield comma + b",".join(map(partial, some))
        comma = b","
        await pace.give()
    yield b"]}\n"


async def metadata_object(found: CachedObject) -> Pieces:
    """Yield an object as PartialObjectMetadata."""
    yield partial(found) + b"\n"


# Tables


async def table(listed: Listed, included: str) -> Pieces:
    """As kube-apiserver prints it; ``included`` says what a row carries of its object."""
    printed = table_for(listed.resource.name, listed.columns)
    yield listed.head("Table", META) + b',"columnDefinitions":' + definitions(printed) + b',"rows":['
    now, pace = datetime.now(UTC), Pace(Kind.SNAPSHOT)
    comma = b""
    # Some tables say of an object what depends on all the others.
    whole = printed.of_list is not None
    for some in [listed.objects] if whole and listed.objects else by_work(listed.objects, ROWS_AT_ONCE):
        cells = printed.rows_of(some, now)
        rows = (
            b'{"cells":%s,"object":%s}' % (cells_of(row), included_object(found.json, included))
            for found, row in zip(some, cells, strict=True)
        )
        yield comma + b",".join(rows)
        comma = b","
        await pace.give()
    yield b"]}\n"


def cells_of(row: Row) -> bytes:
    """The cells of a row; integers that clients would refuse the whole table for are texts."""
    try:
        return orjson.dumps(row)
    except orjson.JSONEncodeError:
        return orjson.dumps([str(cell) if type(cell) is int else cell for cell in row])


def definitions(table: Table) -> bytes:
    """Return the ``columnDefinitions`` of a Table."""
    return orjson.dumps([msgspec.structs.asdict(column) for column in table.columns])


def included_object(document: bytes, included: str) -> bytes:
    """What a row carries of its object: ``Object``, ``Metadata`` or ``None``."""
    match included:
        case "Object":
            return document
        case "Metadata":
            return partial_of(document)
    return b"null"
