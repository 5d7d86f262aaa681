"""How long to wait before trying again."""

import random

FIRST_SECONDS = 0.8
MOST_SECONDS = 30.0
HEALTHY_SECONDS = 120.0


class Backoff:
    """Doubling delays with full jitter, as client-go's reflector has them (0.8 s to 30 s).

    Full jitter, any time between nothing and the delay, spreads the clients of a
    server that comes back better than a fixed part does ("Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015). Two minutes without trouble start it over.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._delay = FIRST_SECONDS
        self._last = float("-inf")

    def next(self, now: float) -> float:
        """Seconds to wait after trouble at ``now`` (monotonic seconds)."""
        if now - self._last > HEALTHY_SECONDS + self._delay:
            self._delay = FIRST_SECONDS
        self._last = now
        seconds = self._rng.uniform(0, self._delay)
        self._delay = min(2 * self._delay, MOST_SECONDS)
        return seconds
