"""The OpenAPI document, made from the table of endpoints."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app.api.door.door import TOKEN_PARAMETER
from app.api.http.endpoint import Endpoint
from app.api.http.problem import CONTENT_TYPE
from app.api.http.query_parameters import Parameter
from app.api.schemas import SCHEMAS
from app.version import version

_NAMES = {
    "resource": "A plural, singular, short name or kind, in any case, with or without its group.",
    "name": "The name of the object.",
    "cluster": "The name of a cluster.",
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "cluster": {"type": "string"},
        "clusters": {"type": "array", "items": {"$ref": "#/components/schemas/ClusterStatus"}},
    },
}
_STATUS = {
    "type": "object",
    "required": ["name", "state", "since", "objects", "error"],
    "properties": {
        "name": {"type": "string"},
        "state": {"enum": ["syncing", "synced", "stale", "unreachable", "forbidden", "removed"]},
        "since": {"type": "string", "format": "date-time"},
        "objects": {"type": "integer"},
        "unreadable": {"type": "integer", "description": "Objects besides, which cannot be read."},
        "error": {"type": ["string", "null"]},
    },
}
_LIST = {
    "type": "object",
    "required": ["kind", "apiVersion", "metadata", "clusters", "items"],
    "properties": {
        "kind": {"type": "string"},
        "apiVersion": {"type": "string"},
        "metadata": {
            "type": "object",
            "required": ["resourceVersion"],
            "properties": {
                "resourceVersion": {"type": "string", "description": "The cursor."},
                "continue": {"type": "string"},
                "remainingItemCount": {"type": "integer"},
            },
        },
        "clusters": {"type": "array", "items": {"$ref": "#/components/schemas/ClusterStatus"}},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Object"}},
    },
}
_OBJECT = {
    "type": "object",
    "required": ["cluster", "kind", "apiVersion", "metadata"],
    "properties": {
        "cluster": {"type": "string"},
        "kind": {"type": "string"},
        "apiVersion": {"type": "string"},
        "metadata": {"type": "object"},
    },
}


def describe(endpoints: Collection[Endpoint]) -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "k8s-mcp-server",
            "version": version(),
            "description": "One API over many Kubernetes clusters.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{}, {"bearer": []}, {"query": []}],
        "paths": _paths(each for each in endpoints if not each.endless),
        # Who takes a path for something that ends would wait for ever.
        "x-streams": _paths(each for each in endpoints if each.endless),
        "components": {
            "schemas": {
                "Problem": _PROBLEM,
                "ClusterStatus": _STATUS,
                "List": _LIST,
                "Object": _OBJECT,
                **SCHEMAS,
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "query": {"type": "apiKey", "in": "query", "name": TOKEN_PARAMETER},
            },
        },
    }


def _paths(endpoints: Iterable[Endpoint]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return paths


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{endpoint.schema}"} if endpoint.schema else {}
    content: Mapping[str, Any] = {media: {"schema": schema} if schema else {} for media in endpoint.media}
    told: dict[str, Any] = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    success: dict[str, Any] = {"description": endpoint.summary, "content": content}
    statuses = {"200": success} if endpoint.method == "GET" else {"2XX": success}
    if endpoint.several:
        results = {media: {"schema": {"$ref": "#/components/schemas/Results"}} for media in endpoint.media}
        statuses["207"] = {"description": "A result for each cluster, not all equal.", "content": results}
        told |= results
    operation = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "parameters": [
            *(_path_parameter(name) for name in endpoint.variables),
            *(_query_parameter(parameter) for parameter in endpoint.parameters),
        ],
        "responses": {**statuses, "default": {"description": "What went wrong.", "content": told}},
    }
    if endpoint.body:
        taken = {
            media: {"schema": {"$ref": f"#/components/schemas/{name}"}}
            for media, name in endpoint.body.items()
        }
        operation["requestBody"] = {"required": True, "content": taken}
    return operation


def _path_parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _NAMES[name],
        "schema": {"type": "string"},
    }


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": parameter.schema,
    }
