"""What kube-apiserver fills in where a client leaves it out, as far as clients look at it.

The defaults are those of pkg/apis/core/v1/defaults.go, apps/v1 and batch/v1 beside it.
"""

import base64
import zlib
from typing import Any

from app.simulator.apiserver.registry import Obj

_CONTAINER: Obj = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_POD_SPEC: Obj = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_ROLLING: Obj = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
_JOB: Obj = {"backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False}
_SPECS: dict[str, Obj] = {
    "deployments.apps": {
        "replicas": 1,
        "strategy": _ROLLING,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    },
    "replicasets.apps": {"replicas": 1},
    "statefulsets.apps": {
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "revisionHistoryLimit": 10,
    },
    "daemonsets.apps": {
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        "revisionHistoryLimit": 10,
    },
    "jobs.batch": {"parallelism": 1, "completions": 1, **_JOB},
    "cronjobs.batch": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "services": {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"},
    "namespaces": {"finalizers": ["kubernetes"]},
}
_STATUS: dict[str, Obj] = {
    "namespaces": {"phase": "Active"},
    "pods": {"phase": "Pending", "qosClass": "BestEffort"},
    "services": {"loadBalancer": {}},
    "deployments.apps": {},
    "replicasets.apps": {"replicas": 0},
    "statefulsets.apps": {"replicas": 0, "availableReplicas": 0},
}


def completed(resource: str, obj: Obj) -> Obj:
    """Return the object with its defaults, as it is stored at every write."""
    result = {**obj}
    if resource == "secrets":
        result = _secret(result)
    spec = result.get("spec")
    if isinstance(spec, dict) or resource == "namespaces":
        spec = _filled(spec or {}, _SPECS.get(resource, {}))
        if resource == "pods":
            spec = _pod_spec(spec)
        elif isinstance(spec.get("template"), dict) and _is_workload(resource):
            spec["template"] = _template(spec["template"])
        elif resource == "services":
            spec = _service(spec, result["metadata"])
        result["spec"] = spec
    if resource == "namespaces":
        metadata = result["metadata"]
        labels = {"kubernetes.io/metadata.name": metadata.get("name", ""), **(metadata.get("labels") or {})}
        result["metadata"] = {**metadata, "labels": labels}
    return result


def started(resource: str, obj: Obj) -> Obj:
    """Return a new object with its initial status, which clients cannot set."""
    if resource not in _STATUS:
        return obj
    return {**obj, "status": {**_STATUS[resource]}}


def _filled(obj: Obj, defaults: Obj) -> Obj:
    """What is missing comes behind what there is, which stays in its order."""
    return {**obj, **{name: value for name, value in defaults.items() if name not in obj}}


def _is_workload(resource: str) -> bool:
    return resource.endswith(".apps") or resource == "jobs.batch"


def _template(template: Obj) -> Obj:
    spec = template.get("spec")
    return {**template, "spec": _pod_spec(spec)} if isinstance(spec, dict) else template


def _pod_spec(spec: Obj) -> Obj:
    result = _filled(spec, _POD_SPEC)
    for name in ("containers", "initContainers"):
        if isinstance(result.get(name), list):
            result[name] = [_container(container) for container in result[name]]
    return result


def _container(container: Any) -> Any:
    if not isinstance(container, dict):
        return container
    image = str(container.get("image", "")).rpartition("/")[2]
    latest = ":" not in image or image.endswith(":latest")
    result = _filled(container, {**_CONTAINER, "imagePullPolicy": "Always" if latest else "IfNotPresent"})
    if isinstance(result.get("ports"), list):
        result["ports"] = [_filled(port, {"protocol": "TCP"}) for port in result["ports"]]
    return result


def _service(spec: Obj, metadata: Obj) -> Obj:
    result = {**spec}
    if isinstance(result.get("ports"), list):
        result["ports"] = [
            _filled(port, {"protocol": "TCP", "targetPort": port.get("port")}) for port in result["ports"]
        ]
    if result["type"] != "ExternalName" and not result.get("clusterIP"):
        # The same name has the same address, so that a run can be repeated.
        number = zlib.crc32(f"{metadata.get('namespace')}/{metadata.get('name')}".encode())
        result["clusterIP"] = f"10.96.{number >> 8 & 255}.{number & 255}"
        result["clusterIPs"] = [result["clusterIP"]]
    return result


def _secret(obj: Obj) -> Obj:
    result = {"type": "Opaque", **obj}
    string_data = result.pop("stringData", None)
    if string_data:
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in string_data.items()}
        result["data"] = {**(result.get("data") or {}), **encoded}
    return result
