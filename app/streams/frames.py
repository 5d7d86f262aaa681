"""Makes the frames of streams, as JSON (docs/streams.md): each is made once, whoever receives it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import orjson

from app.cache.changelog import Deleted
from app.cache.objects import SEPARATOR, CachedObject
from app.cache.tables import Column
from app.cache.tables.live_cells import LiveCell
from app.fleet.watch_status import ClusterStatus, Condition, timestamp
from app.kube.discovery.api_resource import Resource

Kind = Literal["ADDED", "MODIFIED", "DELETED"]

RESET = b'{"type":"RESET"}'


class ResourceFrames:
    """Makes the frames of the objects of one resource of one cluster.

    ``custom`` says that objects may have top-level members that Kubernetes does not know.
    """

    def __init__(self, cluster: str, resource: Resource) -> None:
        # Of the kinds of Kubernetes itself none has members that are unknown here.
        self.custom = "." in resource.group
        spelled = orjson.dumps(cluster)
        place = b'"cluster":%s,"resource":%s' % (spelled, orjson.dumps(resource.name))
        self.reset = b'{"type":"RESET",%s}' % place
        self._heads = {
            kind: b'{"type":"%s",%s,"namespace":' % (kind.encode(), place)
            for kind in ("ADDED", "MODIFIED", "DELETED")
        }
        self._opening = b'","object":{"cluster":%s,' % spelled
        self._columns = b'{"type":"COLUMNS",%s,"columns":' % place
        self._kind = orjson.dumps({"kind": resource.kind, "apiVersion": resource.api_version})[1:-1]

    def state(self, kind: Kind, obj: CachedObject, tail: bytes) -> bytes:
        """An object as it is now; ``tail`` is its JSON without the opening brace."""
        return b"".join((self._named(kind, obj.key, obj.uid, obj.version), self._opening, tail, b"}"))

    def columns(self, columns: Sequence[Column]) -> bytes:
        """The COLUMNS frame: which cells rows have."""
        described = [
            {name: getattr(column, name) for name in ("name", "type", "format", "priority")}
            for column in columns
        ]
        return b"%s%s}" % (self._columns, orjson.dumps(described))

    def row(self, kind: Kind, obj: CachedObject, cells: bytes) -> bytes:
        """An object as it is now, as a row; ``cells`` are made by `cells`."""
        return b"".join((self._named(kind, obj.key, obj.uid, obj.version), cells))

    def cells(self, cells: Sequence[LiveCell], tail: bytes | None) -> bytes:
        """The end of a row's frame; ``tail`` is what is asked for of the object itself."""
        rest = b"" if tail is None else self._opening[1:] + tail
        return b'","cells":%s%s}' % (orjson.dumps(cells), rest)

    def row_deletion(self, gone: CachedObject | Deleted, version: int) -> bytes:
        """A row that is gone, at ``version``."""
        return self._named("DELETED", gone.key, gone.uid, version) + b'"}'

    def deletion(self, gone: CachedObject | Deleted, version: int) -> bytes:
        """An object that is gone, at ``version``; its metadata are those that identify it."""
        namespace, _, name = gone.key.partition(SEPARATOR)
        metadata = {"name": name, "uid": gone.uid, "resourceVersion": str(version)}
        if namespace:
            metadata["namespace"] = namespace
        tail = b'%s,"metadata":%s}' % (self._kind, orjson.dumps(metadata))
        return b"".join((self._named("DELETED", gone.key, gone.uid, version), self._opening, tail, b"}"))

    def patch(self, old: CachedObject, new: CachedObject, patch: bytes) -> bytes:
        """The MODIFIED frame with a merge patch (RFC 7396) from the version before."""
        named = self._named("MODIFIED", new.key, new.uid, new.version)
        return b'%s","previousResourceVersion":"%d","patch":%s}' % (named, old.version, patch)

    def _named(self, kind: Kind, key: str, uid: str, version: int) -> bytes:
        namespace, _, name = key.partition(SEPARATOR)
        return b'%s%s,"name":%s,"uid":%s,"resourceVersion":"%d' % (
            self._heads[kind],
            orjson.dumps(namespace),
            orjson.dumps(name),
            orjson.dumps(uid),
            version,
        )


def synced(cursor: str, statuses: Sequence[ClusterStatus]) -> bytes:
    """The SYNCED frame: all has been sent that ``cursor`` covers."""
    return orjson.dumps({"type": "SYNCED", "cursor": cursor, "clusters": msgspec.to_builtins(statuses)})


def bookmark(cursor: str) -> bytes:
    """The BOOKMARK frame: all has been sent that ``cursor`` covers."""
    return orjson.dumps({"type": "BOOKMARK", "cursor": cursor})


def cluster(name: str, resource: str | None, condition: Condition) -> bytes:
    """The CLUSTER frame: the state of a cluster, for one resource or for all."""
    frame: dict[str, Any] = {"type": "CLUSTER", "cluster": name}
    if resource is not None:
        frame["resource"] = resource
    state = {
        "state": condition.state,
        "since": timestamp(condition.since),
        "error": condition.error,
    }
    return orjson.dumps(frame | state)


def error(status: int, detail: str, members: Mapping[str, Any] | None = None) -> bytes:
    """The ERROR frame; ``status`` is one of HTTP, ``detail`` one line."""
    return orjson.dumps({"type": "ERROR", "status": status, "detail": detail, **(members or {})})
