"""Build workloads as their authors wrote them, and the replica sets and jobs that controllers make of
them."""

from __future__ import annotations

import copy

from app.simulator.seed.object_factory import Obj, ObjectFactory, managed_entry, template_hash
from app.simulator.seed.pod_template import pod_template
from app.simulator.seed.sample_apps import App
from app.simulator.seed.workload_status import REVISION

HASH_LABEL = "pod-template-hash"
REVISION_LABEL = "controller-revision-hash"
_API = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
}


def make_workload(factory: ObjectFactory, app: App, replicas: int, created: str) -> Obj:
    """Return the workload of an application, without status."""
    workload: Obj = {
        "kind": app.kind,
        "apiVersion": _API[app.kind],
        "metadata": factory.meta(
            app.name,
            app.namespace,
            created=created,
            labels=app.labels,
            annotations={"meta.helm.sh/release-name": app.labels["app.kubernetes.io/part-of"]},
            generation=1,
        ),
        "spec": _spec(app, replicas),
        "status": {},
    }
    workload["metadata"]["managedFields"] = [
        managed_entry("helm", workload, ("metadata", "spec"), time=created)
    ]
    return workload


def _spec(app: App, replicas: int) -> Obj:
    template = pod_template(app)
    selector: Obj = {"matchLabels": {"app": app.name}}
    if app.kind == "Deployment":
        rolling: Obj = {"maxUnavailable": "25%", "maxSurge": "25%"}
        return {
            "replicas": replicas,
            "selector": selector,
            "template": template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        }
    if app.kind == "StatefulSet":
        return _stateful_set_spec(app, replicas, selector, template)
    if app.kind == "DaemonSet":
        return {
            "selector": selector,
            "template": template,
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
            },
            "revisionHistoryLimit": 10,
        }
    return _job_spec(app, selector, template)


def _stateful_set_spec(app: App, replicas: int, selector: Obj, template: Obj) -> Obj:
    template["spec"]["containers"][0]["volumeMounts"].append({"name": "data", "mountPath": "/data"})
    return {
        "replicas": replicas,
        "selector": selector,
        "template": template,
        "volumeClaimTemplates": [
            {
                "kind": "PersistentVolumeClaim",
                "apiVersion": "v1",
                "metadata": {"name": "data", "creationTimestamp": None},
                "spec": claim_spec(app),
                "status": {"phase": "Pending"},
            }
        ],
        "serviceName": app.name,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "revisionHistoryLimit": 10,
    }


def _job_spec(app: App, selector: Obj, template: Obj) -> Obj:
    """Return the spec of a job, or of a cron job that has it as its template."""
    job: Obj = {
        "parallelism": 1,
        "completions": 1,
        "completionMode": "NonIndexed",
        "backoffLimit": 6,
        "suspend": False,
        "template": template,
    }
    if app.kind == "Job":
        return {**job, "selector": selector, "completionMode": "NonIndexed"}
    return {
        "schedule": app.schedule,
        "concurrencyPolicy": "Forbid",
        "suspend": False,
        "jobTemplate": {"metadata": {"creationTimestamp": None}, "spec": job},
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }


def claim_spec(app: App) -> Obj:
    """Return the spec of the volume claim of a stateful application."""
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": app.storage or "1Gi"}},
        "storageClassName": "fast-ssd",
        "volumeMode": "Filesystem",
    }


def make_replica_set(
    factory: ObjectFactory, deployment: Obj, template: Obj, *, replicas: int, revision: int, created: str
) -> Obj:
    """Return the replica set of one revision of a deployment."""
    name: str = deployment["metadata"]["name"]
    key = template_hash(template)
    template = copy.deepcopy(template)
    labels = {**(template["metadata"].get("labels") or {}), HASH_LABEL: key}
    template["metadata"]["labels"] = labels
    wanted = deployment["spec"].get("replicas", 1)
    replica_set: Obj = {
        "kind": "ReplicaSet",
        "apiVersion": "apps/v1",
        "metadata": factory.meta(
            f"{name}-{key}",
            deployment["metadata"]["namespace"],
            created=created,
            labels=labels,
            annotations={
                "deployment.kubernetes.io/desired-replicas": str(wanted),
                "deployment.kubernetes.io/max-replicas": str(wanted + max(1, wanted // 4)),
                REVISION: str(revision),
            },
            owner=deployment,
            generation=1,
        ),
        "spec": {
            "replicas": replicas,
            "selector": _selector_with(deployment, HASH_LABEL, key),
            "template": template,
        },
        "status": {"replicas": 0},
    }
    replica_set["metadata"]["managedFields"] = [
        managed_entry("kube-controller-manager", replica_set, ("metadata", "spec"), time=created)
    ]
    return replica_set


def _selector_with(workload: Obj, label: str, value: str) -> Obj:
    selector: Obj = copy.deepcopy(workload["spec"]["selector"])
    selector.setdefault("matchLabels", {})[label] = value
    return selector


def make_job(factory: ObjectFactory, cron_job: Obj, *, minute: int, created: str) -> Obj:
    """Return the job of one scheduled time of a cron job.

    minute: that time in minutes since 1970, which is part of the job's name.
    """
    written: Obj = cron_job["spec"]["jobTemplate"]
    name = f"{cron_job['metadata']['name']}-{minute}"
    uid_labels: dict[str, str] = {"batch.kubernetes.io/job-name": name, "job-name": name}
    spec: Obj = copy.deepcopy(written["spec"])
    job: Obj = {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "metadata": factory.meta(
            name,
            cron_job["metadata"]["namespace"],
            created=created,
            labels=dict((written.get("metadata") or {}).get("labels") or {}),
            owner=cron_job,
            generation=1,
        ),
        "spec": spec,
        "status": {},
    }
    uid_labels["batch.kubernetes.io/controller-uid"] = job["metadata"]["uid"]
    spec.setdefault("completions", 1)
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    spec["selector"] = {
        "matchLabels": {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]},
    }
    template: Obj = spec["template"]
    meta: Obj = template.setdefault("metadata", {})
    meta["labels"] = {**(meta.get("labels") or {}), **uid_labels}
    return job
