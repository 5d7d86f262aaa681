"""Serve as much OpenAPI as kubectl reads before it applies: every kind exists and takes any member."""

from typing import Any

from app.simulator.apiserver.registry import Registry, ServedResource

_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def document(registry: Registry, path: str) -> dict[str, Any] | None:
    """What is at a path; None where there is nothing."""
    if path == "/openapi/v2":
        return _document_v2(registry)
    if path == "/openapi/v3":
        return _index_v3(registry)
    if path.startswith("/openapi/v3/"):
        return _document_v3(registry, path.removeprefix("/openapi/v3/"))
    return None


def _document_v2(registry: Registry) -> dict[str, Any]:
    """/openapi/v2"""
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "simulated"},
        "paths": {path: {"patch": _patch(served)} for served in registry for path in [_path(served)]},
        "definitions": {_name(served): _definition(served) for served in registry},
    }


def _index_v3(registry: Registry) -> dict[str, Any]:
    """/openapi/v3"""
    roots = sorted({_root(served) for served in registry})
    return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}?hash=0"} for root in roots}}


def _document_v3(registry: Registry, root: str) -> dict[str, Any]:
    """/openapi/v3/ROOT"""
    members = [served for served in registry if _root(served) == root]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "simulated"},
        "paths": {_path(served): {"patch": _patch(served)} for served in members},
        "components": {"schemas": {_name(served): _definition(served) for served in members}},
    }


def _root(served: ServedResource) -> str:
    return f"apis/{served.api_version}" if served.group else f"api/{served.api_version}"


def _path(served: ServedResource) -> str:
    inner = "/namespaces/{namespace}" if served.namespaced else ""
    return f"/{_root(served)}{inner}/{served.plural}/{{name}}"


def _name(served: ServedResource) -> str:
    return f"io.k8s.api.{served.group.partition('.')[0] or 'core'}.{served.version}.{served.kind}"


def _kinds(served: ServedResource) -> dict[str, str]:
    return {"group": served.group, "version": served.version, "kind": served.kind}


def _definition(served: ServedResource) -> dict[str, Any]:
    return {**_ANYTHING, "x-kubernetes-group-version-kind": [_kinds(served)]}


def _patch(served: ServedResource) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string"}, "type": "string"}
        for name in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    return {
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": _kinds(served),
    }
