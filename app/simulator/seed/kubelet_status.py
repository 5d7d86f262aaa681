"""What the scheduler and a kubelet write into a pod, state by state.

Every function changes the pod it is given in place and takes the time as metav1.Time text. The order in
which a real kubelet goes through these states: scheduled, starting, running, ready; then crashed and
backing_off and running again; terminating and finished at the end.
"""

from __future__ import annotations

from app.simulator.seed.object_factory import Obj, json_digest, managed_entry


def _condition(pod: Obj, kind: str, status: bool, at: str, reason: str = "", message: str = "") -> None:
    conditions: list[Obj] = pod["status"].setdefault("conditions", [])
    wanted: Obj = {"type": kind, "status": "True" if status else "False", "lastProbeTime": None}
    previous = next((entry for entry in conditions if entry["type"] == kind), None)
    same = previous is not None and previous["status"] == wanted["status"]
    wanted["lastTransitionTime"] = previous["lastTransitionTime"] if previous is not None and same else at
    if reason:
        wanted["reason"] = reason
    if message:
        wanted["message"] = message
    if previous is None:
        conditions.append(wanted)
    else:
        conditions[conditions.index(previous)] = wanted


def _names(pod: Obj) -> str:
    return "[" + " ".join(each["name"] for each in pod["spec"]["containers"]) + "]"


def _signed(pod: Obj, at: str) -> None:
    """The kubelet's entry in managedFields, as of its last write."""
    entries = [
        entry
        for entry in pod["metadata"].get("managedFields", [])
        if not (entry["manager"] == "kubelet" and entry.get("subresource") == "status")
    ]
    entries.append(managed_entry("kubelet", pod, ("status",), time=at, subresource="status"))
    pod["metadata"]["managedFields"] = entries


def _unready(pod: Obj, at: str) -> None:
    message = f"containers with unready status: {_names(pod)}"
    for kind in ("Ready", "ContainersReady"):
        _condition(pod, kind, False, at, "ContainersNotReady", message)


def image_id(image: str) -> str:
    """The digest that a registry would have answered with: a function of the image's name."""
    return f"{image.rpartition(':')[0]}@sha256:{json_digest(image)}"


def scheduled(pod: Obj, node: str, at: str) -> None:
    """Bind a pod to a node."""
    pod["spec"]["nodeName"] = node
    _condition(pod, "PodScheduled", True, at)


def unschedulable(pod: Obj, message: str, at: str) -> None:
    """Mark a pod that no node takes."""
    _condition(pod, "PodScheduled", False, at, "Unschedulable", message)


def starting(pod: Obj, host_ip: str, at: str) -> None:
    """ContainerCreating: the kubelet has seen the pod."""
    status: Obj = pod["status"]
    status["hostIP"] = host_ip
    status["hostIPs"] = [{"ip": host_ip}]
    status["startTime"] = at
    _condition(pod, "PodReadyToStartContainers", False, at)
    _condition(pod, "Initialized", True, at)
    _unready(pod, at)
    status["containerStatuses"] = [
        {
            "name": each["name"],
            "state": {"waiting": {"reason": "ContainerCreating"}},
            "lastState": {},
            "ready": False,
            "restartCount": 0,
            "image": each["image"],
            "imageID": "",
            "started": False,
        }
        for each in pod["spec"]["containers"]
    ]
    _signed(pod, at)


def running(pod: Obj, pod_ip: str, at: str) -> None:
    """The containers have been started; their readiness probes have not answered yet."""
    status: Obj = pod["status"]
    status["phase"] = "Running"
    status["podIP"] = pod_ip
    status["podIPs"] = [{"ip": pod_ip}]
    _condition(pod, "PodReadyToStartContainers", True, at)
    uid: str = pod["metadata"]["uid"]
    for each in status["containerStatuses"]:
        each["state"] = {"running": {"startedAt": at}}
        each["started"] = True
        each["imageID"] = image_id(each["image"])
        each["containerID"] = f"containerd://{json_digest([uid, each['name'], each['restartCount']])}"
    _unready(pod, at)
    _signed(pod, at)


def ready(pod: Obj, at: str) -> None:
    """Mark all containers of a pod as ready."""
    for each in pod["status"]["containerStatuses"]:
        each["ready"] = True
    for kind in ("Ready", "ContainersReady"):
        _condition(pod, kind, True, at)
    _signed(pod, at)


def node_lost(pod: Obj, lost: bool, at: str) -> None:
    """What the node lifecycle controller does to the pods of a node that no longer reports, and undoes."""
    _condition(pod, "Ready", not lost, at, "NodeNotReady" if lost else "")


def pulling_fails(pod: Obj, at: str, *, back_off: bool) -> None:
    """ErrImagePull and ImagePullBackOff, which a kubelet alternates between."""
    for each in pod["status"]["containerStatuses"]:
        image: str = each["image"]
        each["state"] = {
            "waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}
            if back_off
            else {
                "reason": "ErrImagePull",
                "message": f'failed to pull and unpack image "{image}": failed to resolve reference '
                f'"{image}": {image}: not found',
            }
        }
    _unready(pod, at)
    _signed(pod, at)


def _terminated(each: Obj, at: str, code: int) -> Obj:
    started = each["state"].get("running", {}).get("startedAt", at)
    return {
        "exitCode": code,
        "reason": {0: "Completed", 137: "OOMKilled"}.get(code, "Error"),
        "startedAt": started,
        "finishedAt": at,
        "containerID": each.get("containerID", ""),
    }


def crashed(pod: Obj, at: str, code: int) -> None:
    """The containers ended with this exit code; the kubelet has not decided yet what to do."""
    for each in pod["status"]["containerStatuses"]:
        each["state"] = {"terminated": _terminated(each, at, code)}
        each["ready"] = False
        each["started"] = False
    _unready(pod, at)
    _signed(pod, at)


def backing_off(pod: Obj, seconds: int, at: str) -> None:
    """CrashLoopBackOff. seconds: how long the kubelet says that it waits."""
    meta: Obj = pod["metadata"]
    for each in pod["status"]["containerStatuses"]:
        each["lastState"] = each["state"]
        wait = f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"
        each["state"] = {
            "waiting": {
                "reason": "CrashLoopBackOff",
                "message": f"back-off {wait} restarting failed container={each['name']} "
                f"pod={meta['name']}_{meta['namespace']}({meta['uid']})",
            }
        }
    _signed(pod, at)


def restarted(pod: Obj, at: str) -> None:
    """Running again after a crash, one restart more."""
    for each in pod["status"]["containerStatuses"]:
        if "terminated" in each["state"]:
            each["lastState"] = each["state"]
        each["restartCount"] += 1
    running(pod, pod["status"]["podIP"], at)


def finished(pod: Obj, at: str, code: int = 0) -> None:
    """The pod is done for good: Succeeded or Failed."""
    crashed(pod, at, code)
    reason = "PodCompleted" if code == 0 else "PodFailed"
    for kind in ("Initialized", "Ready", "ContainersReady"):
        _condition(pod, kind, kind == "Initialized", at, reason)
    pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
    _signed(pod, at)


def is_ready(pod: Obj) -> bool:
    """Return whether the condition Ready of a pod is True."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def is_done(pod: Obj) -> bool:
    """Return whether a pod has ended for good."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
