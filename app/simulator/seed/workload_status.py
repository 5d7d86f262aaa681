"""The status of a workload as its controller computes it from what it owns.

Pure functions: the seed uses them for a cluster at rest, the controllers for one that lives. The rules are
those of Kubernetes' own controllers (pkg/controller/{replicaset,deployment,statefulset,daemon,job}).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from app.simulator.seed.kubelet_status import is_ready
from app.simulator.seed.object_factory import Obj, moment, stamp

REVISION = "deployment.kubernetes.io/revision"


def wanted_replicas(workload: Obj) -> int:
    """Return the replicas that a workload's spec asks for, 1 by default."""
    value = workload["spec"].get("replicas")
    return 1 if value is None else int(value)


def _share(value: object, whole: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        part = whole * int(value[:-1]) / 100
        return math.ceil(part) if up else math.floor(part)
    return int(str(value))


def rolling_bounds(deployment: Obj) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) as pods: percentages up and down; both zero make one unavailable."""
    wanted = wanted_replicas(deployment)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, wanted)


def condition(status: Obj, kind: str) -> Obj | None:
    """Return the condition of this type, None where the status has none."""
    result: Obj | None = next((each for each in status.get("conditions", ()) if each["type"] == kind), None)
    return result


def replica_set_status(replica_set: Obj, pods: Sequence[Obj]) -> Obj:
    """Return the status of a replica set that has these pods."""
    ready = sum(1 for pod in pods if is_ready(pod))
    status: Obj = {"replicas": len(pods)}
    if pods:
        status["fullyLabeledReplicas"] = len(pods)
    if ready:
        status["readyReplicas"] = ready
        status["availableReplicas"] = ready
    status["observedGeneration"] = replica_set["metadata"].get("generation", 1)
    return status


def _deployment_condition(old: Obj | None, kind: str, status: str, reason: str, message: str, at: str) -> Obj:
    moved = old is None or old["status"] != status
    changed = moved or old is None or old["reason"] != reason or old["message"] != message
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": at if changed or old is None else old["lastUpdateTime"],
        "lastTransitionTime": at if moved or old is None else old["lastTransitionTime"],
        "reason": reason,
        "message": message,
    }


def deployment_status(deployment: Obj, current: Obj | None, sets: Sequence[Obj], now: datetime) -> Obj:
    """current: the replica set of the present template, which is among the sets."""
    old: Obj = deployment.get("status") or {}
    wanted = wanted_replicas(deployment)
    counts = [(each.get("status") or {}) for each in sets]
    newest: Obj = (current or {}).get("status") or {}
    total = sum(each.get("replicas", 0) for each in counts)
    available = sum(each.get("availableReplicas", 0) for each in counts)
    status: Obj = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": total,
        "updatedReplicas": newest.get("replicas", 0),
        "readyReplicas": sum(each.get("readyReplicas", 0) for each in counts),
        "availableReplicas": available,
        "unavailableReplicas": max(0, max(total, wanted) - available),
    }
    enough = available >= wanted - rolling_bounds(deployment)[1]
    at = stamp(now)
    have = _deployment_condition(
        condition(old, "Available"),
        "Available",
        "True" if enough else "False",
        "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        at,
    )
    done = status["updatedReplicas"] == total == available == wanted
    progress = _progressing(deployment, old, status, current, done=done, now=now)
    status = {name: count for name, count in status.items() if count}
    status["conditions"] = [have, progress]
    return status


# A change of one of these is progress.
_PROGRESS = ("updatedReplicas", "readyReplicas", "availableReplicas", "observedGeneration")


def _progressing(
    deployment: Obj, old: Obj, status: Obj, current: Obj | None, *, done: bool, now: datetime
) -> Obj:
    at = stamp(now)
    previous = condition(old, "Progressing")
    name = current["metadata"]["name"] if current is not None else ""
    if done:
        message = f'ReplicaSet "{name}" has successfully progressed.'
        return _deployment_condition(previous, "Progressing", "True", "NewReplicaSetAvailable", message, at)
    if previous is not None and f'"{name}"' in previous["message"]:
        if previous["reason"] == "NewReplicaSetAvailable":
            # A finished rollout whose pods are merely disturbed, or scaled, is not a new one.
            if status["updatedReplicas"] == status["replicas"]:
                return previous
        elif not any(status[count] != old.get(count, 0) for count in _PROGRESS):
            deadline = deployment["spec"].get("progressDeadlineSeconds") or 600
            waited = (now - moment(previous["lastUpdateTime"])).total_seconds()
            if previous["reason"] == "ReplicaSetUpdated" and waited < deadline:
                return previous
            message = f'ReplicaSet "{name}" has timed out progressing.'
            return _deployment_condition(
                previous, "Progressing", "False", "ProgressDeadlineExceeded", message, at
            )
    message = f'ReplicaSet "{name}" is progressing.'
    updated = _deployment_condition(previous, "Progressing", "True", "ReplicaSetUpdated", message, at)
    updated["lastUpdateTime"] = at
    return updated


def stateful_set_status(stateful_set: Obj, pods: Sequence[Obj], revision: str, current: str) -> Obj:
    """revision: of the present template; current: the one that all pods had before, or the same."""
    label = "controller-revision-hash"
    updated = [pod for pod in pods if pod["metadata"]["labels"].get(label) == revision]
    ready = sum(1 for pod in pods if is_ready(pod))
    if len(updated) == len(pods) == wanted_replicas(stateful_set) == ready:
        current = revision
    status: Obj = {
        "observedGeneration": stateful_set["metadata"].get("generation", 1),
        "replicas": len(pods),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "currentReplicas": sum(1 for pod in pods if pod["metadata"]["labels"].get(label) == current),
        "updatedReplicas": len(updated),
        "currentRevision": current,
        "updateRevision": revision,
        "collisionCount": 0,
    }
    return status


def daemon_set_status(daemon_set: Obj, pods: Sequence[Obj], nodes: int, revision: str) -> Obj:
    """Return the status of a daemon set that has these pods and should have ``wanted``."""
    ready = sum(1 for pod in pods if is_ready(pod))
    status: Obj = {
        "currentNumberScheduled": len(pods),
        "numberMisscheduled": 0,
        "desiredNumberScheduled": nodes,
        "numberReady": ready,
        "observedGeneration": daemon_set["metadata"].get("generation", 1),
        "updatedNumberScheduled": sum(
            1 for pod in pods if pod["metadata"]["labels"].get("controller-revision-hash") == revision
        ),
    }
    if ready:
        status["numberAvailable"] = ready
    if nodes > ready:
        status["numberUnavailable"] = nodes - ready
    return status


def job_status(job: Obj, pods: Sequence[Obj], now: datetime) -> Obj:
    """Return the status of a job that has these pods."""
    old: Obj = job.get("status") or {}
    if any(condition(old, kind) for kind in ("Complete", "Failed")):
        return old
    phases = [pod["status"].get("phase") for pod in pods]
    succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
    active = len(phases) - succeeded - failed
    at = stamp(now)
    status: Obj = {"startTime": old.get("startTime", at), "uncountedTerminatedPods": {}}
    for name, count in (("active", active), ("succeeded", succeeded), ("failed", failed)):
        if count:
            status[name] = count
    status["ready"] = sum(1 for pod in pods if is_ready(pod))
    kind = ""
    if succeeded >= (job["spec"].get("completions") or 1):
        kind, reason, message = "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        status["completionTime"] = at
    elif failed > job["spec"].get("backoffLimit", 6):
        kind, reason, message = (
            "Failed",
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        )
    if kind:
        status["conditions"] = [
            {
                "type": kind,
                "status": "True",
                "lastProbeTime": at,
                "lastTransitionTime": at,
                "reason": reason,
                "message": message,
            }
        ]
    return status
