"""The one table of what this server answers: routes, parameter checks and documentation follow it."""

import functools

import orjson
from aiohttp import hdrs, web

from app.api import (
    cluster_endpoints,
    dashboard_files,
    health,
    http_streams,
    log_endpoints,
    read_endpoints,
    websocket,
)
from app.api.http.endpoint import Endpoint
from app.api.http.negotiation import FORMATS, media_type
from app.api.http.problem import KUBERNETES
from app.api.http.query_parameters import CLUSTER, Parameter, check
from app.api.openapi_document import describe
from app.api.write.write_routes import WHERE, WRITES
from app.kubeapi import dispatch
from app.streams.dialects import HTTP_DIALECTS

_MEDIA = tuple(dict.fromkeys(map(media_type, FORMATS)))
_PLACE = (
    CLUSTER,
    Parameter("namespace", "Names of namespaces, separated by commas; all if left out.", repeats=True),
)
_SHAPE = (
    Parameter("fields", "Only these paths, and what identifies an object, separated by commas."),
    Parameter("format", "The format, else by Accept.", {"enum": [*FORMATS], "default": "json"}),
    Parameter("after", "A cursor: wait, 2 s at most, until what it covers has been seen."),
)
_PAGES = (
    Parameter("sort", "Paths, descending with -; else cluster, namespace, name."),
    Parameter("limit", "At most so many items.", {"type": "integer", "minimum": 0}),
    Parameter("continue", "metadata.continue of the page before."),
)
_CHOICE = (
    Parameter("labelSelector", "Kubernetes' grammar: a=b,c!=d,e in (f,g),h notin (i),j,!k"),
    Parameter("fieldSelector", "Conditions on paths: =, !=, ~ (regular expression), < and >."),
)
_SELECTION = (_CHOICE[0], _CHOICE[1], _SHAPE[0])
_RESOURCE = Parameter("resource", "Names of resources, separated by commas.", repeats=True)
_STREAM = (
    Parameter("cursor", "Go on from what this cursor covers: that of a list, of SYNCED or BOOKMARK."),
    Parameter("initial", "none: begin with a BOOKMARK instead of what there is.", {"enum": ["all", "none"]}),
    Parameter("history", "full: send each transition.", {"enum": ["latest", "full"]}),
    Parameter("delta", "merge: send changes as merge patches.", {"enum": ["none", "merge"]}),
    Parameter("shape", "table: send the cells of a row, not the object.", {"enum": ["object", "table"]}),
)
_WATCH = Parameter("watch", "Stream instead, with the parameters of a stream.", {"type": "boolean"})
_FRAMES = tuple(HTTP_DIALECTS)


async def openapi(request: web.Request) -> web.StreamResponse:
    """Written at most once a process."""
    return web.Response(body=_document(), content_type="application/json")


@functools.cache
def _document() -> bytes:
    return orjson.dumps(describe(ENDPOINTS))


ENDPOINTS = (
    Endpoint("/clusters", cluster_endpoints.list_clusters, "The clusters, and how they are.", (CLUSTER,)),
    Endpoint(
        "/clusters/{cluster}/kubeconfig",
        cluster_endpoints.kubeconfig,
        "A kubeconfig with which kubectl reaches a cluster through this server.",
        media=("application/yaml",),
    ),
    Endpoint(
        "/resources",
        cluster_endpoints.list_resources,
        "What can be asked for, and which clusters have it.",
        (CLUSTER,),
    ),
    Endpoint("/healthz", health.alive, "Whether the process is alive.", media=("text/plain",)),
    Endpoint(
        "/readyz",
        health.ready,
        "Whether each cluster has synced once or has been given up on.",
        (Parameter("verbose", "Name the clusters.", {"type": "boolean"}),),
        media=("text/plain",),
    ),
    Endpoint("/metrics", health.metrics, "Metrics for Prometheus.", media=("text/plain",)),
    Endpoint("/version", health.version, "The version of this server."),
    Endpoint("/openapi.json", openapi, "This document."),
    Endpoint(
        "/stream",
        http_streams.stream,
        "Every change of some resources, as it happens.",
        (_RESOURCE, *_PLACE, *_SELECTION, *_STREAM),
        media=_FRAMES,
        endless=True,
    ),
    Endpoint(
        "/ws",
        websocket.websocket,
        "The same over WebSocket: one subscription by the query, or many by messages.",
        (_RESOURCE, *_PLACE, *_SELECTION, *_STREAM),
    ),
    Endpoint(
        "/{resource}",
        read_endpoints.list_objects,
        "The objects of a resource in all clusters.",
        (*_PLACE, *_CHOICE, *_PAGES, *_SHAPE, _WATCH, *_STREAM),
        media=_MEDIA,
        schema="List",
    ),
    Endpoint(
        "/{resource}/{name}",
        read_endpoints.get_object,
        "One object, wherever it is.",
        (*_PLACE, *_SHAPE),
        media=_MEDIA,
        schema="Object",
    ),
    Endpoint(
        "/{resource}/{name}/logs",
        log_endpoints.logs,
        "The logs of a pod, or of all pods of a workload.",
        (
            *WHERE,
            Parameter("container", "The container; all of them if left out."),
            Parameter("previous", "Of the run before the present one.", {"type": "boolean"}),
            Parameter(
                "tailLines", "Only so many of the last lines of each.", {"type": "integer", "minimum": 0}
            ),
            Parameter("sinceSeconds", "Only what is younger.", {"type": "integer", "minimum": 1}),
            Parameter("follow", "Go on with what is written from now on.", {"type": "boolean"}),
        ),
        media=("text/plain",),
    ),
    Endpoint(
        "/{resource}/{name}/events",
        read_endpoints.list_events,
        "The events of an object.",
        (*WHERE, *_PAGES, *_SHAPE),
        media=_MEDIA,
        schema="List",
    ),
    *WRITES,
)


def add_routes(app: web.Application) -> None:
    """Add every route of this server to an application."""
    dashboard_files.add_routes(app)
    for endpoint in ENDPOINTS:
        if endpoint.method == hdrs.METH_GET:
            app.router.add_get(endpoint.path, _checked(endpoint))
        else:
            app.router.add_route(endpoint.method, endpoint.path, _checked(endpoint))
    # Last, because it takes whatever is left below a cluster.
    app.router.add_route("*", r"/clusters/{cluster}/{path:[\s\S]*}", dispatch.serve, name=KUBERNETES)


def _checked(endpoint: Endpoint):  # type: ignore[no-untyped-def]
    async def handle(request: web.Request) -> web.StreamResponse:
        check(request, endpoint.parameters)
        return await endpoint.handler(request)

    return handle
