"""Pods in every state that has a name of its own, with what kubectl says of each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Json = dict[str, Any]


class Case(NamedTuple):
    """READY, STATUS and RESTARTS of a pod with this spec and status; ``deleted`` has a deletionTimestamp."""

    name: str
    ready: str
    reason: str
    restarts: str
    spec: Json
    status: Json
    deleted: bool = False


def cases(now: datetime) -> list[Case]:
    """All of them; ages count to ``now``."""

    def ago(**duration: float) -> str:
        return (now - timedelta(**duration)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def crashed(restarts: int, **duration: float) -> Json:
        ended = {"exitCode": 1, "reason": "Error", "startedAt": ago(days=1), "finishedAt": ago(**duration)}
        return {"restartCount": restarts, "lastState": {"terminated": ended}}

    return [
        Case("new", "0/1", "Pending", "0", spec(), {"phase": "Pending"}),
        Case("running", "1/1", "Running", "0", spec(), phase("Running", main(RUNNING))),
        Case(
            "crash-loop",
            "0/1",
            "CrashLoopBackOff",
            "5 (5m30s ago)",
            spec(),
            phase("Running", main(waiting("CrashLoopBackOff"), **crashed(5, minutes=5, seconds=30))),
        ),
        Case("creating", "0/1", "ContainerCreating", "0", spec(), phase("Pending", main(CREATING))),
        Case("pulling", "0/1", "ErrImagePull", "0", spec(), phase("Pending", main(waiting("ErrImagePull")))),
        Case("waiting", "0/1", "Pending", "0", spec(), phase("Pending", main(waiting("")))),
        Case("done", "0/1", "Completed", "0", spec(), phase("Succeeded", main(ended(0, "Completed")))),
        Case("failed", "0/1", "Error", "0", spec(), phase("Failed", main(ended(1, "Error")))),
        Case("oom", "0/1", "OOMKilled", "0", spec(), phase("Failed", main(ended(137, "OOMKilled")))),
        Case("signal", "0/1", "Signal:9", "0", spec(), phase("Failed", main(ended(137, signal=9)))),
        Case("exit-code", "0/1", "ExitCode:3", "0", spec(), phase("Failed", main(ended(3)))),
        Case("evicted", "0/1", "Evicted", "0", spec(), {"phase": "Failed", "reason": "Evicted"}),
        Case(
            "restarted-once", "1/1", "Running", "2", spec(), phase("Running", main(RUNNING, restartCount=2))
        ),
        Case(
            "restarted",
            "1/2",
            "Running",
            "4 (3h5m ago)",
            spec(containers=2),
            phase(
                "Running",
                main(RUNNING, **crashed(3, hours=3, minutes=5, seconds=30)),
                main(RUNNING, 1, ready=False, **crashed(1, days=2)),
            ),
        ),
        Case("deleted", "1/1", "Terminating", "0", spec(), phase("Running", main(RUNNING)), deleted=True),
        Case(
            "lost",
            "1/1",
            "Unknown",
            "0",
            spec(),
            phase("Running", main(RUNNING)) | {"reason": "NodeLost"},
            deleted=True,
        ),
        Case(
            "done-deleted",
            "0/1",
            "Completed",
            "0",
            spec(),
            phase("Succeeded", main(ended(0, "Completed"))),
            deleted=True,
        ),
        Case(
            "half-done",
            "1/2",
            "NotReady",
            "0",
            spec(containers=2),
            phase("Running", main(ended(0, "Completed")), main(RUNNING, 1)),
        ),
        Case(
            "half-done-ready",
            "1/2",
            "Running",
            "0",
            spec(containers=2),
            phase("Running", main(ended(0, "Completed")), main(RUNNING, 1), Ready="True"),
        ),
        Case(
            "half-failed",
            "0/2",
            "Error",
            "0",
            spec(containers=2),
            phase("Failed", main(ended(0, "Completed")), main(ended(1, "Error"), 1)),
        ),
        Case(
            "first-speaks",
            "0/2",
            "ImagePullBackOff",
            "0",
            spec(containers=2),
            phase("Pending", main(waiting("ImagePullBackOff")), main(CREATING, 1)),
        ),
        Case(
            "gated",
            "0/1",
            "SchedulingGated",
            "0",
            spec(schedulingGates=[{"name": "example.com/gate"}]),
            {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
            },
        ),
        *_initializing(crashed),
        *_with_sidecars(crashed),
        Case(
            "gates",
            "1/1",
            "Running",
            "0",
            spec(
                nodeName="node-0",
                readinessGates=[{"conditionType": f"example.com/{gate}"} for gate in ("a", "b", "c")],
            ),
            phase("Running", main(RUNNING), **{"example.com/a": "True", "example.com/b": "False"})
            | {"podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}, {"ip": "fd00::3"}]},
        ),
        Case("nominated", "0/1", "Pending", "0", spec(), {"phase": "Pending", "nominatedNodeName": "node-1"}),
    ]


def _initializing(crashed: Any) -> list[Case]:
    def case(name: str, reason: str, *statuses: Json, restarts: str = "0") -> Case:
        status = phase("Pending", main(waiting("PodInitializing"))) | {
            "initContainerStatuses": list(statuses)
        }
        return Case(name, "0/1", reason, restarts, spec(init=max(len(statuses), 1)), status)

    return [
        case("init-not-begun", "PodInitializing"),
        case("init-waits", "Init:0/1", init(waiting("PodInitializing"))),
        case("init-first", "Init:0/2", init(RUNNING), init(waiting("PodInitializing"), 1)),
        case("init-second", "Init:1/2", init(ended(0, "Completed")), init(RUNNING, 1)),
        case("init-over", "PodInitializing", init(ended(0, "Completed"))),
        case("init-error", "Init:Error", init(ended(1, "Error"))),
        case("init-signal", "Init:Signal:9", init(ended(137, signal=9))),
        case("init-exit-code", "Init:ExitCode:2", init(ended(2))),
        case(
            "init-crash-loop",
            "Init:CrashLoopBackOff",
            init(waiting("CrashLoopBackOff"), **crashed(3, minutes=12)),
            restarts="3 (12m ago)",
        ),
    ]


def _with_sidecars(crashed: Any) -> list[Case]:
    def case(name: str, ready: str, reason: str, restarts: str, status: Json, *statuses: Json) -> Case:
        always: Json = spec(init=len(statuses))
        always["initContainers"][0]["restartPolicy"] = "Always"
        return Case(name, ready, reason, restarts, always, status | {"initContainerStatuses": list(statuses)})

    begun = phase("Running", main(RUNNING, restartCount=1))
    waits = phase("Pending", main(waiting("PodInitializing")))
    return [
        case(
            "sidecar",
            "2/2",
            "Running",
            "3 (2m ago)",
            begun,
            init(RUNNING, started=True, **crashed(2, seconds=120)),
        ),
        case("sidecar-starts", "0/2", "Init:0/1", "0", waits, init(RUNNING, ready=False, started=False)),
        case("sidecar-not-ready", "1/2", "Running", "1", begun, init(RUNNING, ready=False, started=True)),
        case(
            "sidecar-then-init", "1/2", "Init:1/2", "0", waits, init(RUNNING, started=True), init(RUNNING, 1)
        ),
        case("sidecar-over", "1/2", "Running", "1", begun, init(ended(0, "Completed"), started=False)),
        case(
            "sidecar-crashes",
            "1/2",
            "Init:CrashLoopBackOff",
            "5 (40m ago)",
            phase("Running", main(RUNNING, restartCount=1), Initialized="True"),
            init(waiting("CrashLoopBackOff"), started=False, **crashed(4, minutes=40)),
        ),
    ]


def pod_of(case: Case) -> Json:
    """The whole object of a case, as a cluster would have it."""
    metadata: Json = {"name": case.name, "namespace": "default", "creationTimestamp": "2024-01-01T00:00:00Z"}
    if case.deleted:
        metadata["deletionTimestamp"] = "2024-01-01T00:00:30Z"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": case.spec,
        "status": case.status,
    }


RUNNING: Mapping[str, Any] = {"running": {"startedAt": "2024-01-01T00:00:00Z"}}


def waiting(reason: str) -> Json:
    return {"waiting": {"reason": reason} if reason else {}}


CREATING = waiting("ContainerCreating")


def ended(code: int, reason: str = "", signal: int = 0) -> Json:
    return {"terminated": {"exitCode": code, "reason": reason, "signal": signal}}


def spec(containers: int = 1, init: int = 0, **members: Any) -> Json:
    made: Json = {"containers": [_container(f"main-{number}") for number in range(containers)], **members}
    if init:
        made["initContainers"] = [_container(f"init-{number}") for number in range(init)]
    return made


def _container(name: str) -> Json:
    return {"name": name, "image": f"example.com/{name}:1"}


def phase(name: str, *containers: Json, **conditions: str) -> Json:
    return {
        "phase": name,
        "containerStatuses": list(containers),
        "conditions": [{"type": kind, "status": status} for kind, status in conditions.items()],
    }


def main(state: Mapping[str, Any], number: int = 0, **members: Any) -> Json:
    return _status(f"main-{number}", state, members)


def init(state: Mapping[str, Any], number: int = 0, **members: Any) -> Json:
    return _status(f"init-{number}", state, members)


def _status(name: str, state: Mapping[str, Any], members: Json) -> Json:
    return {
        "name": name,
        "image": "example.com/image:1",
        "imageID": "",
        "ready": "running" in state,
        "restartCount": 0,
        "state": state,
        **members,
    }
