"""How many connections callers may hold, and how long each may take to say what it wants.

A connection that has not asked anything yet, with a token where one is needed, is the first to
go when there is no room for another.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, cast
from weakref import WeakValueDictionary

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from app import turns
from app.api.door.callers import CALLER
from app.api.door.open_paths import PROBES
from app.api.door.request_heads import BoundedParser, malformed

log = logging.getLogger(__name__)

# From the connection, or from its first byte, to the end of the head of a request; and of a TLS handshake.
HEAD_SECONDS = 10.0
# Of heads that are longer than this, which hardly any is, so many may be under way.
LONG_HEAD = 16 * 1024
LONG_HEADS = 32
# For how long who has presented no token may rest between requests, such as a probe.
REST_SECONDS = 75.0
# A body must bring this much in such a time.
BODY_SECONDS = 20.0
BODY_BYTES = 20 * 1024
SWEEP_SECONDS = 1.0
# asyncio would accept as many as wait, and each of them costs a tenth of a millisecond and more.
ACCEPTED_A_TURN = 32
REASONS = ("full", "idle", "head", "body")
TELL_SECONDS = 60.0


class Visit:
    """One connection. ``cut`` ends it at once; ``received`` counts its bytes, ``before`` those before
    the head that is under way."""

    __slots__ = ("account", "before", "busy", "cut", "gone", "proven", "received", "since")

    def __init__(self, cut: Callable[[], object]) -> None:
        self.cut = cut
        self.account: turns.WorkAccount | None = None
        self.received = 0
        self.before = 0
        self.busy = False
        self.proven = False
        self.gone = False
        self.since = time.monotonic()


class Admission:
    """The connections of callers, at most ``most``, on descriptors below ``last_descriptor``.

    ``refused`` counts those that were not let in or were ended, by the reason: ``full``, ``idle``
    (to make room for another), ``head`` and ``body`` (which took too long).
    """

    def __init__(self, most: int, last_descriptor: int) -> None:
        self.refused: Counter[str] = Counter()
        self._most = most
        self._last_descriptor = last_descriptor
        self._visits: dict[int, Visit] = {}
        # In the order in which they are to go.
        self._unproven: dict[Visit, None] = {}
        self._resting: dict[Visit, None] = {}
        # Of the addresses that connections come from.
        self._owners: WeakValueDictionary[str, turns.WorkAccount] = WeakValueDictionary()
        # When the head is to be there; when who rests unproven is to go; and when the body is looked
        # at, with what there was before.
        self._heads: dict[Visit, float] = {}
        # Those of them that are long, in the order in which they became so.
        self._long: dict[Visit, None] = {}
        self._rests: dict[Visit, float] = {}
        self._bodies: dict[Visit, tuple[float, int, web.Request]] = {}
        self._told_at = float("-inf")
        self._told = 0

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._visits)

    def attach(self, app: web.Application) -> None:
        """Have an application count its connections here."""
        app.middlewares.insert(0, self._middleware())
        app.cleanup_ctx.append(self._sweeping)

    # Coming and going

    def enter(self, descriptor: int, cut: Callable[[], object]) -> Visit | None:
        """Let a connection in, at the cost of an idle one if need be; None where there is no room."""
        if descriptor in self._visits:
            return self._visits[descriptor]
        if descriptor >= self._last_descriptor or (len(self._visits) >= self._most and not self._make_room()):
            self._refuse("full")
            return None
        visit = self._visits[descriptor] = Visit(cut)
        self._unproven[visit] = None
        self._heads[visit] = visit.since + HEAD_SECONDS
        return visit

    def leave(self, descriptor: int) -> None:
        """Note that the connection of this descriptor is closed."""
        visit = self._visits.pop(descriptor, None)
        if visit is not None:
            visit.gone = True
            self._forget(visit)

    def heard(self, visit: Visit, size: int) -> None:
        """Bytes have come."""
        if not visit.busy and visit not in self._heads:
            self._resting.pop(visit, None)
            self._rests.pop(visit, None)
            self._heads[visit] = time.monotonic() + HEAD_SECONDS
            visit.before = visit.received
        visit.received += size
        if visit in self._heads and visit.received - visit.before > LONG_HEAD:
            self._long[visit] = None
            if len(self._long) > LONG_HEADS:
                unproven = (each for each in self._long if not each.proven)
                self._end(next(unproven, next(iter(self._long))), "head")

    def _make_room(self) -> bool:
        for candidates in (self._unproven, self._resting):
            for visit in candidates:
                self._end(visit, "idle")
                return True
        return False

    def _end(self, visit: Visit, reason: str) -> None:
        self._refuse(reason)
        visit.gone = True
        self._forget(visit)
        with contextlib.suppress(OSError):
            visit.cut()

    def _forget(self, visit: Visit) -> None:
        self._unproven.pop(visit, None)
        self._resting.pop(visit, None)
        self._heads.pop(visit, None)
        self._long.pop(visit, None)
        self._rests.pop(visit, None)
        self._bodies.pop(visit, None)

    def _refuse(self, reason: str) -> None:
        self.refused[reason] += 1
        now = time.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            total = self.refused.total()
            extra = {"reason": reason, "number": total - self._told, "open": self.open, "most": self._most}
            log.warning("connections are refused", extra=extra)
            self._told_at, self._told = now, total

    # Requests

    def _middleware(self) -> Any:
        @web.middleware
        async def visited(request: web.Request, handler: Handler) -> web.StreamResponse:
            protocol = request.protocol
            if not isinstance(protocol, Visited) or (visit := protocol.visit) is None:
                return await handler(request)
            self._begin(visit, request)
            try:
                turns.work_for(self._account(visit, request))
                # Many at once are begun over several turns; a probe is to see that the process lives.
                if request.path not in PROBES:
                    await turns.Pace(turns.Kind.LIVE).give()
                response = await handler(request)
            finally:
                self._finish(visit, request)
            if _is_long(request):
                # aiohttp keeps a head until the next one has come.
                response.force_close()
                if not visit.proven:
                    protocol.skip_rest_of_body()
            return response

        return visited

    def _account(self, visit: Visit, request: web.Request) -> turns.WorkAccount:
        """That of a connection, which its address owns."""
        if visit.account is None:
            owner = self._owners.get(request.remote or "")
            if owner is None:
                owner = self._owners[request.remote or ""] = turns.WorkAccount()
            visit.account = turns.WorkAccount(owner)
        return visit.account

    def _begin(self, visit: Visit, request: web.Request) -> None:
        visit.busy = True
        self._forget(visit)
        if request.can_read_body and not request.content.is_eof():
            self._bodies[visit] = time.monotonic() + BODY_SECONDS, visit.received, request

    def _finish(self, visit: Visit, request: web.Request) -> None:
        visit.busy = False
        visit.proven = visit.proven or CALLER in request
        self._bodies.pop(visit, None)
        if visit.gone:
            return
        if visit.proven:
            self._resting[visit] = None
        else:
            self._unproven[visit] = None
            self._rests[visit] = time.monotonic() + REST_SECONDS

    # Those that take too long

    async def _sweeping(self, _: web.Application) -> Any:
        task = asyncio.create_task(self._sweep(), name="connections")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for deadlines in (self._heads, self._rests):
                for visit, deadline in [*deadlines.items()]:
                    if deadline > now:
                        break
                    self._end(visit, "head")
            for visit, (deadline, before, request) in [*self._bodies.items()]:
                if deadline > now:
                    continue
                self._judge_body(visit, before, request, now)

    def _judge_body(self, visit: Visit, before: int, request: web.Request, now: float) -> None:
        del self._bodies[visit]
        if request.content.is_eof() or request.transport is None:
            return
        # Where nobody takes what came, more cannot come.
        waits = not request.transport.is_reading()
        if visit.received - before < BODY_BYTES and not waits:
            self._end(visit, "body")
        else:
            self._bodies[visit] = now + BODY_SECONDS, visit.received, request


def _is_long(request: web.Request) -> bool:
    lines = sum(len(name) + len(value) for name, value in request.raw_headers)
    return len(request.raw_path) + lines > LONG_HEAD


class Visited(web.RequestHandler):
    """aiohttp's side of a connection, which says to the admission what comes over it."""

    __slots__ = ("_admission", "_descriptor", "visit")

    def __init__(self, server: web.Server, admission: Admission, **options: Any) -> None:
        super().__init__(server, **options)
        self._parser = cast(Any, BoundedParser(cast(Any, self._parser)))
        self._admission = admission
        self._descriptor = -1
        self.visit: Visit | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Enter the connection, which may abort it."""
        super().connection_made(transport)
        # uvloop's are none by inheritance.
        transport = cast(asyncio.Transport, transport)
        self._descriptor = transport.get_extra_info("socket").fileno()
        self.visit = self._admission.enter(self._descriptor, transport.abort)
        if self.visit is None:
            transport.abort()
        else:
            self.visit.cut = transport.abort

    def skip_rest_of_body(self) -> None:
        """Once the request is answered, wait for nothing that still comes of it."""
        self._lingering_time = 0.0

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """aiohttp quotes what is no HTTP request, and its own version."""
        answer = super().handle_error(request, status, exc, message)
        return malformed(message) if isinstance(exc, HttpProcessingError) and message else answer

    def data_received(self, data: bytes) -> None:
        """Count what has come, and hand it on."""
        if self.visit is not None and data:
            self._admission.heard(self.visit, len(data))
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the connection."""
        super().connection_lost(exc)
        if self.visit is not None:
            self._admission.leave(self._descriptor)
            self.visit = None


