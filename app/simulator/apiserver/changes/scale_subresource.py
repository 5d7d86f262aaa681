"""The scale subresource: read and change the number of replicas of a workload."""

from app.simulator.apiserver.api_failures import ApiFailure, invalid
from app.simulator.apiserver.changes import patches
from app.simulator.apiserver.registry import Obj

_SHARED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(obj: Obj) -> Obj:
    """Return the Scale of a workload."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: obj["metadata"][key] for key in _SHARED if key in obj["metadata"]},
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {
            "replicas": status.get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in labels.items()),
        },
    }


def replicas_of(scale: Obj, body: bytes, content_type: str) -> Obj:
    """Return the Scale that a request asks for, which has a number of replicas. Raises ApiFailure."""
    if content_type == "application/json":
        wanted = patches.parse(body)
    else:
        wanted = patches.patched(scale, body, content_type, typed=True)
    if not isinstance(wanted, dict) or not isinstance(wanted.get("spec"), dict):
        raise ApiFailure("BadRequest", "the body is no Scale")
    replicas = wanted["spec"].setdefault("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        problem = f"Invalid value: {replicas}: must be greater than or equal to 0"
        name = scale["metadata"]["name"]
        raise invalid("Scale", "spec.replicas", problem, group="autoscaling", name=name)
    return wanted
