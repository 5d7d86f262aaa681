"""Answer watches: the changes after a version, for as long as the client listens."""

import asyncio
import gzip
from collections import deque
from collections.abc import Mapping

import orjson
from aiohttp import web

from app.simulator.apiserver.api_failures import ApiFailure, bad_option, expired, too_large
from app.simulator.apiserver.faults import FAILURES, Fault, Faults
from app.simulator.apiserver.object_storage import Storage, StorageChange
from app.simulator.apiserver.registry import DEFINITIONS, Obj
from app.simulator.apiserver.request_routes import whole_number
from app.simulator.apiserver.served_lists import ListScope, selector_predicate

BOOKMARK_SECONDS = 60.0
TIMEOUT_SECONDS = 1800.0
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class WatchResponse:
    """One watch: the events still to be sent, and the sending of them. Raises ApiFailure where it may not
    begin.

    ``fault`` happens after the initial events have been sent.
    """

    def __init__(
        self,
        storage: Storage,
        faults: Faults,
        scope: ListScope,
        query: Mapping[str, str],
        fault: Fault | None = None,
    ) -> None:
        self._storage = storage
        self._faults = faults
        self._scope = scope
        self._matches = selector_predicate(scope.served, query)
        # Events get none from real API servers either.
        self._bookmarks = query.get("allowWatchBookmarks") == "true" and scope.served.plural != "events"
        self._seconds = whole_number(query, "timeoutSeconds") or TIMEOUT_SECONDS
        self._lines: deque[bytes] = deque()
        self._ready = asyncio.Event()
        self._zipped = fault is Fault.GZIP
        self._fault = None if self._zipped else fault
        self._ended = False
        self._version = storage.version
        self._begin(query)

    def _begin(self, query: Mapping[str, str]) -> None:
        streamed = query.get("sendInitialEvents") == "true"
        match = query.get("resourceVersionMatch", "")
        if streamed and match != "NotOlderThan":
            problem = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise bad_option("ListOptions", "resourceVersionMatch", problem)
        if match and "sendInitialEvents" not in query:
            problem = (
                "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            )
            raise bad_option("ListOptions", "resourceVersionMatch", problem)
        version = whole_number(query, "resourceVersion") or 0
        if streamed and version > self._storage.version:
            self._lines.append(_error(too_large(version, self._storage.version)))
            self._ended = True
            return
        if streamed or not version:
            self._present()
            if streamed and self._bookmarks:
                self._lines.append(self._bookmark({_INITIAL_EVENTS_END: "true"}))
            return
        if version < self._storage.compacted:
            self._lines.append(_error(expired(version, self._storage.compacted)))
            self._ended = True
            return
        self._version = version
        for change in self._storage.since(version):
            self._take(change)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Send all events until the time-out, or until a fault ends the watch."""
        zipped = self._zipped and "gzip" in request.headers.get("Accept-Encoding", "")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        self._storage.watchers.add(self._take)
        self._faults.attach(self.strike)
        loop = asyncio.get_running_loop()
        end = loop.call_later(self._seconds, self._end)
        # As API servers do: also 2 s before the end.
        before_end = self._seconds - 2 if self._seconds > 2 else BOOKMARK_SECONDS
        bookmark = loop.call_later(min(BOOKMARK_SECONDS, before_end), self._note)
        try:
            await response.prepare(request)
            while True:
                if self._fault is not None and (self._fault is Fault.DROP or not self._lines):
                    await self._meet(self._fault, request, response)
                    break
                if self._lines:
                    data = b"".join(self._lines)
                    self._lines.clear()
                    await response.write(gzip.compress(data) if zipped else data)
                elif self._ended:
                    break
                else:
                    self._ready.clear()
                    await self._ready.wait()
                    if bookmark.when() <= loop.time():
                        bookmark = loop.call_later(BOOKMARK_SECONDS, self._note)
        except ConnectionError:
            pass  # Nobody listens any more.
        finally:
            end.cancel()
            bookmark.cancel()
            self._faults.detach(self.strike)
            self._storage.watchers.discard(self._take)
        return response

    def strike(self, fault: Fault) -> None:
        """Let the fault happen now; events that have not been sent are dropped."""
        self._fault = fault
        self._storage.watchers.discard(self._take)
        if fault is not Fault.DROP:
            self._lines.clear()
        self._ready.set()

    async def _meet(self, fault: Fault, request: web.Request, response: web.StreamResponse) -> None:
        if fault is Fault.STALL:
            await self._faults.over()
        elif fault is Fault.DROP:
            await response.write(
                (self._lines.popleft() if self._lines else b'{"type":"ADDED","object":')[:-7]
            )
        elif fault is Fault.GARBAGE_EVENT:
            await response.write(b"\x00{]this is no event\n")
            return
        elif fault in (Fault.GONE_EVENT, Fault.ERROR_EVENT):
            await response.write(_error(FAILURES[fault]))
            return
        elif fault is Fault.EMPTY:
            return
        if request.transport is not None:
            request.transport.abort()

    def _end(self) -> None:
        self._ended = True
        self._ready.set()

    def _note(self) -> None:
        if self._bookmarks:
            self._lines.append(self._bookmark({}))
        self._ready.set()

    def _take(self, change: StorageChange) -> None:
        if _defines(change, self._scope.served.name) and change.new is None:
            self._end()
        if change.resource != self._scope.served.name or change.version <= self._version:
            return
        self._version = change.version
        line = self._line(change)
        if line is not None:
            self._lines.append(line)
            self._ready.set()

    def _line(self, change: StorageChange) -> bytes | None:
        """Return the event that a change is for this watch; an object that leaves the selection is
        DELETED."""
        shown_before = change.before is not None and self._shows(change.before.obj)
        if change.new is not None and self._shows(change.new.obj):
            return _event("MODIFIED" if shown_before else "ADDED", change.new.json)
        if not shown_before or change.before is None:
            return None
        if change.deleted is not None:
            return _event("DELETED", change.deleted.json)
        metadata = {**change.before.obj["metadata"], "resourceVersion": str(change.version)}
        return _event("DELETED", self._scope.served.encoded({**change.before.obj, "metadata": metadata}))

    def _present(self) -> None:
        held = sorted(self._storage.collection(self._scope.served.name).items())
        self._lines += [_event("ADDED", stored.json) for _, stored in held if self._shows(stored.obj)]

    def _shows(self, obj: Obj) -> bool:
        namespace = obj["metadata"].get("namespace", "")
        if self._scope.namespace and namespace != self._scope.namespace:
            return False
        return self._matches is None or self._matches(obj)

    def _bookmark(self, annotations: dict[str, str]) -> bytes:
        metadata: Obj = {"resourceVersion": str(self._storage.version)}
        if annotations:
            metadata["annotations"] = annotations
        served = self._scope.served
        return _event(
            "BOOKMARK",
            orjson.dumps({"kind": served.kind, "apiVersion": served.api_version, "metadata": metadata}),
        )


def _defines(change: StorageChange, resource: str) -> bool:
    return (
        change.resource == DEFINITIONS
        and change.before is not None
        and change.before.obj["metadata"]["name"] == resource
    )


def _event(kind: str, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), body)


def _error(failure: ApiFailure) -> bytes:
    return _event("ERROR", orjson.dumps(failure.status()))
