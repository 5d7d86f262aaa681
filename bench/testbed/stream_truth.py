"""What clients of streams with these queries should hold, and what they hold."""

from collections.abc import Callable, Mapping
from typing import Any

from app.simulator.apiserver.simulated_cluster import SimulatedCluster
from bench.testbed.cluster_history import RESOURCES, is_readable
from bench.testbed.stream_followers import Follower, Key

Matches = Callable[[Mapping[str, Any]], bool]
QUERIES: list[tuple[dict[str, str], Matches]] = [
    ({}, lambda obj: True),
    ({"labelSelector": "app=web"}, lambda obj: obj["metadata"].get("labels", {}).get("app") == "web"),
    ({"namespace": "shop", "delta": "merge"}, lambda obj: obj["metadata"]["namespace"] == "shop"),
    (
        {"fieldSelector": "data>0.5", "fields": "metadata.labels"},
        lambda obj: isinstance(obj.get("data"), str) and float(obj["data"]) > 0.5,
    ),
    ({"history": "full"}, lambda obj: True),
    (
        {"delta": "merge", "labelSelector": "app in (web)"},
        lambda obj: obj["metadata"]["labels"]["app"] == "web",
    ),
    ({"shape": "table"}, lambda obj: True),
    (
        {"shape": "table", "labelSelector": "app=web", "history": "full"},
        lambda obj: obj["metadata"].get("labels", {}).get("app") == "web",
    ),
]


def truth(clusters: Mapping[str, SimulatedCluster], matches: Matches) -> dict[Key, tuple[str, str]]:
    return {
        (cluster, plural, namespace, name): (stored.obj["metadata"]["uid"], str(stored.version))
        for cluster, simulation in clusters.items()
        for plural in RESOURCES
        for (namespace, name), stored in simulation.storage.collection(plural).items()
        if is_readable(stored.obj) and matches(stored.obj)
    }


def known(client: Follower) -> dict[Key, tuple[str, str]]:
    return {
        key: (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
        for key, obj in client.objects.items()
    }
