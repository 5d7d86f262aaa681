"""What Prometheus is told: how the watches are read when it asks, how long requests took all along."""

import collections
import time
from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from app.api.door.admission import REASONS, Admission
from app.fleet.fleet import Fleet
from app.fleet.resource_watch import ResourceWatch
from app.logging import OTHER, WRITES, stderr_output
from app.streams.hub import Hub

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LABELS = ("cluster", "resource")


class Metrics:
    """The metrics of this process, and the middleware that times requests."""

    def __init__(self, fleet: Fleet, hub: Hub) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._registry.register(FleetCollector(fleet))
        self._registry.register(StreamCollector(hub))
        self._registry.register(LogCollector())
        self._requests = Histogram(
            "k8s_mcp_request_duration_seconds",
            "From the request to the end of its answer.",
            ("endpoint", "status"),
            buckets=BUCKETS,
            registry=self._registry,
        )

        self._reads = Counter(
            "k8s_mcp_cluster_reads",
            "Reads of clusters' own APIs, by whether the cache answered (hit) or the API server (miss).",
            (*_LABELS, "verb", "cache"),
            registry=self._registry,
        )

    def watch_connections(self, admission: Admission) -> None:
        """Show the connections of callers as well."""
        self._registry.register(ConnectionCollector(admission))

    def count_read(self, cluster: str, resource: str, verb: str, *, hit: bool) -> None:
        """A get, list or watch of a cluster's own API."""
        self._reads.labels(cluster, resource, verb, "hit" if hit else "miss").inc()

    def exposition(self) -> tuple[bytes, str]:
        """The text that Prometheus reads, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    @web.middleware
    async def time_requests(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle a request, and count how long that took."""
        began = time.perf_counter()
        response = await handler(request)
        if request.get(UNTIMED):
            return response
        resource = request.match_info.route.resource
        endpoint = resource.canonical if resource is not None else "none"
        self._requests.labels(endpoint, response.status).observe(time.perf_counter() - began)
        return response


METRICS = web.AppKey("metrics", Metrics)
# Set on requests whose answer has no end by itself.
UNTIMED = web.RequestKey("untimed", bool)


class FleetCollector(Collector):
    """The clusters and their watches as they are now."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        """Yield what is known of clusters and of what they hold."""
        states = GaugeMetricFamily(
            "k8s_mcp_cluster_state", "1 for the state that a cluster is in.", labels=("cluster", "state")
        )
        objects = GaugeMetricFamily("k8s_mcp_objects", "Objects held.", labels=_LABELS)
        unreadable = GaugeMetricFamily(
            "k8s_mcp_objects_unreadable", "Objects that are there and cannot be read.", labels=_LABELS
        )
        size = GaugeMetricFamily("k8s_mcp_object_bytes", "Bytes of JSON held.", labels=_LABELS)
        lag = GaugeMetricFamily(
            "k8s_mcp_watch_lag_seconds",
            "Time since the watch last brought anything; an idle one brings a bookmark about every minute.",
            labels=_LABELS,
        )
        relists = CounterMetricFamily("k8s_mcp_relists", "Lists after the first.", labels=_LABELS)
        reconnects = CounterMetricFamily(
            "k8s_mcp_reconnects", "Watches that ended or failed, by reason.", labels=(*_LABELS, "reason")
        )
        now = time.monotonic()
        for cluster in self._fleet.clusters.values():
            states.add_metric((cluster.name, cluster.condition.state), 1)
            for watch in cluster.watches:
                labels = (cluster.name, watch.resource.name)
                objects.add_metric(labels, sum(map(len, watch.stores)))
                unreadable.add_metric(labels, sum(len(store.unreadable) for store in watch.stores))
                size.add_metric(labels, sum(store.bytes for store in watch.stores))
                relists.add_metric(labels, sum(each.counters.relists for each in watch.reflectors))
                heard = [each.counters.last_event for each in watch.reflectors]
                quiet = [now - at for at in heard if at is not None]
                if quiet:
                    lag.add_metric(labels, max(quiet))
                for reason, number in _reconnects(watch).items():
                    reconnects.add_metric((*labels, reason), number)
        yield from (states, objects, unreadable, size, lag, relists, reconnects)


class StreamCollector(Collector):
    """The streams as they are now, and what they have done so far."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Yield what streams there are, and what they were sent."""
        hub, counters = self._hub, self._hub.counters
        streams = GaugeMetricFamily("k8s_mcp_streams", "Streams that are open.", labels=("transport",))
        for transport, number in collections.Counter(
            stream.encoding.transport for stream in hub.streams
        ).items():
            streams.add_metric((transport,), number)
        resumes = CounterMetricFamily(
            "k8s_mcp_stream_starts", "Streams that began, by what they began with.", labels=("answer",)
        )
        for answer, number in counters.starts.items():
            resumes.add_metric((answer,), number)
        yield streams
        yield resumes
        yield GaugeMetricFamily(
            "k8s_mcp_stream_lag_seconds", "For how long the slowest stream has been behind.", hub.slowest
        )
        for name, text, value in (
            ("frames", "Frames sent.", counters.frames),
            ("bytes", "Bytes sent.", counters.bytes),
            ("coalesced", "Frames that slow streams were spared for later states.", counters.skipped),
            ("resets", "Streams that had to begin anew while they were open.", counters.resets),
        ):
            yield CounterMetricFamily(f"k8s_mcp_stream_{name}", text, value)


class LogCollector(Collector):
    """Whether the log can be written, and what of it could not."""

    def collect(self) -> Iterator[Metric]:
        """Yield how many lines of the log are lost."""
        output = stderr_output()
        lost = CounterMetricFamily(
            "k8s_mcp_log_lines_lost",
            "Lines of the log that could not be written: of writes, and others.",
            labels=("lines",),
        )
        for kind in (WRITES, OTHER):
            lost.add_metric((kind,), output.lost[kind] if output is not None else 0)
        yield lost
        yield GaugeMetricFamily(
            "k8s_mcp_log_failing",
            "1 where the log cannot be written now.",
            value=int(output is not None and bool(output.error)),
        )


class ConnectionCollector(Collector):
    """The connections of callers as they are now, and those that were refused or ended so far."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def collect(self) -> Iterator[Metric]:
        """Yield how many connections are open, and how many were refused."""
        yield GaugeMetricFamily(
            "k8s_mcp_connections", "Connections of callers that are open.", self._admission.open
        )
        refused = CounterMetricFamily(
            "k8s_mcp_connections_refused",
            "Connections that were refused or ended, by why.",
            labels=("reason",),
        )
        for reason in REASONS:
            refused.add_metric((reason,), self._admission.refused[reason])
        yield refused


def _reconnects(watch: ResourceWatch) -> dict[str, int]:
    """Summed over the namespaces of a watch, because series must differ."""
    found: dict[str, int] = {}
    for reflector in watch.reflectors:
        for reason, number in reflector.counters.reconnects.items():
            found[reason] = found.get(reason, 0) + number
    return found
