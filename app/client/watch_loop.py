"""Watches without end: they reconnect, and continue from their cursor."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from app import jsontext
from app.backoff import Backoff
from app.client.api_session import ApiSession
from app.client.errors import FleetError
from app.client.kube_object import Object

# Bookmarks come every 10 s at least: a connection that is silent for this long is broken.
SILENCE_SECONDS = 40.0
FIRST_SECONDS, MOST_SECONDS = 0.2, 10.0


class Event(msgspec.Struct, frozen=True):
    """One event of a watch.

    ``type`` is ADDED or MODIFIED (``object`` is the object in its new state), DELETED (of ``object`` only
    name, namespace, uid and resourceVersion are certain), RESET (forget everything, or the objects of
    ``cluster`` and ``resource`` where these are given), SYNCED (all events up to here have been sent;
    ``clusters`` are the states of the clusters), or CLUSTER (``cluster`` is in ``state`` now, possibly for
    one ``resource`` only; ``error`` says why). ADDED and MODIFIED may repeat an earlier event. ``cursor`` is
    where a watch continues, as far as it is known. With ``shape="table"``, ``cells`` take the place of the
    object, and COLUMNS carries the ``columns`` of a resource in a cluster.
    """

    type: str
    cursor: str
    cluster: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    object: Object | None = None
    state: str = ""
    since: str = ""
    error: str = ""
    clusters: tuple[Object, ...] = ()
    cells: tuple[Any, ...] = ()
    columns: tuple[Object, ...] = ()


async def watch(session: ApiSession, params: Mapping[str, str], cursor: str) -> AsyncGenerator[Event, None]:
    """Yield the events of a stream. Raises FleetError where reconnecting cannot help."""
    # Many that lost the same server must not come back at once.
    backoff = Backoff(FIRST_SECONDS, MOST_SECONDS, jitter=0.5)
    while True:
        resumed = {**params, "cursor": cursor} if cursor else params
        try:
            async with aclosing(_frames(session, resumed)) as frames:
                async for frame in frames:
                    backoff.reset()
                    # A bookmark may also take a cursor back: before a part begins anew.
                    cursor = frame.get("cursor", cursor)
                    if frame["type"] != "BOOKMARK":
                        yield _event(frame, cursor)
            wait = 0.0
        except FleetError as error:
            if not error.heals:
                raise
            after = str(error.members.get("retryAfter", ""))
            wait = float(after) if after.isdecimal() else 0.0
        await asyncio.sleep(max(wait, backoff.next()))


async def _frames(session: ApiSession, params: Mapping[str, str]) -> AsyncGenerator[dict[str, Any], None]:
    rest: list[bytes] = []
    async with session.open("GET", "/stream", params, silence=SILENCE_SECONDS) as answer:
        async for piece in answer.content.iter_any():
            first, *lines = piece.split(b"\n")
            rest.append(first)
            if not lines:
                continue
            whole, rest = [b"".join(rest), *lines[:-1]], [lines[-1]]
            for line in whole:
                frame = jsontext.decode(line)
                if frame["type"] == "ERROR":
                    raise FleetError(frame["status"], frame["detail"], frame)
                yield frame


def _event(frame: Mapping[str, Any], cursor: str) -> Event:
    document = frame.get("object")
    return Event(
        frame["type"],
        cursor,
        cluster=frame.get("cluster", ""),
        resource=frame.get("resource", ""),
        namespace=frame.get("namespace", ""),
        name=frame.get("name", ""),
        uid=frame.get("uid", ""),
        resource_version=frame.get("resourceVersion", ""),
        object=None if document is None else Object(document),
        state=frame.get("state", ""),
        since=frame.get("since", ""),
        error=frame.get("error") or "",
        clusters=tuple(map(Object, frame.get("clusters", ()))),
        cells=tuple(frame.get("cells", ())),
        columns=tuple(map(Object, frame.get("columns", ()))),
    )
