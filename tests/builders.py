"""Objects of Kubernetes for tests: as small as an API server takes them, or as it gives them back."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

# A schema for objects that may hold anything; what it does not keep, an API server prunes.
KEEPS_ALL: Mapping[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SIZE_COLUMN: Mapping[str, Any] = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
NGINX: Mapping[str, str] = {"main": "nginx"}


def pod(
    name: str,
    namespace: str | None = "default",
    *,
    containers: Mapping[str, str] = NGINX,
    node: str = "",
    **labels: str,
) -> Json:
    """A pod to be created; ``containers`` are images by name."""
    spec: Json = {"containers": _containers(containers)}
    if node:
        spec["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(name, namespace, labels), "spec": spec}


def running_pod(
    name: str,
    namespace: str = "default",
    *,
    containers: Mapping[str, str] = NGINX,
    node: str = "",
    since: str = "2026-01-31T10:00:00Z",
    waiting: str = "",
    **labels: str,
) -> Json:
    """A pod that kubectl calls Running, or, where its containers wait for something, by that name."""
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {"startedAt": since}}
    statuses = [
        {"name": container, "ready": not waiting, "restartCount": 0, "state": state}
        for container in containers
    ]
    made = pod(name, namespace, containers=containers, node=node, **labels)
    return {**made, "status": {"phase": "Running", "containerStatuses": statuses}}


def stored_pod(name: str, namespace: str = "default", version: int = 1, **labels: str) -> Json:
    """A pod as an API server gives it back: with a uid and a resourceVersion, on a node."""
    made = pod(name, namespace, containers={"main": "nginx:1.27"}, node="node-1", **labels)
    metadata = {**made["metadata"], "uid": f"{namespace}/{name}", "resourceVersion": str(version)}
    return {**made, "metadata": {"labels": {}, **metadata}, "status": {"phase": "Running"}}


def deployment(
    name: str,
    namespace: str | None = "default",
    *,
    replicas: int = 2,
    containers: Mapping[str, str] = NGINX,
    **labels: str,
) -> Json:
    """A deployment of pods with the label ``app``; ``labels`` are its own."""
    selected = {"app": name}
    template = {"metadata": {"labels": selected}, "spec": {"containers": _containers(containers)}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name, namespace, labels),
        "spec": {"replicas": replicas, "selector": {"matchLabels": selected}, "template": template},
    }


def config_map(
    name: str, namespace: str | None = "default", *, data: Mapping[str, str] | None = None, **labels: str
) -> Json:
    """A config map with these data, none if left out."""
    metadata = _metadata(name, namespace, labels)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data or {})}


def namespace(name: str) -> Json:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def crd(
    plural: str,
    kind: str,
    group: str = "example.com",
    *,
    columns: Sequence[Mapping[str, Any]] = (),
    schema: Mapping[str, Any] = KEEPS_ALL,
    scope: str = "Namespaced",
    short_names: Sequence[str] = (),
    subresources: Mapping[str, Any] | None = None,
) -> Json:
    """The CustomResourceDefinition of a resource with the one version v1."""
    names: Json = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    if short_names:
        names["shortNames"] = [*short_names]
    version: Json = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": dict(schema)},
    }
    if columns:
        version["additionalPrinterColumns"] = [*columns]
    if subresources:
        version["subresources"] = dict(subresources)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": scope, "names": names, "versions": [version]},
    }


def widget_crd(*columns: Mapping[str, Any], **options: Any) -> Json:
    """The definition of widgets; ``options`` are those of `crd`."""
    return crd("widgets", "Widget", columns=columns, **options)


def widget(name: str, namespace: str | None = "default", **spec: Any) -> Json:
    """An object of what `widget_crd` defines."""
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": _metadata(name, namespace, {}),
        "spec": spec,
    }


def _metadata(name: str, namespace: str | None, labels: Mapping[str, str]) -> Json:
    metadata: Json = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return metadata


def _containers(images: Mapping[str, str]) -> list[Json]:
    return [{"name": name, "image": image} for name, image in images.items()]