class ListeningSocket(socket.socket):
    """A socket whose connections are admitted before anything else is done about them.

    asyncio accepts through this object, uvloop does not: there they are admitted one step later.
    """

    admission: Admission
    _accepted = 0

    @classmethod
    def of(cls, listening: socket.socket, admission: Admission) -> "ListeningSocket":
        """Return a socket that listens in place of ``listening``, and accepts what ``admission`` allows."""
        made = cls(listening.family, listening.type, listening.proto, fileno=listening.detach())
        made.admission = admission
        return made

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises BlockingIOError, as if nobody came, where there is no room and after some in one turn."""
        self._accepted = (self._accepted + 1) % (ACCEPTED_A_TURN + 1)
        if self._accepted == 0:
            raise BlockingIOError
        try:
            plain, address = super().accept()
        except BlockingIOError:
            self._accepted = 0
            raise
        accepted = _Accepted(plain.family, plain.type, plain.proto, fileno=plain.detach())
        accepted.admission = self.admission
        if self.admission.enter(accepted.fileno(), accepted.cut) is None:
            accepted.close()
            raise BlockingIOError
        return accepted, address


class _Accepted(socket.socket):
    admission: Admission

    def cut(self) -> None:
        """End it under whatever is done with it, such as a TLS handshake."""
        self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self.fileno() >= 0:
            self.admission.leave(self.fileno())
        super().close()
