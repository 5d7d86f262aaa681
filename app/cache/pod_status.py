"""The status of a pod, computed from its conditions and its containers' states.

`pod_status` is what kubectl shows: ``printPod`` of
kubernetes/pkg/printers/internalversion/printers.go, as of 1.37.
"""

from datetime import datetime

import msgspec

from app.cache.ages import parse_time, since
from app.json_access import Object, at, boolean, integer, mapping, objects, text


class PodStatus(msgspec.Struct, frozen=True):
    """``reason`` is kubectl's STATUS, ``ready`` of ``containers`` its READY; ``restarted``: last time."""

    reason: str
    ready: int
    containers: int
    restarts: int
    restarted: datetime | None

    def restarts_text(self, now: datetime) -> str:
        """kubectl's RESTARTS: ``3 (5m ago)``."""
        if self.restarts == 0 or self.restarted is None:
            return str(self.restarts)
        return f"{self.restarts} ({since(self.restarted, now)} ago)"


class _Tally:
    """Restarts of some containers, and the end of the latest run that one of them had before."""

    def __init__(self) -> None:
        self.restarts = 0
        self.latest: datetime | None = None

    def add(self, container: Object) -> None:
        self.restarts += integer(container, "restartCount")
        ended = parse_time(at(container, "lastState", "terminated", "finishedAt"))
        if ended is not None and (self.latest is None or ended > self.latest):
            self.latest = ended


def pod_status(pod: Object) -> PodStatus:
    """The status of a pod, whatever members it lacks."""
    status, spec = mapping(pod, "status"), mapping(pod, "spec")
    phase = text(status, "phase")
    reason = text(status, "reason") or phase
    conditions = objects(status, "conditions")
    if _is_gated(conditions):
        reason = "SchedulingGated"

    init_containers = objects(spec, "initContainers")
    sidecars = {
        text(container, "name")
        for container in init_containers
        if text(container, "restartPolicy") == "Always"
    }
    started, of_all, of_sidecars = 0, _Tally(), _Tally()
    initializing = None
    for number, container in enumerate(objects(status, "initContainerStatuses")):
        sidecar = text(container, "name") in sidecars
        of_all.add(container)
        if sidecar:
            of_sidecars.add(container)
        if sidecar and boolean(container, "started") and not _succeeded(container):
            started += boolean(container, "ready")
            continue
        initializing = _initializing(container, number, len(init_containers))
        if initializing is not None:
            reason = initializing
            break

    ready, tally = started, of_all
    if initializing is None or _is_true(conditions, "Initialized"):
        tally = of_sidecars
        containers = objects(status, "containerStatuses")
        reason = _running(containers, reason, _is_true(conditions, "Ready", any_of_type=True))
        for container in containers:
            tally.add(container)
            ready += _is_running_and_ready(container)

    if at(pod, "metadata", "deletionTimestamp") is not None:
        if text(status, "reason") == "NodeLost":
            reason = "Unknown"
        elif phase not in ("Succeeded", "Failed"):
            reason = "Terminating"

    total = len(objects(spec, "containers")) + sum(
        text(container, "restartPolicy") == "Always" for container in init_containers
    )
    return PodStatus(reason, ready, total, tally.restarts, tally.latest)


def _is_gated(conditions: list[Object]) -> bool:
    return any(
        text(condition, "type") == "PodScheduled" and text(condition, "reason") == "SchedulingGated"
        for condition in conditions
    )


def _succeeded(container: Object) -> bool:
    terminated = at(container, "state", "terminated")
    return isinstance(terminated, dict) and integer(terminated, "exitCode") == 0


def _initializing(container: Object, number: int, total: int) -> str | None:
    """Why an init container holds the pod up; None where it has succeeded."""
    if _succeeded(container):
        return None
    state = mapping(container, "state")
    if isinstance(at(state, "terminated"), dict):
        return f"Init:{_terminated(mapping(state, 'terminated'))}"
    waiting = text(state, "waiting", "reason")
    if waiting and waiting != "PodInitializing":
        return f"Init:{waiting}"
    return f"Init:{number}/{total}"


def _terminated(terminated: Object) -> str:
    if reason := text(terminated, "reason"):
        return reason
    if signal := integer(terminated, "signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{integer(terminated, 'exitCode')}"


def _running(containers: list[Object], reason: str, is_ready: bool) -> str:
    """Return the reason with what the first container says that waits, has ended or is not ready."""
    has_running, error = False, ""
    for container in reversed(containers):
        state = mapping(container, "state")
        waiting = text(state, "waiting", "reason")
        if waiting:
            reason = waiting
        elif isinstance(at(state, "terminated"), dict):
            reason = _terminated(mapping(state, "terminated"))
            if integer(state, "terminated", "exitCode") != 0:
                error = reason
        elif _is_running_and_ready(container):
            has_running = True
    if reason != "Completed":
        return reason
    if has_running and is_ready:
        return "Running"
    return error or ("NotReady" if has_running else reason)


def _is_running_and_ready(container: Object) -> bool:
    state = mapping(container, "state")
    return (
        not text(state, "waiting", "reason")
        and not isinstance(at(state, "terminated"), dict)
        and isinstance(at(state, "running"), dict)
        and boolean(container, "ready")
    )


def _is_true(conditions: list[Object], kind: str, *, any_of_type: bool = False) -> bool:
    """Whether the first condition of a type, or any of it, is true."""
    truths = [
        text(condition, "status") == "True" for condition in conditions if text(condition, "type") == kind
    ]
    return any(truths) if any_of_type else bool(truths) and truths[0]
