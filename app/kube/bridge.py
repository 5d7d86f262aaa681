"""What happened before a list was taken, as far back as the API server remembers."""

from typing import NamedTuple

from app.kube.connection import Connection
from app.kube.listing import Collection
from app.kube.verdict import EndedEarly, ErrorEvent
from app.kube.wire import decode_event

# The server ends the watch after this; what it remembers comes at once.
WATCH_SECONDS = 1


class Past(NamedTuple):
    """A change of long ago."""

    version: int
    namespace: str
    name: str
    uid: str
    deleted: bool


async def past(
    connection: Connection, collection: Collection, since: int, until: int, latest: int
) -> list[Past]:
    """The changes after version ``since`` and up to ``until``.

    ``latest`` is that of the latest change, up to ``until``, that is known to have
    happened: a watch that ends before it has not told all. Raises what `TROUBLE` of
    `app.kube.verdict` lists, also where the server does not remember so much.
    """
    params = {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": str(since),
        "timeoutSeconds": str(WATCH_SECONDS),
    }
    changes: list[Past] = []
    seen = since
    async with connection.watch(collection.path, params) as batches:
        async for lines in batches:
            for line in lines:
                event = decode_event(line, collection.shape)
                if event.error is not None:
                    raise ErrorEvent(event.error)
                found = event.object
                seen = max(seen, event.version if found is None else found.version)
                if seen > until:
                    return changes
                if found is not None:
                    deleted = event.type == "DELETED"
                    changes.append(Past(found.version, found.namespace, found.name, found.uid, deleted))
    if seen < latest:
        raise EndedEarly(f"the watch from version {since} ended before version {latest}")
    return changes
