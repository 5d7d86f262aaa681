"""What was deleted before a list was taken, as far back as the API server remembers."""

from app.kube.connection import Connection
from app.kube.listing import Collection
from app.kube.verdict import EndedEarly, ErrorEvent
from app.kube.wire import WireObject, decode_event

# The server ends the watch after this; what it remembers comes at once.
WATCH_SECONDS = 1


async def deletions(
    connection: Connection, collection: Collection, since: int, until: int, latest: int
) -> list[WireObject]:
    """The objects that were deleted after version ``since`` and up to ``until``.

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
    found: list[WireObject] = []
    seen = since
    async with connection.watch(collection.path, params) as batches:
        async for lines in batches:
            for line in lines:
                event = decode_event(line, collection.shape)
                if event.error is not None:
                    raise ErrorEvent(event.error)
                seen = max(seen, event.object.version if event.object is not None else event.version)
                if seen > until:
                    return found
                if event.object is not None and event.type == "DELETED":
                    found.append(event.object)
    if seen < latest:
        raise EndedEarly(f"the watch from version {since} ended before version {latest}")
    return found
