"""An object of every kind that has a table or that the simulated clusters hold."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from app.kube.discovery.api_resource import Resource
from app.simulator.apiserver.registry import Registry
from app.simulator.seed.cluster_seed import ClusterPlan, cluster_objects

PLAN = ClusterPlan("prod", region="eu", nodes=3, scale=0.5, namespaces=frozenset({"shop", "cert-manager"}))
NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)

# What a control plane makes by itself, or not without an agent.
_OTHERS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
        {
            "spec": {"signerName": "a/b", "username": "me", "expirationSeconds": 3600},
            "status": {"conditions": [{"type": "Approved", "status": "True"}], "certificate": "Zm9v"},
        },
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        {
            "roleRef": {"kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "User", "name": "me"}, {"kind": "ServiceAccount", "name": "b"}],
        },
    ),
    (
        "certificates.k8s.io/v1beta1",
        "ClusterTrustBundle",
        {"spec": {"signerName": "a/b"}},
    ),
    (
        "flowcontrol.apiserver.k8s.io/v1",
        "FlowSchema",
        {
            "spec": {
                "priorityLevelConfiguration": {"name": "exempt"},
                "matchingPrecedence": 1,
                "distinguisherMethod": {"type": "ByUser"},
            },
            "status": {"conditions": [{"type": "Dangling", "status": "False"}]},
        },
    ),
    (
        "flowcontrol.apiserver.k8s.io/v1",
        "PriorityLevelConfiguration",
        {
            "spec": {
                "type": "Limited",
                "limited": {
                    "nominalConcurrencyShares": 30,
                    "limitResponse": {"queuing": {"queues": 64, "handSize": 6, "queueLengthLimit": 50}},
                },
            }
        },
    ),
    (
        "certificates.k8s.io/v1beta1",
        "PodCertificateRequest",
        {
            "spec": {"podName": "p", "signerName": "a/b", "unverifiedUserAnnotations": {"a": "b"}},
            "status": {"conditions": [{"type": "Issued", "status": "True"}]},
        },
    ),
    ("networking.k8s.io/v1", "ServiceCIDR", {"spec": {"cidrs": ["10.0.0.0/24", "fd00::/108"]}}),
]

_PRINTED = json.loads((files("app.cache.tables") / "columns.json").read_bytes())["columns"]


class Example(NamedTuple):
    """``columns`` are those of the definition of a custom resource, None where it is none."""

    resource: Resource
    columns: Sequence[dict[str, Any]] | None
    object: dict[str, Any]


def examples() -> dict[str, Example]:
    """By the name of the resource and where the object is from."""
    found: dict[str, Example] = {}
    for where, objects in (("live", cluster_objects(PLAN, NOW)), ("bare", [*_manifests()])):
        for name, example in _examples(objects):
            found.setdefault(f"{name} {where}", example)
    return found


def _examples(objects: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Example]]:
    registry, columns = Registry(), {}
    for definition in (each for each in objects if each["kind"] == "CustomResourceDefinition"):
        registry.follow(None, definition)
        versions = definition["spec"]["versions"]
        columns[definition["metadata"]["name"]] = versions[-1].get("additionalPrinterColumns", [])
    for obj in objects:
        group, _, version = obj["apiVersion"].rpartition("/")
        plural = next(filter(None, (_plural(name, obj["kind"], group) for name in (*columns, *_PRINTED))))
        name = f"{plural}.{group}" if group else plural
        namespaced = "namespace" in obj["metadata"]
        resource = Resource(group, version, plural, obj["kind"].lower(), obj["kind"], namespaced)
        metadata = {"creationTimestamp": "2026-11-27T09:00:00Z", **obj["metadata"]}
        yield name, Example(resource, columns.get(name), {**obj, "metadata": metadata})


def _plural(name: str, kind: str, group: str) -> str:
    plural, _, of_group = name.partition(".")
    word = kind.lower()
    words = (word, f"{word}s", f"{word}es", f"{word[:-1]}ies")
    return plural if of_group == group and plural in words else ""


def _manifests() -> Iterator[dict[str, Any]]:
    folder = Path(__file__).parents[1] / "printing"
    for name in ("objects.yaml", "custom.yaml"):
        # Times of YAML are texts in JSON.
        yield from json.loads(json.dumps(yaml.safe_load((folder / name).read_text()), default=str))
    for api_version, kind, members in _OTHERS:
        yield {"apiVersion": api_version, "kind": kind, "metadata": {"name": "one"}, **members}
