"""How a whole list is taken: in pages, as client-go's ``tools/pager`` does."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from app.kube.connection import Connection
from app.kube.errors import ApiError
from app.kube.resources import Resource
from app.kube.wire import Page, Shape, WireError, WireObject, decode_page

PAGE = 500
PART = 100
LIST_SECONDS = 120.0
CHECK_SECONDS = 15.0


class Gatherer(Protocol):
    """Keeps the parts of a list aside until it is complete."""

    def gather(self, objects: Sequence[WireObject]) -> None: ...

    def discard(self) -> None: ...


class Latest:
    """The latest change that was seen: its version, and the uids of the objects that it changed.

    Kubernetes changes one object at a time; what writes to etcd or to an aggregated API
    beside it may not.
    """

    __slots__ = ("uids", "version")

    def __init__(self) -> None:
        self.version = 0
        self.uids: set[str] = set()

    def note(self, found: WireObject) -> None:
        if found.version > self.version:
            self.version = found.version
            self.uids = {found.uid}
        elif found.version == self.version:
            self.uids.add(found.uid)

    def begins_with(self, found: WireObject | None) -> bool:
        """Whether this is the first that a watch from just before that change tells."""
        return found is not None and found.version == self.version and found.uid in self.uids


class Whole(msgspec.Struct):
    """A list that is complete, and the latest change in it."""

    version: int
    latest: Latest = msgspec.field(default_factory=Latest)


class Collection:
    """The collection that a reflector lists and watches."""

    def __init__(
        self, connection: Connection, resource: Resource, namespace: str | None, shape: Shape
    ) -> None:
        self.path = resource.path(namespace)
        self.shape = shape
        self._connection = connection
        self._resource = resource

    async def version(self) -> int:
        """Where the server is now, by a list of one object."""
        return (await self._page({"limit": "1"}, CHECK_SECONDS)).version

    async def pages(self, since: str, sink: Gatherer) -> "Whole":
        """Gather a whole list in pages.

        ``since`` is the version that it may not be older than, "0" for any, "" for the
        latest. Raises what a request raises, and WireError.
        """
        page = await self._page({"limit": str(PAGE)} | not_older_than(since), LIST_SECONDS)
        whole = Whole(page.version)
        await _gather(page, sink, whole)
        token = ""
        while page.continue_:
            if page.continue_ == token:
                raise WireError("a list that continues where it did")
            token = page.continue_
            try:
                page = await self._page({"limit": str(PAGE), "continue": token}, LIST_SECONDS)
            except ApiError as error:
                if error.status != 410:
                    raise
                # We were slower than the server remembers: all at once then (client-go tools/pager).
                sink.discard()
                page = await self._page(not_older_than(since), LIST_SECONDS)
                whole = Whole(page.version)
            await _gather(page, sink, whole)
        return whole

    async def _page(self, params: Mapping[str, str], timeout: float) -> Page:  # noqa: ASYNC109
        body = await self._connection.get(self.path, params, timeout=timeout)
        return decode_page(body, self._resource, self.shape)


def not_older_than(version: str) -> dict[str, str]:
    """The parameters of a list. With a limit and a version, leaving out the match would mean Exact."""
    if not version:
        return {}
    if version == "0":
        return {"resourceVersion": "0"}
    return {"resourceVersion": version, "resourceVersionMatch": "NotOlderThan"}


async def _gather(page: Page, sink: Gatherer, whole: Whole) -> None:
    for part in page.parts(PART):
        for found in part:
            whole.latest.note(found)
        sink.gather(part)
        await asyncio.sleep(0)
