"""What is asked for often of a cluster's own API begins to be watched; what is asked for stays so."""

import time
from collections import deque
from weakref import WeakKeyDictionary

from aiohttp import web

from app.fleet.cluster import Cluster

# So many reads within so many seconds make it worth a watch.
OFTEN = 3
WITHIN_SECONDS = 60.0


class Interest:
    """Begins to watch what is read often through a cluster's own API."""

    def __init__(self) -> None:
        self._asked: WeakKeyDictionary[Cluster, dict[str, deque[float]]] = WeakKeyDictionary()

    def note(self, cluster: Cluster, resource: str) -> None:
        """A read of this resource, by its name, has come."""
        if cluster.watches.get(resource) is not None:
            cluster.watches.ask(resource)
            return
        now = time.monotonic()
        times = self._asked.setdefault(cluster, {}).setdefault(resource, deque(maxlen=OFTEN))
        times.append(now)
        if len(times) == OFTEN and now - times[0] <= WITHIN_SECONDS:
            del self._asked[cluster][resource]
            cluster.watches.ask(resource)


INTEREST = web.AppKey("interest", Interest)
