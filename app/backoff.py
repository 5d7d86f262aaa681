"""How long to wait before trying again."""

import math
import random


class Backoff:
    """Delays in seconds that double from ``first`` to ``most``.

    ``jitter`` is the part of each delay that is random, from 0 to 1. With 1 ("full jitter") it is any time
    between nothing and the delay, which spreads the clients of a server that comes back better than a
    fixed part does ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015). After ``healthy``
    seconds without trouble, beyond the last delay, the delays start over.
    """

    def __init__(
        self,
        first: float,
        most: float,
        *,
        jitter: float,
        healthy: float = math.inf,
        rng: random.Random | None = None,
    ) -> None:
        self._first = first
        self._most = most
        self._jitter = jitter
        self._healthy = healthy
        self._rng = rng or random.Random()
        self._delay = first
        self._last = -math.inf

    def next(self, now: float = 0.0) -> float:
        """Return the seconds to wait after trouble at ``now``, in monotonic seconds."""
        if now - self._last > self._healthy + self._delay:
            self._delay = self._first
        self._last = now
        seconds = self._delay * self._rng.uniform(1 - self._jitter, 1)
        self._delay = min(2 * self._delay, self._most)
        return seconds

    def reset(self) -> None:
        """Start over from the first delay: the last attempt has succeeded."""
        self._delay = self._first
