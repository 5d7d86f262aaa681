"""Pods as a busy cluster has them: about 7.5 KB of JSON each, of which managedFields are 2.3 KB."""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import orjson

APPS = 100  # So that `app=app-7` selects 1 % of the pods.
REPLICAS = 10
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_CREATED = "2026-02-03T10:11:12Z"


def pods(count: int, *, first_version: int = 1000) -> Iterator[dict[str, Any]]:
    """``count`` running pods of deployments, the same ones in every run."""
    rng = random.Random(20)
    hashes: dict[int, str] = {}
    for number in range(count):
        replicaset = number // REPLICAS
        if replicaset not in hashes:
            hashes[replicaset] = "".join(rng.choices(_SUFFIX, k=10))
        yield _pod(rng, number, replicaset, hashes[replicaset], first_version + number)


def encoded(count: int) -> list[bytes]:
    """The same as JSON, as an API server writes it."""
    return [orjson.dumps(pod) for pod in pods(count)]


def stripped(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod without its managedFields."""
    metadata = {key: value for key, value in pod["metadata"].items() if key != "managedFields"}
    return {**pod, "metadata": metadata}


def event(pod: bytes, kind: str = "ADDED") -> bytes:
    """One line of a watch."""
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), pod)


def page(items: list[bytes], version: int, continue_: str = "", remaining: int = 0) -> bytes:
    """A PodList of these pods; as kube-apiserver's, its items lack kind and apiVersion."""
    more = b',"continue":"%s","remainingItemCount":%d' % (continue_.encode(), remaining) if continue_ else b""
    head = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"%d"%s},"items":[' % (
        version,
        more,
    )
    prefix = b'{"kind":"Pod","apiVersion":"v1",'
    return head + b",".join(b"{" + item.removeprefix(prefix) for item in items) + b"]}\n"


def _pod(rng: random.Random, number: int, replicaset: int, pod_hash: str, version: int) -> dict[str, Any]:
    app = f"app-{replicaset % APPS}"
    owner = f"{app}-{pod_hash}"
    name = f"{owner}-{''.join(rng.choices(_SUFFIX, k=5))}"
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    metadata: dict[str, Any] = {
        "name": name,
        "generateName": f"{owner}-",
        "namespace": f"team-{replicaset % 20}",
        "uid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "resourceVersion": str(version),
        "generation": 1,
        "creationTimestamp": _CREATED,
        "labels": {
            "app": app,
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/part-of": f"product-{replicaset % 7}",
            "pod-template-hash": pod_hash,
            "tier": ("front", "middle", "back")[replicaset % 3],
        },
        "annotations": {
            "kubectl.kubernetes.io/restartedAt": _CREATED,
            "prometheus.io/port": "9090",
            "prometheus.io/scrape": "true",
            "checksum/config": f"{rng.getrandbits(256):064x}",
        },
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": owner,
                "uid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    spec = _spec(app, f"node-{number % 200}", rng)
    status = _status(address, rng)
    metadata["managedFields"] = [
        _owned("kube-controller-manager", {"metadata": _fields(metadata), "spec": _fields(spec, 2)}),
        {**_owned("kubelet", {"status": _fields(status)}), "subresource": "status"},
    ]
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status}


def _spec(app: str, node: str, rng: random.Random) -> dict[str, Any]:
    volume = f"kube-api-access-{''.join(rng.choices(_SUFFIX, k=5))}"
    mounts = [
        {"name": "config", "readOnly": True, "mountPath": f"/etc/{app}"},
        {"name": volume, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
    ]
    return {
        "volumes": [
            {"name": "config", "configMap": {"name": f"{app}-config", "defaultMode": 420}},
            {
                "name": volume,
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                        {
                            "configMap": {
                                "name": "kube-root-ca.crt",
                                "items": [{"key": "ca.crt", "path": "ca.crt"}],
                            }
                        },
                    ],
                    "defaultMode": 420,
                },
            },
        ],
        "containers": [
            _container(app, "main", 8080, mounts),
            _container("envoy", "proxy", 15001, mounts[1:]),
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app,
        "serviceAccount": app,
        "nodeName": node,
        "securityContext": {"runAsUser": 1000, "runAsNonRoot": True, "fsGroup": 2000},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{taint}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for taint in ("not-ready", "unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def _container(image: str, name: str, port: int, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    probe = {
        "httpGet": {"path": "/healthz", "port": port, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    return {
        "name": name,
        "image": f"registry.example.com/platform/{image}:1.27.3",
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
        ],
        "resources": {
            "limits": {"cpu": "1", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "128Mi"},
        },
        "volumeMounts": mounts,
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _status(address: str, rng: random.Random) -> dict[str, Any]:
    return {
        "observedGeneration": 1,
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": _CREATED}
            for kind in (
                "PodReadyToStartContainers",
                "Initialized",
                "Ready",
                "ContainersReady",
                "PodScheduled",
            )
        ],
        "hostIP": "192.168.7.11",
        "hostIPs": [{"ip": "192.168.7.11"}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": _CREATED,
        "containerStatuses": [
            {
                "name": name,
                "state": {"running": {"startedAt": _CREATED}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "image": f"registry.example.com/platform/{name}:1.27.3",
                "imageID": f"registry.example.com/platform/{name}@sha256:{rng.getrandbits(256):064x}",
                "containerID": f"containerd://{rng.getrandbits(256):064x}",
                "started": True,
            }
            for name in ("main", "proxy")
        ],
        "qosClass": "Burstable",
    }


def _owned(manager: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": _CREATED,
        "fieldsType": "FieldsV1",
        "fieldsV1": {f"f:{key}": value for key, value in fields.items()},
    }


def _fields(value: Any, depth: int = 3) -> Any:
    """The FieldsV1 of a value: a set of paths, lists keyed by what merges them; ``depth`` levels of it."""
    if isinstance(value, dict) and depth:
        return {f"f:{key}": _fields(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and depth:
        keyed: dict[str, Any] = {}
        for item in value:
            key = next((key for key in ("name", "type", "ip", "uid") if key in item), None)
            if key is None:
                return {}
            keyed["k:" + orjson.dumps({key: item[key]}).decode()] = {".": {}, **_fields(item, depth - 1)}
        return keyed
    return {}
