"""The condition of a cluster, from those of all its watches, and the log lines that report its changes."""

import logging
import time

from app.fleet.definitions_feed import DefinitionsFeed
from app.fleet.watch_set import WatchSet
from app.fleet.watch_status import Condition, State, overall, summary
from app.kube.discovery.catalog import Catalog

log = logging.getLogger(__name__)

# A first list that takes longer does not keep its cluster from being known any more.
FIRST_LIST_SECONDS = 30.0
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
BROKEN: tuple[State, ...] = ("stale", "unreachable")


class ClusterHealth:
    """The conditions of one cluster and of its resources.

    ``connecting`` is the condition of the connection, which is synced once the cluster has been reached.
    """

    def __init__(self, cluster: str, watches: WatchSet, definitions: DefinitionsFeed) -> None:
        self.connecting = Condition("syncing", time.time())
        self._cluster = cluster
        self._watches = watches
        self._definitions = definitions
        self._reported = self.connecting
        self._reported_alone: set[str] = set()
        self._was_broken = False

    def condition(self, *, is_lost: bool) -> Condition:
        """Return the condition of the whole cluster; ``is_lost`` is whether its connection is broken."""
        if self.connecting.state != "synced":
            return self.connecting
        conditions = self._conditions()
        # What has just been asked for first does not make a cluster that is known unknown.
        first_lists = [
            watch.condition
            for watch in self._watches
            if watch.pinned and watch.condition.state == "syncing" and watch.age < FIRST_LIST_SECONDS
        ]
        if first_lists and not any(condition.state in BROKEN for condition in conditions.values()):
            return summary(first_lists)
        settled = {name: condition for name, condition in conditions.items() if condition.state != "syncing"}
        broken = [condition for condition in settled.values() if condition.state in BROKEN]
        if broken and is_lost:
            return summary(broken)
        return overall(settled or {"": self.connecting})

    def condition_of(self, resource: str, catalog: Catalog) -> Condition:
        """Return the condition of one resource (``plural.group``).

        One that the cluster is known not to have is synced, and empty.
        """
        watch = self._watches.get(resource)
        if watch is not None:
            return watch.condition
        gap = catalog.gap(resource) if self.connecting.state == "synced" else None
        return self.connecting if gap is None else Condition("stale", self.connecting.since, gap)

    def report(self, condition: Condition) -> None:
        """Log the state of the cluster if it is another, and each resource that is broken alone."""
        before, self._reported = self._reported, condition
        self._report_alone()
        if before.state == condition.state:
            return
        extra = {
            "cluster": self._cluster,
            "was": before.state,
            "objects": self._watches.objects(),
            "error": condition.error,
        }
        level = logging.WARNING if condition.error else logging.INFO
        log.log(level, "cluster is %s", condition.state, extra=extra)

    def has_recovered(self) -> bool:
        """Whether the condition last reported is sound, and that at the last call was broken."""
        was_broken, self._was_broken = self._was_broken, self._reported.state in BROKEN
        return was_broken and not self._was_broken

    def _conditions(self) -> dict[str, Condition]:
        """The conditions of all that is watched, by resource."""
        return {CRDS: self._definitions.condition} | {
            watch.resource.name: watch.condition for watch in self._watches
        }

    def _report_alone(self) -> None:
        if self._reported.state != "synced":
            return
        before, self._reported_alone = self._reported_alone, set()
        for name, condition in self._conditions().items():
            if condition.state in BROKEN:
                self._reported_alone.add(name)
                if name not in before:
                    extra = {"cluster": self._cluster, "resource": name, "error": condition.error}
                    log.warning("a resource alone is %s", condition.state, extra=extra)
