"""What happened before a list was taken, as far back as the API server remembers."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from app.kube.client import Connection
from app.kube.listing import Collection
from app.kube.recovery import EndedEarly, ErrorEvent
from app.kube.wire.watch_event import WatchEvent, decode_event
from app.kube.wire.wire_errors import WireError
from app.turns import IntakePace

# The server ends the watch after this; what it remembers comes at once.
WATCH_SECONDS = 1
# 2 s before the end of a watch comes a bookmark.
BOOKMARK_SECONDS = 3


class Past(msgspec.Struct, frozen=True):
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
    `app.kube.recovery` lists, also where the server does not remember so much.
    """
    changes: list[Past] = []
    seen = since
    async with aclosing(_events(connection, collection, since, WATCH_SECONDS)) as events:
        async for event in events:
            changed = event.object or event.unreadable
            seen = max(seen, event.version if changed is None else changed.version)
            if seen > until:
                return changes
            if changed is not None:
                # What cannot be read is left out by whoever reads it.
                deleted = event.type == "DELETED" or event.object is None
                changes.append(Past(changed.version, changed.namespace, changed.name, changed.uid, deleted))
    if seen < latest:
        raise _ended(since, latest)
    return changes


async def latest_change(connection: Connection, collection: Collection, since: int, until: int) -> int:
    """The version of the latest change after ``since`` and up to ``until``; ``since`` for none.

    That there is no other must be told by something later: a bookmark, or a change. Raises what `past` does.
    """
    latest = since
    async with aclosing(_events(connection, collection, since, BOOKMARK_SECONDS)) as events:
        async for event in events:
            changed = event.object or event.unreadable
            if (changed is None and event.version >= until) or (
                changed is not None and changed.version > until
            ):
                return latest
            if changed is not None:
                latest = changed.version
    if latest < until:
        raise _ended(since, until)
    return latest


async def _events(
    connection: Connection, collection: Collection, since: int, seconds: int
) -> AsyncGenerator[WatchEvent, None]:
    params = {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": str(since),
        "timeoutSeconds": str(seconds),
    }
    pace = IntakePace()
    async with connection.watch(collection.path, params) as batches:
        async for lines in batches:
            for line in lines:
                event = decode_event(line, collection.shape)
                if event.error is not None:
                    raise ErrorEvent(event.error)
                if event.unreadable is not None and not (event.unreadable.version and event.unreadable.name):
                    raise WireError(f"a change that cannot be read: {event.unreadable.reason}")
                yield event
                await pace.share(len(line))


def _ended(since: int, until: int) -> EndedEarly:
    return EndedEarly(f"the watch from version {since} ended before version {until}")
