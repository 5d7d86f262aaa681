"""The clusters themselves: how they are, what they serve, how kubectl reaches them."""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
from aiohttp import web

from app.api.door.permissions import is_read_only
from app.api.http.app_keys import SERVING
from app.api.http.query_parameters import words
from app.api.http.request_selection import chosen_clusters
from app.cache.store import Store
from app.fleet.cluster import Cluster
from app.fleet.watch_status import ClusterStatus, Condition
from app.kube.discovery.api_resource import Resource
from app.yamltext import dump


async def list_clusters(request: web.Request) -> web.StreamResponse:
    """Answer ``GET /clusters``: every cluster, and how it is."""
    entries = [
        {**_entry(cluster), "readOnly": is_read_only(request, cluster.name)}
        for cluster in chosen_clusters(request, words(request, "cluster")).clusters
    ]
    return web.Response(body=orjson.dumps({"clusters": entries}), content_type="application/json")


def _entry(cluster: Cluster) -> dict[str, Any]:
    watched = sorted((watch.resource.name, watch) for watch in cluster.watches)
    return {
        "name": cluster.name,
        **_condition(cluster.condition, [store for _, watch in watched for store in watch.stores]),
        "context": cluster.context.context,
        "version": cluster.version,
        "discoveryErrors": cluster.problems,
        "resources": [{"name": name, **_condition(watch.condition, watch.stores)} for name, watch in watched],
    }


def _condition(condition: Condition, stores: Sequence[Store]) -> dict[str, Any]:
    status: dict[str, Any] = msgspec.to_builtins(ClusterStatus.of("", condition, stores))
    del status["name"]
    return status


async def list_resources(request: web.Request) -> web.StreamResponse:
    """Every resource that a cluster in scope serves, and which do."""
    clusters = chosen_clusters(request, words(request, "cluster")).clusters
    found: dict[str, tuple[Resource, list[str]]] = {}
    for cluster in clusters:
        for resource in cluster.catalog.resources:
            found.setdefault(resource.name, (resource, []))[1].append(cluster.name)
    entries = [_resource(resource, names) for _, (resource, names) in sorted(found.items())]
    return web.Response(body=orjson.dumps({"resources": entries}), content_type="application/json")


def _resource(resource: Resource, clusters: list[str]) -> dict[str, Any]:
    return {
        "name": resource.name,
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "plural": resource.plural,
        "singular": resource.singular,
        "shortNames": resource.short_names,
        "categories": resource.categories,
        "namespaced": resource.namespaced,
        "verbs": sorted(resource.verbs),
        "clusters": clusters,
    }


async def kubeconfig(request: web.Request) -> web.StreamResponse:
    """A kubeconfig with which kubectl reaches one cluster through this server, as the caller reached it."""
    (cluster,) = chosen_clusters(request, [request.match_info["cluster"]]).clusters
    serving = request.app[SERVING]
    server = {"server": f"{request.scheme}://{request.host}/clusters/{cluster.name}"}
    if serving.certificate is not None:
        server["certificate-authority-data"] = base64.b64encode(serving.certificate.encode()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.name, "cluster": server}],
        "users": [{"name": cluster.name, "user": {"token": serving.token} if serving.token else {}}],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": cluster.name}}],
        "current-context": cluster.name,
    }
    return web.Response(body=dump(document), content_type="application/yaml", charset="utf-8")
