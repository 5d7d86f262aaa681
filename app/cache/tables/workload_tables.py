"""Rows of pods and of what makes, guards and scales them.

From ``printPod`` and its neighbours in kubernetes/pkg/printers/internalversion/printers.go, 1.37.
"""

from datetime import datetime

from app.cache.ages import human_duration, parse_time, since
from app.cache.pod_status import pod_status
from app.cache.tables.row_parts import (
    UNSET,
    age_of,
    condition_of,
    containers_of,
    is_deleted,
    name_of,
    or_none,
)
from app.cache.tables.selector_text import NONE, labels_text, selector_text
from app.cache.tables.table_model import MakeRow, Row
from app.json_access import Object, at, boolean, integer, mapping, objects, printed, size, text

# The types of a job's conditions, those that outlast its deletion first.
_ENDS = ("Complete", "Failed")
_STATES = ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def _pod(pod: Object, now: datetime) -> Row:
    status = pod_status(pod)
    addresses = objects(pod, "status", "podIPs")
    return [
        name_of(pod),
        f"{status.ready}/{status.containers}",
        status.reason,
        status.restarts_text(now),
        age_of(pod, now),
        or_none(text(addresses[0], "ip") if addresses else text(pod, "status", "podIP")),
        or_none(text(pod, "spec", "nodeName")),
        or_none(text(pod, "status", "nominatedNodeName")),
        _readiness_gates(pod),
    ]


def _readiness_gates(pod: Object) -> str:
    gates = objects(pod, "spec", "readinessGates")
    if not gates:
        return NONE
    conditions = [condition_of(pod, text(gate, "conditionType")) for gate in gates]
    return f"{sum(text(condition, 'status') == 'True' for condition in conditions)}/{len(gates)}"


def _pod_template(template: Object, now: datetime) -> Row:
    names, images = containers_of(at(template, "template", "spec"))
    return [
        name_of(template),
        names,
        images,
        labels_text(mapping(template, "template", "metadata", "labels")),
    ]


def _replication_controller(controller: Object, now: datetime) -> Row:
    return [*_replicas(controller, now), labels_text(mapping(controller, "spec", "selector"))]


def _replica_set(replica_set: Object, now: datetime) -> Row:
    return [*_replicas(replica_set, now), selector_text(at(replica_set, "spec", "selector"))]


def _replicas(obj: Object, now: datetime) -> Row:
    return [
        name_of(obj),
        _desired(obj),
        integer(obj, "status", "replicas"),
        integer(obj, "status", "readyReplicas"),
        age_of(obj, now),
        *_template(obj),
    ]


def _desired(obj: Object) -> int:
    return integer(obj, "spec", "replicas", default=1)


def _template(obj: Object) -> tuple[str, str]:
    return containers_of(at(obj, "spec", "template", "spec"))


def _deployment(deployment: Object, now: datetime) -> Row:
    return [
        name_of(deployment),
        f"{integer(deployment, 'status', 'readyReplicas')}/{_desired(deployment)}",
        integer(deployment, "status", "updatedReplicas"),
        integer(deployment, "status", "availableReplicas"),
        age_of(deployment, now),
        *_template(deployment),
        selector_text(at(deployment, "spec", "selector"), nothing="", invalid="<invalid>"),
    ]


def _stateful_set(stateful_set: Object, now: datetime) -> Row:
    return [
        name_of(stateful_set),
        f"{integer(stateful_set, 'status', 'readyReplicas')}/{_desired(stateful_set)}",
        age_of(stateful_set, now),
        *_template(stateful_set),
    ]


def _daemon_set(daemon_set: Object, now: datetime) -> Row:
    status = mapping(daemon_set, "status")
    return [
        name_of(daemon_set),
        integer(status, "desiredNumberScheduled"),
        integer(status, "currentNumberScheduled"),
        integer(status, "numberReady"),
        integer(status, "updatedNumberScheduled"),
        integer(status, "numberAvailable"),
        labels_text(mapping(daemon_set, "spec", "template", "spec", "nodeSelector")),
        age_of(daemon_set, now),
        *_template(daemon_set),
        selector_text(at(daemon_set, "spec", "selector")),
    ]


def _controller_revision(revision: Object, now: datetime) -> Row:
    owner = next(
        (
            reference
            for reference in objects(revision, "metadata", "ownerReferences")
            if boolean(reference, "controller")
        ),
        None,
    )
    return [
        name_of(revision),
        NONE if owner is None else _owner(owner),
        integer(revision, "revision"),
        age_of(revision, now),
    ]


def _owner(reference: Object) -> str:
    group, slash, _ = text(reference, "apiVersion").rpartition("/")
    kind = text(reference, "kind").lower()
    return (
        f"{kind}.{group.lower()}/{text(reference, 'name')}" if slash else f"{kind}/{text(reference, 'name')}"
    )


def _job(job: Object, now: datetime) -> Row:
    return [
        name_of(job),
        _job_status(job),
        _completions(job),
        _job_duration(job, now),
        age_of(job, now),
        *_template(job),
        selector_text(at(job, "spec", "selector")),
    ]


def _job_status(job: Object) -> str:
    true = [kind for kind in (*_ENDS, *_STATES) if text(condition_of(job, kind), "status") == "True"]
    if is_deleted(job) and not (true and true[0] in _ENDS):
        return "Terminating"
    return true[0] if true else "Running"


def _completions(job: Object) -> str:
    succeeded = integer(job, "status", "succeeded")
    completions = at(job, "spec", "completions")
    if completions is not None:
        return f"{succeeded}/{integer(job, 'spec', 'completions')}"
    parallelism = integer(job, "spec", "parallelism")
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(job: Object, now: datetime) -> str:
    start = parse_time(at(job, "status", "startTime"))
    if start is None:
        return ""
    end = parse_time(at(job, "status", "completionTime"))
    return since(start, now) if end is None else human_duration((end - start).total_seconds())


def _cron_job(cron_job: Object, now: datetime) -> Row:
    spec = mapping(cron_job, "spec")
    last = at(cron_job, "status", "lastScheduleTime")
    template = mapping(spec, "jobTemplate", "spec")
    return [
        name_of(cron_job),
        text(spec, "schedule"),
        NONE if at(spec, "timeZone") is None else text(spec, "timeZone"),
        UNSET if at(spec, "suspend") is None else str(boolean(spec, "suspend")),
        size(cron_job, "status", "active"),
        NONE if last is None else since(last, now),
        age_of(cron_job, now),
        *containers_of(at(template, "template", "spec")),
        selector_text(at(template, "selector")),
    ]


def _disruption_budget(budget: Object, now: datetime) -> Row:
    return [
        name_of(budget),
        printed(budget, "spec", "minAvailable", missing="N/A"),
        printed(budget, "spec", "maxUnavailable", missing="N/A"),
        integer(budget, "status", "disruptionsAllowed"),
        age_of(budget, now),
    ]


ROWS: dict[str, MakeRow] = {
    "pods": _pod,
    "podtemplates": _pod_template,
    "replicationcontrollers": _replication_controller,
    "replicasets.apps": _replica_set,
    "deployments.apps": _deployment,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "controllerrevisions.apps": _controller_revision,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "poddisruptionbudgets.policy": _disruption_budget,
}
