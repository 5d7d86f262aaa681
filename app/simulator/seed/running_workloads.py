"""Bring workloads to the state after a long time of running: old revisions, pods, status."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta

from app.simulator.seed import base_objects as base
from app.simulator.seed import kubelet_status as podstatus
from app.simulator.seed import workload_objects as workloads
from app.simulator.seed import workload_status as rollup
from app.simulator.seed.event_objects import make_event
from app.simulator.seed.object_factory import Obj, ObjectFactory, moment, stamp, template_hash
from app.simulator.seed.pod_placement import NodeAllocations, bring_up
from app.simulator.seed.pod_template import make_pod
from app.simulator.seed.sample_apps import FAILURE_ANNOTATION, App

_HOUR = 3600.0


class RunningWorkloads:
    """Makes what the controllers would have made of a workload by now, and appends it to ``objects``."""

    def __init__(self, factory: ObjectFactory, nodes: list[Obj], objects: list[Obj]) -> None:
        self.factory = factory
        self.rng = factory.rng
        self.nodes = nodes
        self.objects = objects
        self.allocations = NodeAllocations()

    def add(self, app: App, workload: Obj) -> list[Obj]:
        """Run the workload, set its status, and return the pods that its service selects."""
        pods: list[Obj] = []
        match app.kind:
            case "Deployment":
                pods = self._deployment(app, workload)
            case "StatefulSet":
                pods = self._stateful_set(app, workload)
            case "DaemonSet":
                self._daemon_set(workload)
            case "Job":
                self._finished_job(workload)
            case "CronJob":
                self._cron_job(app, workload)
        return pods

    def _running_pod(
        self,
        owner: Obj,
        name: str,
        created: str,
        *,
        template: Obj | None = None,
        node: Obj | None = None,
        labels: dict[str, str] | None = None,
    ) -> Obj:
        """template: the owner's unless told otherwise."""
        template = template or owner["spec"]["template"]
        pod = make_pod(
            self.factory,
            template,
            namespace=owner["metadata"]["namespace"],
            name=name,
            created=created,
            owner=owner,
            labels=labels,
            generate_name=f"{owner['metadata']['name']}-",
        )
        place = node or self.allocations.choose(self.nodes)
        if place is None:
            raise ValueError("a cluster needs a worker: nodes must be 2 or more")
        bring_up(pod, place, self.allocations.address(place), self.rng.uniform(3, 20))
        self._trouble(pod, template)
        self.allocations.occupy(pod)
        self.objects.append(pod)
        return pod

    def _trouble(self, pod: Obj, template: Obj) -> None:
        failure_mode = (template["metadata"].get("annotations") or {}).get(FAILURE_ANNOTATION)
        if failure_mode is None:
            return
        recent = self.factory.ago(self.rng.uniform(20, 280))
        message = f"Back-off restarting failed container {pod['spec']['containers'][0]['name']}"
        if failure_mode == "bad-image":
            made = pod["metadata"]["creationTimestamp"]
            del pod["status"]["podIP"], pod["status"]["podIPs"]
            pod["status"]["phase"] = "Pending"
            podstatus.starting(pod, pod["status"]["hostIP"], made)
            podstatus.pulling_fails(pod, recent, back_off=True)
            message = f'Back-off pulling image "{pod["spec"]["containers"][0]["image"]}"'
        else:
            for each in pod["status"]["containerStatuses"]:
                each["restartCount"] = self.rng.randint(12, 90)
            podstatus.crashed(pod, recent, 1)
            podstatus.backing_off(pod, 300, recent)
        event = make_event(
            self.factory, pod, "BackOff", message, component="kubelet", at=recent, warning=True
        )
        event["count"] = self.rng.randint(30, 400)
        self.objects.append(event)

    def _changed(self, workload: Obj) -> str:
        """Some time in the workload's life."""
        age = (self.factory.now - moment(workload["metadata"]["creationTimestamp"])).total_seconds()
        return self.factory.ago(age * self.rng.uniform(0.01, 0.6))

    def _deployment(self, app: App, deployment: Obj) -> list[Obj]:
        history = self.rng.randint(2, 4)
        changes = sorted((self._changed(deployment) for _ in range(history - 1)), reverse=False)
        times = [deployment["metadata"]["creationTimestamp"], *changes]
        times.sort()
        present = deployment["spec"]["template"]
        stuck = app.failure_mode == "bad-image"
        templates = [_older(present, steps) for steps in range(history - 1, 0, -1)] + [present]
        if stuck:
            present = _next(present, {FAILURE_ANNOTATION: "bad-image"})
            deployment["spec"]["template"] = present
            templates.append(present)
            times.append(self.factory.ago(self.rng.uniform(0.3, 0.8) * _HOUR))
        wanted = rollup.wanted_replicas(deployment)
        serving = len(templates) - (2 if stuck else 1)
        sets: list[Obj] = []
        pods: list[Obj] = []
        for number, (template, created) in enumerate(zip(templates, times, strict=True)):
            count = wanted if number == serving else 1 if number > serving else 0
            replica_set = workloads.make_replica_set(
                self.factory, deployment, template, replicas=count, revision=number + 1, created=created
            )
            self.objects.append(replica_set)
            own = [self._replica(replica_set, created) for _ in range(count)]
            replica_set["status"] = rollup.replica_set_status(replica_set, own)
            sets.append(replica_set)
            pods += own
        deployment["metadata"]["generation"] = len(templates)
        deployment["metadata"]["annotations"][rollup.REVISION] = str(len(templates))
        finished = moment(times[-1]) + timedelta(seconds=40)
        status = rollup.deployment_status(deployment, sets[-1], sets, finished)
        deployment["status"] = status
        if len(sets) > 1 and stuck:
            deployment["status"] = rollup.deployment_status(deployment, sets[-1], sets, self.factory.now)
        return pods

    def _replica(self, replica_set: Obj, created: str) -> Obj:
        """A pod of the replica set: as old as it, or younger where it was replaced since."""
        if self.rng.random() < 0.3:
            age = (self.factory.now - moment(created)).total_seconds()
            created = self.factory.ago(age * self.rng.random())
        return self._running_pod(replica_set, self._name_under(replica_set), created)

    def _name_under(self, owner: Obj) -> str:
        return f"{owner['metadata']['name']}-{self.factory.suffix()}"

    def _stateful_set(self, app: App, stateful_set: Obj) -> list[Obj]:
        created: str = stateful_set["metadata"]["creationTimestamp"]
        revision = f"{app.name}-{template_hash(stateful_set['spec']['template'])}"
        pods = []
        for number in range(rollup.wanted_replicas(stateful_set)):
            self.objects += base.make_claim(self.factory, app, number, created)
            template = stateful_template(stateful_set, number)
            name = f"{app.name}-{number}"
            labels = stateful_labels(name, number, revision)
            pods.append(self._running_pod(stateful_set, name, created, template=template, labels=labels))
        stateful_set["status"] = rollup.stateful_set_status(stateful_set, pods, revision, revision)
        return pods

    def _daemon_set(self, daemon_set: Obj) -> None:
        created: str = daemon_set["metadata"]["creationTimestamp"]
        revision = template_hash(daemon_set["spec"]["template"])
        labels = {workloads.REVISION_LABEL: revision}
        pods = [
            self._running_pod(daemon_set, self._name_under(daemon_set), created, node=node, labels=labels)
            for node in self.nodes
        ]
        daemon_set["status"] = rollup.daemon_set_status(daemon_set, pods, len(self.nodes), revision)

    def _finished_job(self, job: Obj) -> None:
        created: str = job["metadata"]["creationTimestamp"]
        pod = self._running_pod(job, self._name_under(job), created)
        end = moment(created) + timedelta(seconds=self.rng.uniform(15, 60))
        podstatus.finished(pod, stamp(end))
        job["status"] = {"startTime": created}
        job["status"] = rollup.job_status(job, [pod], end)

    def _cron_job(self, app: App, cron_job: Obj) -> None:
        """The jobs of the last two times at which it was due."""
        step = _minutes_between(app.schedule or "")
        last = int(self.factory.now.timestamp() // 60 // step) * step
        for minute in (last - step, last):
            created = stamp(datetime.fromtimestamp(minute * 60, self.factory.now.tzinfo))
            job = workloads.make_job(self.factory, cron_job, minute=minute, created=created)
            self.objects.append(job)
            self._finished_job(job)
        cron_job["status"] = {
            "lastScheduleTime": created,
            "lastSuccessfulTime": job["status"]["completionTime"],
        }


def stateful_labels(name: str, number: int, revision: str) -> dict[str, str]:
    """Return the labels that a stateful set adds to its pod of this number."""
    return {
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(number),
        workloads.REVISION_LABEL: revision,
    }


def stateful_template(stateful_set: Obj, number: int) -> Obj:
    """Return the set's pod template with the volumes of its claims and the stable host name."""
    template: Obj = copy.deepcopy(stateful_set["spec"]["template"])
    spec = template["spec"]
    name = f"{stateful_set['metadata']['name']}-{number}"
    spec["hostname"] = name
    spec["subdomain"] = stateful_set["spec"].get("serviceName", "")
    claims = [
        {
            "name": claim["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": f"{claim['metadata']['name']}-{name}"},
        }
        for claim in stateful_set["spec"].get("volumeClaimTemplates") or ()
    ]
    spec["volumes"] = [*claims, *(spec.get("volumes") or ())]
    return template


def _minutes_between(schedule: str) -> int:
    """How often the schedules of the seeded cron jobs are due: every n minutes, or once a day."""
    minute = schedule.partition(" ")[0]
    return int(minute[2:]) if minute.startswith("*/") else 24 * 60


def _with_tag(template: Obj, step: int, annotations: dict[str, str]) -> Obj:
    template = copy.deepcopy(template)
    template["metadata"].setdefault("annotations", {}).update(annotations)
    each = template["spec"]["containers"][0]
    name, _, tag = each["image"].rpartition(":")
    head, dot, last = tag.rpartition(".")
    each["image"] = f"{name}:{head}{dot}{max(0, int(last) + step) if last.isdigit() else last}"
    return template


def _next(template: Obj, annotations: dict[str, str]) -> Obj:
    return _with_tag(template, 1, annotations)


def _older(template: Obj, steps: int) -> Obj:
    """The template as it was some revisions ago: an older image, and a restart that it remembers."""
    return _with_tag(template, -steps, {"acme.example/build": str(1000 - steps)})
