"""The bodies of answers, in every format: a listing becomes pieces, one object is a listing of one.

JSON is a join of the bytes that are cached; nothing is decoded or encoded for it.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

import msgspec
import orjson

from app import jsontext
from app.cache.objects import CachedObject, opening
from app.cache.segments import SEGMENT_BYTES, segments_of
from app.cache.tables import Column, Sheet, table_for
from app.fleet.watch_status import ClusterStatus
from app.kube.discovery.api_resource import Resource
from app.turns import Kind, Pace
from app.yamltext import dump, dump_steps

# So many objects are turned into something else, or into rows, in one step: at most a millisecond.
AT_ONCE = 200
ROWS_AT_ONCE = 10
# Of large objects fewer.
_BYTES_AT_ONCE = 64 * 1024

Pieces = AsyncGenerator[bytes, None]
Run = tuple[str, Sequence[CachedObject]]


class Listing(msgspec.Struct):
    """An answer: what a list says, and the objects as runs of one cluster each.

    ``tail_of`` gives the JSON of an object without its opening brace where that is not
    what is cached, because only some fields were asked for. ``printer_columns`` are
    those of the CustomResourceDefinition, where one defines the resource.
    """

    resource: Resource
    cursor: str
    statuses: Sequence[ClusterStatus]
    runs: Sequence[Run]
    continue_: str | None = None
    remaining: int | None = None
    tail_of: Callable[[CachedObject], bytes] | None = None
    printer_columns: Sequence[Mapping[str, Any]] | None = None

    def envelope(self) -> dict[str, Any]:
        """All members of a list but its items, in the order of the contract."""
        metadata: dict[str, Any] = {"resourceVersion": self.cursor}
        if self.continue_:
            metadata["continue"] = self.continue_
        if self.remaining is not None:
            metadata["remainingItemCount"] = self.remaining
        return {
            "kind": f"{self.resource.kind}List",
            "apiVersion": self.resource.api_version,
            "metadata": metadata,
            "clusters": msgspec.to_builtins(self.statuses),
        }

    async def tails(self) -> AsyncGenerator[tuple[bytes, list[bytes]], None]:
        """The JSON of the objects without the opening brace, a piece at a time; what goes before each."""
        pace = Pace(Kind.SNAPSHOT)
        for cluster, objects in self.runs:
            before = opening(cluster)
            for some in by_work(objects, AT_ONCE if self.tail_of is None else ROWS_AT_ONCE):
                yield before, [found.tail if self.tail_of is None else self.tail_of(found) for found in some]
                await pace.give()

    async def joined(self) -> Pieces:
        """The JSON of the objects, each behind a comma."""
        if self.tail_of is not None:
            async for before, tails in self.tails():
                yield (b"," + before).join([b"", *tails])
            return
        for cluster, objects in self.runs:
            before = b"," + opening(cluster)
            for segment in segments_of(objects):
                yield segment.joined(before)

    async def documents(self) -> AsyncGenerator[bytes, None]:
        """The whole JSON of each object."""
        pace = Pace(Kind.SNAPSHOT)
        async for before, tails in self.tails():
            for tail in tails:
                await pace.give()
                yield before + tail


def by_work(objects: Sequence[CachedObject], number: int) -> Iterator[Sequence[CachedObject]]:
    """Up to so many objects at a time, and fewer that are large, for what reads all of each."""
    start = 0
    while start < len(objects):
        some = objects[start : start + number]
        end = size = 0
        while end < len(some) and size < _BYTES_AT_ONCE:
            size += some[end].size
            end += 1
        yield some[:end]
        start += end


# Lists


def json_length(listing: Listing) -> int | None:
    """The bytes of a list in JSON, where that can be told without making them."""
    if listing.tail_of is not None:
        return None
    items = sum(len(objects) for _, objects in listing.runs)
    size = sum(
        len(objects) * len(opening(cluster)) + sum(segment.size for segment in segments_of(objects))
        for cluster, objects in listing.runs
    )
    return len(_json_head(listing)) + size + max(items - 1, 0) + len(b"]}")


def _json_head(listing: Listing) -> bytes:
    return orjson.dumps(listing.envelope())[:-1] + b',"items":['


async def json_list(listing: Listing) -> Pieces:
    """Yield a list as one JSON document."""
    yield _json_head(listing)
    is_first = True
    async for piece in listing.joined():
        yield piece[1:] if is_first else piece
        is_first = False
    yield b"]}"


async def ndjson_list(listing: Listing) -> Pieces:
    """Yield a list as one JSON document a line."""
    async for before, tails in listing.tails():
        # A line end that an API server put between members would break the line.
        lines = [tail.replace(b"\n", b" ") for tail in tails]
        yield before + (b"\n" + before).join(lines) + b"\n"


async def yaml_list(listing: Listing) -> Pieces:
    """Yield a list as one YAML document."""
    yield dump(listing.envelope())
    if not any(objects for _, objects in listing.runs):
        yield b"items: []\n"
        return
    yield b"items:\n"
    async for document in listing.documents():
        async for piece in yaml_document(document, in_list=True):
            yield piece


async def name_list(listing: Listing) -> Pieces:
    """The cluster, and what ``kubectl get -o name`` prints."""
    group = f".{listing.resource.group}" if listing.resource.group else ""
    for cluster, objects in listing.runs:
        prefix = f"{cluster} {listing.resource.kind.lower()}{group}/"
        for start in range(0, len(objects), AT_ONCE):
            names = (f"{prefix}{found.name}\n" for found in objects[start : start + AT_ONCE])
            yield "".join(names).encode()


async def table(listing: Listing, *, wide: bool = False) -> Pieces:
    """As kubectl prints it, with the cluster in front."""
    printed = table_for(listing.resource.name, listing.printer_columns)
    place = [Column("Cluster"), *([Column("Namespace")] if listing.resource.namespaced else [])]
    sheet = Sheet([*place, *printed.columns], wide=wide)
    now, pace = datetime.now(UTC), Pace(Kind.SNAPSHOT)
    for cluster, objects in listing.runs:
        # Some tables say of an object what depends on all the others.
        for some in [objects] if printed.of_list is not None else by_work(objects, ROWS_AT_ONCE):
            for found, row in zip(some, printed.rows_of(some, now), strict=True):
                sheet.add([cluster, *([found.namespace] if listing.resource.namespaced else []), *row])
            await pace.give()
    lines = sheet.lines()
    while piece := "".join(islice(lines, AT_ONCE)):
        yield piece.encode()


# One object


async def json_object(listing: Listing) -> Pieces:
    """Yield one object as JSON."""
    async for document in listing.documents():
        yield document


async def yaml_object(listing: Listing) -> Pieces:
    """Yield one object as YAML."""
    async for document in listing.documents():
        async for piece in yaml_document(document):
            yield piece


async def yaml_document(document: bytes, *, in_list: bool = False) -> Pieces:
    """The YAML of a JSON document; others have their turn within a large one."""
    try:
        value = jsontext.decode(document)
    except jsontext.Undecodable:
        # JSON is YAML, however deep.
        yield (b"- " if in_list else b"") + document.replace(b"\n", b" ") + b"\n"
        return
    pace, pieces, size = Pace(Kind.SNAPSHOT), list[bytes](), 0
    for piece in dump_steps([value] if in_list else value):
        pieces.append(piece)
        size += len(piece)
        if size >= SEGMENT_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
        await pace.give()
    yield b"".join(pieces)


LISTS: dict[str, Callable[[Listing], Pieces]] = {
    "json": json_list,
    "yaml": yaml_list,
    "ndjson": ndjson_list,
    "table": table,
    "wide": partial(table, wide=True),
    "name": name_list,
}
OBJECTS = LISTS | {"json": json_object, "yaml": yaml_object}
