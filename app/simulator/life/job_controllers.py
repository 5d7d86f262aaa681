"""The controllers of Jobs, which run pods until enough have succeeded, and of CronJobs, which start jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.simulator.life.controller import Controller
from app.simulator.life.world import World
from app.simulator.seed import workload_status as rollup
from app.simulator.seed.kubelet_status import is_done
from app.simulator.seed.object_factory import Key, Obj, key_of, owner_reference, stamp
from app.simulator.seed.pod_template import make_pod
from app.simulator.seed.workload_objects import make_job


class JobController(Controller):
    """Runs the pods of Jobs, and keeps the Jobs' status."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.watch("Job")
        self.watch_owned("Pod", "Job")

    def reconcile(self, key: Key) -> None:
        """Start pods that are missing, and set the status."""
        world = self.world
        job = world.get("Job", *key)
        if job is None or "deletionTimestamp" in job["metadata"] or job["spec"].get("suspend"):
            return
        if _ended(job):
            return
        pods = world.owned(job, "Pod")
        running = sum(1 for pod in pods if not is_done(pod))
        succeeded = sum(1 for pod in pods if (pod.get("status") or {}).get("phase") == "Succeeded")
        left = (job["spec"].get("completions") or 1) - succeeded
        failed = len(pods) - running - succeeded
        if failed <= job["spec"].get("backoffLimit", 6):
            for _ in range(min(left, job["spec"].get("parallelism") or 1) - running):
                self._start(job)
        status = rollup.job_status(job, world.owned(job, "Pod"), world.timeline.now())
        if world.set_status(job, status) and rollup.condition(status, "Complete"):
            world.say(job, "Completed", "Job completed", "job-controller")

    def _start(self, job: Obj) -> None:
        world = self.world
        meta = job["metadata"]
        pod = make_pod(
            world.factory,
            job["spec"]["template"],
            namespace=meta["namespace"],
            name=f"{meta['name']}-{world.factory.suffix()}",
            created=world.stamp(),
            owner=job,
            generate_name=f"{meta['name']}-",
            labels={"job-name": meta["name"], "batch.kubernetes.io/job-name": meta["name"]},
        )
        world.create(pod)
        world.say(job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", "job-controller")


class CronJobController(Controller):
    """Starts the jobs of CronJobs; it looks at the clock once a minute."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.watch_owned("Job", "CronJob")

    def begin(self) -> None:
        """Start looking at the clock, at the next full minute."""
        self.world.timeline.after(60 - self.world.timeline.now().timestamp() % 60, self._minute)

    def _minute(self) -> None:
        self.begin()
        now = self.world.timeline.now() + timedelta(seconds=1)
        for cron_job in self.world.all("CronJob"):
            spec = cron_job["spec"]
            if not spec.get("suspend") and is_due(spec["schedule"], now):
                self._run(cron_job, int(now.timestamp() // 60))

    def _run(self, cron_job: Obj, minute: int) -> None:
        world = self.world
        active = [job for job in world.owned(cron_job, "Job") if not _ended(job)]
        if active and cron_job["spec"].get("concurrencyPolicy") == "Forbid":
            return
        at = stamp(datetime.fromtimestamp(minute * 60, UTC))
        job = make_job(world.factory, cron_job, minute=minute, created=world.stamp())
        if world.get("Job", *key_of(job)) is not None:
            return
        world.create(job)
        said = f"Created job {job['metadata']['name']}"
        world.say(cron_job, "SuccessfulCreate", said, "cronjob-controller")
        world.set_status(cron_job, {**(cron_job.get("status") or {}), "lastScheduleTime": at})

    def reconcile(self, key: Key) -> None:
        """Set the status, and delete ended jobs beyond the history limits."""
        world = self.world
        cron_job = world.get("CronJob", *key)
        if cron_job is None or "deletionTimestamp" in cron_job["metadata"]:
            return
        jobs = sorted(world.owned(cron_job, "Job"), key=lambda job: str(job["metadata"]["name"]))
        status: Obj = {**(cron_job.get("status") or {})}
        active = [owner_reference(job) for job in jobs if not _ended(job)]
        status.pop("active", None)
        if active:
            kept = ("apiVersion", "kind", "name", "uid")
            status["active"] = [{name: each[name] for name in kept} for each in active]
        done = [job for job in jobs if rollup.condition(job.get("status") or {}, "Complete")]
        if done:
            status["lastSuccessfulTime"] = max(str(job["status"]["completionTime"]) for job in done)
        world.set_status(cron_job, status)
        failed = [job for job in jobs if _ended(job) and job not in done]
        for ended, limit in (
            (done, cron_job["spec"].get("successfulJobsHistoryLimit", 3)),
            (failed, cron_job["spec"].get("failedJobsHistoryLimit", 1)),
        ):
            for job in ended[: max(0, len(ended) - limit)]:
                world.delete(job)


def _ended(job: Obj) -> bool:
    return any(rollup.condition(job.get("status") or {}, kind) for kind in ("Complete", "Failed"))


def is_due(schedule: str, at: datetime) -> bool:
    """Return whether a cron schedule of five fields includes this minute; one that cannot be parsed never
    does."""
    fields = schedule.split()
    values = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7)
    if len(fields) != len(values):
        return False
    return all(_named(field, value) for field, value in zip(fields, values, strict=True))


def _named(field: str, value: int) -> bool:
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, dash, high = span.partition("-")
        if not (step or "1").isdigit() or int(step or "1") < 1:
            continue
        if span == "*":
            first, last = 0, value
        elif low.isdigit() and (high.isdigit() or not dash):
            first, last = int(low), int(high) if dash else value if step else int(low)
        else:
            continue
        if first <= value <= last and (value - first) % int(step or "1") == 0:
            return True
    return False
