"""The events of a watch as lines of JSON, in the shapes of a Kubernetes API server."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from app import jsontext
from app.cache.changelog import Change
from app.cache.objects import CachedObject
from app.cache.tables import table_for
from app.kubeapi.cached.cached_body import META, cells_of, definitions, included_object, partial_of
from app.kubeapi.cached.kube_request import CachedRead

_INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class WatchEvents:
    """What one watch is sent. Only the first event of a table says which columns there are.

    ``columns`` are those of the resource's definition, where it has one.
    """

    def __init__(self, read: CachedRead, columns: Sequence[Mapping[str, Any]] | None) -> None:
        self._read = read
        self._table = table_for(read.resource.name, columns) if read.shape == "table" else None
        self._headed = False

    def added(self, found: CachedObject) -> bytes:
        """Return the line that an object is there."""
        return self._event(b"ADDED", found.json, found.version)

    def changes(self, changes: Sequence[Change]) -> Iterator[bytes]:
        """What happened to what is asked for: what leaves a selector is deleted, in its last state."""
        for change in changes:
            before, after = self._read.matches(change.old), self._read.matches(change.new)
            if after and change.new is not None:
                kind = b"MODIFIED" if before else b"ADDED"
                document = _with_managed(change.new, change.managed) if change.managed else change.new.json
                yield self._event(kind, document, change.version)
            elif before and change.old is not None:
                yield self._event(b"DELETED", _at(change.old, change.version), change.version)

    def bookmark(self, version: int, *, initial_events_end: bool = False) -> bytes:
        """Return the line that all is told up to ``version``."""
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if initial_events_end:
            metadata["annotations"] = _INITIAL_EVENTS_END
        resource = self._read.resource
        said = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        # Bookmarks of tables carry their metadata whatever is to be included.
        return self._event(b"BOOKMARK", orjson.dumps(said), version, included="Metadata")

    def _event(self, kind: bytes, document: bytes, version: int, included: str = "") -> bytes:
        if self._read.shape == "metadata":
            document = partial_of(document)
        elif self._read.shape == "table":
            document = self._row(document, version, included or self._read.included)
        return b'{"type":"%s","object":%s}\n' % (kind, document)

    def _row(self, document: bytes, version: int, included: str) -> bytes:
        assert self._table is not None
        (cells,) = self._table.rows([jsontext.decode(document)], datetime.now(UTC))
        columns = b"null" if self._headed else definitions(self._table)
        self._headed = True
        said = {"kind": "Table", "apiVersion": META, "metadata": {"resourceVersion": str(version)}}
        return b'%s,"columnDefinitions":%s,"rows":[{"cells":%s,"object":%s}]}' % (
            orjson.dumps(said)[:-1],
            columns,
            cells_of(cells),
            included_object(document, included),
        )


def _at(found: CachedObject, version: int) -> bytes:
    """The JSON of an object with the version at which it was deleted, which is what API servers send."""
    return _with(found, "resourceVersion", b'"%d"' % version)


def _with_managed(found: CachedObject, managed: bytes) -> bytes:
    """The JSON of an object with the managedFields that it came with."""
    return _with(found, "managedFields", managed)


def _with(found: CachedObject, name: str, value: bytes) -> bytes:
    """The JSON of an object with another value of a member of its metadata."""
    members = _members.decode(found.json)
    metadata = _members.decode(members["metadata"])
    metadata[name] = msgspec.Raw(value)
    members["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(members)
