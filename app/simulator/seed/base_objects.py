"""Build what a cluster has before anything runs in it: namespaces, nodes, accounts, configuration,
volumes."""

from __future__ import annotations

import base64

from app.simulator.seed.object_factory import Obj, ObjectFactory, managed_entry, micro_stamp
from app.simulator.seed.sample_apps import App
from app.simulator.seed.workload_objects import claim_spec

VERSION = "v1.37.0"
ZONES = ("a", "b", "c")


def make_namespace(factory: ObjectFactory, name: str, created: str) -> Obj:
    """Return an active namespace."""
    labels = {"kubernetes.io/metadata.name": name}
    return {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": factory.meta(name, created=created, labels=labels),
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def node_condition(kind: str, status: str, at: str, reason: str, message: str) -> Obj:
    """Return a condition of a node whose heartbeat and transition were at the same time."""
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": at,
        "lastTransitionTime": at,
        "reason": reason,
        "message": message,
    }


def make_node(factory: ObjectFactory, number: int, region: str, created: str) -> Obj:
    """Return a ready node: number 0 is the control plane, the others are workers in the region's zones."""
    control = number == 0
    name = "control-plane-0" if control else f"worker-{factory.suffix(4)}-{number}"
    labels = _node_labels(name, number, region)
    spec: Obj = {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]}
    if control:
        spec["taints"] = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    node: Obj = {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": factory.meta(
            name,
            created=created,
            labels=labels,
            annotations={
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        ),
        "spec": spec,
        "status": _node_status(factory, name, number, created),
    }
    node["metadata"]["managedFields"] = [
        managed_entry("kubelet", node, ("metadata", "spec"), time=created),
        managed_entry("kubelet", node, ("status",), time=created, subresource="status"),
    ]
    return node


def _node_labels(name: str, number: int, region: str) -> dict[str, str]:
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m6i.2xlarge" if number else "m6i.large",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": region + ZONES[number % len(ZONES)],
    }
    if number == 0:
        labels["node-role.kubernetes.io/control-plane"] = ""
    return labels


def _node_status(factory: ObjectFactory, name: str, number: int, created: str) -> Obj:
    capacity = {
        "cpu": "8" if number else "2",
        "ephemeral-storage": "104845292Ki",
        "hugepages-2Mi": "0",
        "memory": "32412848Ki" if number else "7934056Ki",
        "pods": "110",
    }
    pressures = [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ]
    return {
        "capacity": capacity,
        "allocatable": {**capacity, "memory": "31288432Ki" if number else "7831656Ki"},
        "conditions": [
            *(node_condition(kind, "False", created, reason, text) for kind, reason, text in pressures),
            node_condition("Ready", "True", created, "KubeletReady", "kubelet is posting ready status"),
        ],
        "addresses": [
            {"type": "InternalIP", "address": f"10.0.{number // 250}.{10 + number % 240}"},
            {"type": "Hostname", "address": name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": factory.uid().replace("-", ""),
            "systemUUID": factory.uid(),
            "bootID": factory.uid(),
            "kernelVersion": "6.8.0-1017-aws",
            "osImage": "Ubuntu 24.04.1 LTS",
            "containerRuntimeVersion": "containerd://1.7.22",
            "kubeletVersion": VERSION,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
        "images": [],
    }


def make_lease(factory: ObjectFactory, node: Obj) -> Obj:
    """Return the lease with which a node's kubelet reports."""
    name: str = node["metadata"]["name"]
    created: str = node["metadata"]["creationTimestamp"]
    lease: Obj = {
        "kind": "Lease",
        "apiVersion": "coordination.k8s.io/v1",
        "metadata": factory.meta(name, "kube-node-lease", created=created),
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": 40,
            "renewTime": micro_stamp(factory.now),
        },
    }
    reference = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
    lease["metadata"]["ownerReferences"] = [reference]
    return lease


def make_account(factory: ObjectFactory, namespace: str, name: str, created: str) -> Obj:
    """Return a service account."""
    return {
        "kind": "ServiceAccount",
        "apiVersion": "v1",
        "metadata": factory.meta(name, namespace, created=created),
    }


def make_config_map(
    factory: ObjectFactory, namespace: str, name: str, data: dict[str, str], created: str
) -> Obj:
    """Return a config map."""
    return {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": factory.meta(name, namespace, created=created),
        "data": data,
    }


def app_config(factory: ObjectFactory, app: App, created: str) -> Obj:
    """Return the config map that the application's container reads."""
    text = (
        f"server:\n  port: {app.port}\n  timeout: 15s\n"
        f"log:\n  format: json\n  level: info\n"
        f"cache:\n  size: {app.memory}\n  ttl: {factory.rng.choice((30, 60, 300))}s\n"
    )
    data = {"FEATURES": "new-pricing,fast-search", "application.yaml": text}
    return make_config_map(factory, app.namespace, f"{app.name}-config", data, created)


def make_secret(
    factory: ObjectFactory,
    namespace: str,
    name: str,
    values: dict[str, str],
    created: str,
    kind: str = "Opaque",
) -> Obj:
    """Return a secret. values: clear text, made up for the demonstration."""
    return {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": factory.meta(name, namespace, created=created),
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
        "type": kind,
    }


def make_claim(
    factory: ObjectFactory, app: App, number: int, created: str, prefix: str = "data"
) -> tuple[Obj, Obj]:
    """Return the bound claim of one replica of a stateful set, and its volume."""
    claim: Obj = {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "metadata": factory.meta(
            f"{prefix}-{app.name}-{number}",
            app.namespace,
            created=created,
            labels={"app": app.name},
            annotations={"pv.kubernetes.io/bind-completed": "yes"},
        ),
        "spec": claim_spec(app),
        "status": {
            "phase": "Bound",
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": app.storage},
        },
    }
    name = f"pvc-{claim['metadata']['uid']}"
    claim["spec"]["volumeName"] = name
    volume: Obj = {
        "kind": "PersistentVolume",
        "apiVersion": "v1",
        "metadata": factory.meta(name, created=created),
        "spec": {
            "capacity": {"storage": app.storage},
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-0{factory.rng.getrandbits(64):016x}"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": {
                "kind": "PersistentVolumeClaim",
                "namespace": app.namespace,
                "name": claim["metadata"]["name"],
                "uid": claim["metadata"]["uid"],
                "apiVersion": "v1",
            },
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": "fast-ssd",
            "volumeMode": "Filesystem",
        },
        "status": {"phase": "Bound"},
    }
    return claim, volume
