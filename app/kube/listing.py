"""How a whole list is taken: in pages, as client-go's ``tools/pager`` does."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.kube.answer_limits import LIST_BYTES, LIST_OBJECTS, PAGE_BYTES, SHORT_PAGES
from app.kube.api_errors import AnswerTooLarge, ApiError
from app.kube.client import Connection
from app.kube.discovery.api_resource import Resource
from app.kube.wire.list_page import Page, page_steps
from app.kube.wire.list_slices import SLICE_BYTES
from app.kube.wire.unreadable import UnreadableObject
from app.kube.wire.wire_errors import WireError
from app.kube.wire.wire_object import BodyFormat, WireObject
from app.turns import IntakePace

PAGE = 500
# Objects that are all as large as can be make pages of a fraction of what a page may be.
SMALLEST_PAGE = 5
PART = 100
LIST_SECONDS = 120.0
CHECK_SECONDS = 15.0


class Gatherer(Protocol):
    """Keeps the parts of a list aside until it is complete."""

    def gather(self, objects: Sequence[WireObject]) -> None:
        """Keep the objects of a part."""

    def leave_out(self, unreadable: Sequence[UnreadableObject]) -> None:
        """Note what of the list cannot be read."""

    def discard(self) -> None:
        """Forget the parts that were gathered: the list begins anew."""


class Latest:
    """The latest change that was seen: its version, and the objects that it changed, by uid.

    Kubernetes changes one object at a time; what writes to etcd or to an aggregated API
    beside it may not. The last of them is at ``place``, its namespace and name, unless it was ``deleted``.
    In another history the same object may have changed at that version too, to something else; by a new
    version of an API server it may be told in another way.
    """

    __slots__ = ("_contents", "deleted", "place", "version")

    def __init__(self) -> None:
        self.version = 0
        self._contents: dict[str, bytes | str] = {}
        self.place = ("", "")
        self.deleted = False

    def note(self, changed: WireObject | UnreadableObject, *, deleted: bool = False) -> None:
        """Take in a change, as it left the object; older ones than the latest are ignored."""
        if changed.version < self.version:
            return
        if changed.version > self.version:
            self._contents = {}
        self.version = changed.version
        self._contents[changed.uid] = _content(changed)
        self.place = changed.namespace, changed.name
        self.deleted = deleted

    def made(self, state: WireObject | UnreadableObject | None) -> bool:
        """Whether this is what the change made of an object, as far as versions and uids tell."""
        return state is not None and state.version == self.version and state.uid in self._contents

    def left(self, state: WireObject | UnreadableObject | None) -> bool:
        """Whether an object is in all just as the change left it."""
        return state is not None and self.made(state) and self._contents[state.uid] == _content(state)


def _content(state: WireObject | UnreadableObject) -> bytes | str:
    return state.digest if isinstance(state, UnreadableObject) else state.tail


class Whole:
    """A list that is being gathered, its version and the latest change in it."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.latest = Latest()
        self._objects = self._bytes = self._short = 0
        self._tokens: set[str] = set()

    async def gather(self, page: Page, sink: Gatherer) -> None:
        """Take in a page. Raises WireError where there are more objects than a cluster has."""
        self._objects += len(page)
        self._bytes += page.bytes
        if self._objects > LIST_OBJECTS or self._bytes > LIST_BYTES:
            raise WireError(f"a list of more than {LIST_OBJECTS:,} objects or {LIST_BYTES // 1024**3} GiB")
        pace = IntakePace()
        for part in page.parts(PART):
            for wire_object in part:
                self.latest.note(wire_object)
            sink.gather(part)
            await pace.share(SLICE_BYTES)
        for unreadable in page.unreadable:
            self.latest.note(unreadable)
        sink.leave_out(page.unreadable)

    def goes_on(self, page: Page) -> None:
        """Raises WireError where a list that continues behind this page may never end."""
        self._short += len(page) < SMALLEST_PAGE
        if page.continue_ in self._tokens:
            raise WireError("a list that continues where it did")
        if self._short > SHORT_PAGES:
            raise WireError(f"a list with more than {SHORT_PAGES} pages that hold almost nothing")
        self._tokens.add(page.continue_)


class Collection:
    """The collection that a reflector lists and watches."""

    def __init__(
        self, connection: Connection, resource: Resource, namespace: str | None, shape: BodyFormat
    ) -> None:
        self.path = resource.path(namespace)
        self.shape = shape
        self._limit = PAGE
        self._connection = connection
        self._resource = resource

    async def first(self) -> Page:
        """A list of one object, which tells where the server is now and whether there is anything."""
        return await self._page({"limit": "1"}, CHECK_SECONDS, PAGE_BYTES)

    async def has(self, latest: Latest) -> bool:
        """Whether a change is part of the server's history, and the object was not changed since.

        That something is not there is no proof: in another history it may have been deleted as well.
        """
        if latest.deleted:
            return False
        namespace, name = latest.place
        params = {"limit": "1", "fieldSelector": f"metadata.name={name}"}
        path = self._resource.path(namespace) if namespace else self.path
        try:
            page = await self._page(params, CHECK_SECONDS, PAGE_BYTES, path)
        except (ApiError, WireError):
            return False
        objects: list[WireObject | UnreadableObject] = [*page.objects, *page.unreadable]
        # Not every aggregated API knows field selectors.
        if any((item.namespace, item.name) != latest.place for item in objects):
            return False
        return latest.left(objects[0] if objects else None)

    async def pages(self, since: str, sink: Gatherer) -> Whole:
        """Gather a whole list in pages.

        ``since`` is the version that it may not be older than, "0" for any, "" for the
        latest. Raises what a request raises, and WireError.
        """
        try:
            page = await self._first(not_older_than(since))
        except AnswerTooLarge:
            if since != "0":
                raise
            # Whatever limit is asked for, one of any version comes whole from some servers.
            page = await self._first({})
        whole = Whole(page.version)
        await whole.gather(page, sink)
        while page.continue_:
            whole.goes_on(page)
            try:
                page = await self._limited({"continue": page.continue_})
            except ApiError as error:
                if error.status != 410:
                    raise
                # We were slower than the server remembers: all at once then (client-go tools/pager).
                sink.discard()
                page = await self._page(not_older_than(since), LIST_SECONDS, PAGE_BYTES)
                if page.continue_:
                    raise WireError("a list in pages where none were asked for") from None
                whole = Whole(page.version)
            await whole.gather(page, sink)
        return whole

    async def _first(self, params: Mapping[str, str]) -> Page:
        self._limit = PAGE
        return await self._limited(params)

    async def _limited(self, params: Mapping[str, str]) -> Page:
        """The next page, with fewer objects where these are long."""
        while True:
            limit = {"limit": str(self._limit)}
            try:
                return await self._page({**limit, **params}, LIST_SECONDS, PAGE_BYTES)
            except AnswerTooLarge:
                if self._limit <= SMALLEST_PAGE:
                    raise
                self._limit //= 10

    async def _page(
        self,
        params: Mapping[str, str],
        timeout: float,  # noqa: ASYNC109
        most: int,
        path: str = "",
    ) -> Page:
        body = await self._connection.get(path or self.path, params, timeout=timeout, most=most)
        pace, steps = IntakePace(), page_steps(body, self._resource, self.shape)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                page: Page = end.value
                return page
            await pace.share()


def not_older_than(version: str) -> dict[str, str]:
    """The parameters of a list. With a limit and a version, leaving out the match would mean Exact."""
    if not version:
        return {}
    if version == "0":
        return {"resourceVersion": "0"}
    return {"resourceVersion": version, "resourceVersionMatch": "NotOlderThan"}
