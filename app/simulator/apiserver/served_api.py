"""Serve discovery: the resources of a simulated cluster, in the unaggregated and the aggregated form."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from app.simulator.apiserver.registry import Registry, ServedResource

VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0-simulated",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
_SCALE = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def aggregated(registry: Registry, *, core: bool) -> dict[str, Any]:
    """Return /api or /apis as an APIGroupDiscoveryList."""
    groups = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [_aggregated_version(v, m) for v, m in versions],
        }
        for group, versions in _groups(registry)
        if (group == "") is core
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups,
    }


def _aggregated_version(version: str, members: Iterable[ServedResource]) -> dict[str, Any]:
    return {
        "version": version,
        "freshness": "Current",
        "resources": [
            {
                "resource": served.plural,
                "responseKind": _kind(served),
                "scope": "Namespaced" if served.namespaced else "Cluster",
                "singularResource": served.singular,
                "verbs": list(served.verbs),
                **_words(served),
                **_subresources(served),
            }
            for served in members
        ],
    }


def document(registry: Registry, path: str, server: str) -> dict[str, Any] | None:
    """Return the unaggregated document at a path, None where there is none. server: our own host and port."""
    parts = path.strip("/").split("/")
    if path == "/version":
        return VERSION
    if path == "/api":
        return _core_versions(server)
    if path == "/apis":
        return _group_list(registry)
    if parts[0] == "apis" and len(parts) == 2:
        return _group_alone(registry, parts[1])
    if (parts[0], len(parts)) in (("api", 2), ("apis", 3)):
        return _resource_list(registry, "/".join(parts[1:]))
    return None


def _core_versions(server: str) -> dict[str, Any]:
    """/api"""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def _group_list(registry: Registry) -> dict[str, Any]:
    """/apis"""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name, [v for v, _ in versions]) for name, versions in _groups(registry) if name],
    }


def _group_alone(registry: Registry, name: str) -> dict[str, Any] | None:
    """/apis/GROUP"""
    for each, versions in _groups(registry):
        if each == name:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, [v for v, _ in versions])}
    return None


def _resource_list(registry: Registry, api_version: str) -> dict[str, Any] | None:
    """/api/v1, /apis/GROUP/VERSION"""
    members = [served for served in registry if served.api_version == api_version]
    if not members:
        return None
    resources: list[dict[str, Any]] = []
    for served in members:
        resources.append(
            {
                "name": served.plural,
                "singularName": served.singular,
                "namespaced": served.namespaced,
                "kind": served.kind,
                "verbs": list(served.verbs),
                **_words(served),
            }
        )
        resources.extend(
            {
                "name": f"{served.plural}/{each}",
                "singularName": "",
                "namespaced": served.namespaced,
                "verbs": _verbs(each),
                **(_SCALE if each == "scale" else {"kind": served.kind}),
            }
            for each in served.subresources
        )
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": resources,
    }


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    group_versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": group_versions, "preferredVersion": group_versions[0]}


def _groups(registry: Registry) -> list[tuple[str, list[tuple[str, list[ServedResource]]]]]:
    members = sorted(registry, key=lambda served: (served.group, served.version))
    return [
        (name, [(version, list(some)) for version, some in groupby(each, key=lambda served: served.version)])
        for name, each in groupby(members, key=lambda served: served.group)
    ]


def _subresources(served: ServedResource) -> dict[str, Any]:
    subresources = [
        {
            "subresource": name,
            "responseKind": _SCALE if name == "scale" else _kind(served),
            "verbs": _verbs(name),
        }
        for name in sorted(served.subresources)
    ]
    return {"subresources": subresources} if subresources else {}


def _words(served: ServedResource) -> dict[str, Any]:
    """Short names and categories, where there are any."""
    words = {"shortNames": list(served.short_names), "categories": list(served.categories)}
    return {key: value for key, value in words.items() if value}


def _verbs(sub: str) -> list[str]:
    return ["get"] if sub == "log" else ["get", "patch", "update"]


def _kind(served: ServedResource) -> dict[str, str]:
    # Of built-in kinds group and version are left out: those of the list hold.
    group, version = ("", "") if served.typed else (served.group, served.version)
    return {"group": group, "version": version, "kind": served.kind}
