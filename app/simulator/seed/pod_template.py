"""Pods: from a template and an owner to an object with the defaults that admission fills in."""

from __future__ import annotations

import copy
from typing import Any

from app.simulator.seed.object_factory import Obj, ObjectFactory, managed_entry
from app.simulator.seed.sample_apps import FAILURE_ANNOTATION, App

_ACCOUNT_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def container(app: App) -> Obj:
    """The application's container, as its deployment's author wrote it and the API server defaulted it."""
    probe: Obj = {
        "httpGet": {"path": "/healthz", "port": app.port, "scheme": "HTTP"},
        "timeoutSeconds": 2,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    return {
        "name": app.name,
        "image": app.image,
        "ports": [{"name": "main", "containerPort": app.port, "protocol": "TCP"}],
        "envFrom": [{"configMapRef": {"name": f"{app.name}-config"}}],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
            {
                "name": "DATABASE_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": f"{app.name}-credentials", "key": "password"}},
            },
        ],
        "resources": {
            "limits": {"memory": app.memory},
            "requests": {"cpu": app.cpu, "memory": app.memory},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "livenessProbe": {**probe, "initialDelaySeconds": 10},
        "readinessProbe": {**probe, "httpGet": {"path": "/ready", "port": app.port, "scheme": "HTTP"}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
        },
    }


def pod_template(app: App, **annotations: str) -> Obj:
    """spec.template of the application's workload."""
    meta: Obj = {"creationTimestamp": None, "labels": app.labels}
    notes = {"prometheus.io/scrape": "true", "prometheus.io/port": str(app.port), **annotations}
    if app.failure_mode == "crash-loop":
        notes[FAILURE_ANNOTATION] = app.failure_mode
    meta["annotations"] = notes
    spec: Obj = {
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [container(app)],
        "restartPolicy": "OnFailure" if app.kind in ("Job", "CronJob") else "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app.name if app.public else "default",
        "serviceAccount": app.name if app.public else "default",
        "securityContext": {"runAsUser": 65532, "runAsNonRoot": True, "fsGroup": 65532},
        "schedulerName": "default-scheduler",
    }
    if app.kind == "DaemonSet":
        spec["tolerations"] = [{"operator": "Exists"}]
    return {"metadata": meta, "spec": spec}


def make_pod(
    factory: ObjectFactory,
    template: Obj,
    *,
    namespace: str,
    name: str,
    created: str,
    owner: Obj | None = None,
    generate_name: str | None = None,
    labels: dict[str, str] | None = None,
    node: str | None = None,
) -> Obj:
    """A pod as the API server returns it right after a controller made it: Pending, with all defaults.

    template: a pod template, possibly one that a user wrote without defaults. labels: added to the
    template's. node: bound from the start, as those of a daemon set are.
    """
    written = template.get("metadata") or {}
    pod: Obj = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": factory.meta(
            name,
            namespace,
            created=created,
            labels={**(written.get("labels") or {}), **(labels or {})},
            annotations=dict(written.get("annotations") or {}),
            owner=owner,
            generate_name=generate_name,
        ),
        "spec": copy.deepcopy(template["spec"]),
    }
    default_pod(pod, factory)
    if node is not None:
        pod["spec"]["nodeName"] = node
    pod["metadata"]["managedFields"] = [
        managed_entry("kube-controller-manager", pod, ("metadata", "spec"), time=created)
    ]
    return pod


def default_pod(pod: Obj, factory: ObjectFactory) -> None:
    """Fill in what admission and defaulting would, in place; what is set already stays."""
    spec: Obj = pod["spec"]
    for key, value in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("serviceAccountName", "default"),
        ("securityContext", {}),
        ("schedulerName", "default-scheduler"),
        ("priority", 0),
        ("enableServiceLinks", True),
        ("preemptionPolicy", "PreemptLowerPriority"),
    ):
        spec.setdefault(key, value)
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    _mount_token(spec, factory)
    tolerations: list[Obj] = spec.setdefault("tolerations", [])
    for taint in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{taint}"
        if not any(toleration.get("key") == key for toleration in tolerations):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            )
    status: Obj = pod.setdefault("status", {})
    status.setdefault("phase", "Pending")
    status.setdefault("qosClass", qos_class(spec))


def _mount_token(spec: Obj, factory: ObjectFactory) -> None:
    volumes: list[Obj] = spec.setdefault("volumes", [])
    if any(volume["name"].startswith("kube-api-access-") for volume in volumes):
        return
    name = f"kube-api-access-{factory.suffix()}"
    volumes.append(
        {
            "name": name,
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {
                        "configMap": {
                            "name": "kube-root-ca.crt",
                            "items": [{"key": "ca.crt", "path": "ca.crt"}],
                        }
                    },
                    {
                        "downwardAPI": {
                            "items": [
                                {
                                    "path": "namespace",
                                    "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                                }
                            ]
                        }
                    },
                ],
                "defaultMode": 420,
            },
        }
    )
    for each in spec["containers"]:
        for key, value in (
            ("resources", {}),
            ("terminationMessagePath", "/dev/termination-log"),
            ("terminationMessagePolicy", "File"),
            ("imagePullPolicy", "IfNotPresent"),
        ):
            each.setdefault(key, value)
        each.setdefault("volumeMounts", []).append(
            {"name": name, "readOnly": True, "mountPath": _ACCOUNT_MOUNT}
        )


def qos_class(spec: Obj) -> str:
    """BestEffort, Burstable or Guaranteed (kubernetes.io/docs/concepts/workloads/pods/pod-qos)."""
    resources: list[Any] = [each.get("resources") or {} for each in spec["containers"]]
    if not any(each.get("requests") or each.get("limits") for each in resources):
        return "BestEffort"
    for each in resources:
        limits = each.get("limits") or {}
        requests = each.get("requests") or limits
        if any(limits.get(name) is None or requests.get(name) != limits[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"
