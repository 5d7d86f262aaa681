"""How a list+watch is: what its sink is told of it, and whether what can be listed can be watched as well."""

import asyncio
from collections.abc import Callable

from app.kube.recovery import ReflectorState
from app.kube.sink import Health, Sink

# A fault that lasts no longer than this is none.
GRACE_SECONDS = 2.0
# A watch that lasts for this long, or brings something, is one.
PROOF_SECONDS = 1.0
# What can be listed and was refused to be watched so many times is listed from time to time.
REFUSALS = 2
REFUSED = frozenset(("error", "forbidden", "garbage", "missing", "refused"))


class HealthReporter:
    """Tells the sink of a reflector how it is, whenever that changes.

    ``has_synced`` says that the resource was synced, and may still be read as far as is known.
    """

    def __init__(self, sink: Sink) -> None:
        self.has_synced = False
        self._sink = sink
        self._health: Health | None = Health("syncing")
        self._grace: asyncio.TimerHandle | None = None

    def live(self) -> None:
        """Report that what the sink has is kept up to date."""
        self.has_synced = True
        self.report("synced", None)

    def unsettle(self, text: str) -> None:
        """Report a resource that is synced as stale, because of ``text``, unless that ends within seconds."""
        if self._health is not None and self._health.state == "synced" and self._grace is None:
            loop = asyncio.get_running_loop()
            self._grace = loop.call_later(GRACE_SECONDS, self.report, "stale", text)

    def report(self, state: ReflectorState, error: str | None) -> None:
        """Report this state at once, if it is another than before."""
        self._end_grace()
        health = Health(state, error)
        if health != self._health:
            self._health = health
            self._sink.report(health)

    def stop(self) -> None:
        """Take back a report that is due, and make the next one whatever it says."""
        self._end_grace()
        self._health = None

    def _end_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None


class WatchRefusals:
    """How often, one time after the other, a server refused to watch what it lists.

    Some aggregated APIs take the request for a watch and end it, so that only a watch that lasts is proof.
    ``on_proof`` is called when there is proof.
    """

    def __init__(self, on_proof: Callable[[], None]) -> None:
        self._on_proof = on_proof
        self._number = 0
        self._is_watching = False
        self._proof: asyncio.TimerHandle | None = None

    @property
    def refuses(self) -> bool:
        """Whether the server is taken not to watch this resource at all."""
        return self._number >= REFUSALS

    def begin_turn(self) -> None:
        """A list and a watch begin; what fails from here on is no refusal of a watch."""
        self._is_watching = False

    def begin_watch(self) -> None:
        """The request for a watch is being sent."""
        self._is_watching = True

    def connected(self) -> None:
        """The server has answered the request with a watch, which may end at once."""
        if self._number:
            self._proof = asyncio.get_running_loop().call_later(PROOF_SECONDS, self._prove)

    def received(self) -> None:
        """The watch has brought something."""
        if self._number:
            self._prove()

    def end_watch(self) -> None:
        """The watch has ended, so that time proves nothing any more."""
        if self._proof is not None:
            self._proof.cancel()
            self._proof = None

    def count(self, reason: str) -> bool:
        """Take note of trouble; whether the server is taken not to watch this resource, for this reason."""
        if not self._is_watching or reason not in REFUSED:
            return False
        self._number += 1
        return self.refuses

    def _prove(self) -> None:
        self.end_watch()
        self._number = 0
        self._on_proof()
