"""Field selectors, as far as kube-apiserver knows them: a few paths of a few kinds.

From the ``AddFieldLabelConversionFunc`` calls and the ``SelectableFields`` of kubernetes/pkg, 1.20 to
1.37. What is left out here (a boolean, a path with two names, a later addition) the API server answers.
"""

import re

from app.cache.query.field_selectors import FieldSelector

# A value in which nothing is escaped, and nothing means more to us than to Kubernetes.
_CONDITION = re.compile(r"[A-Za-z.]+(?:==?|!=)[^,=!\\~<>]*")
_EVENT = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_PATHS: dict[str, frozenset[str]] = {
    "pods": frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        }
    ),
    "events": frozenset({"reason", "type", *(f"involvedObject.{name}" for name in _EVENT)}),
    "events.events.k8s.io": frozenset({"reason", "type", *(f"regarding.{name}" for name in _EVENT)}),
    "namespaces": frozenset({"status.phase"}),
    "replicasets.apps": frozenset({"status.replicas"}),
    "replicationcontrollers": frozenset({"status.replicas"}),
    "secrets": frozenset({"type"}),
    "certificatesigningrequests.certificates.k8s.io": frozenset({"spec.signerName"}),
}


def are_supported(text: str, selector: FieldSelector | None, resource: str, *, namespaced: bool) -> bool:
    """Return whether a field selector, as it was written and as it was read, means the same to Kubernetes."""
    if not text:
        return True
    if selector is None or not all(_CONDITION.fullmatch(condition) for condition in text.split(",")):
        return False
    paths = {"metadata.name", *(["metadata.namespace"] if namespaced else []), *_PATHS.get(resource, ())}
    return all(str(condition.path) in paths for condition in selector.conditions)
