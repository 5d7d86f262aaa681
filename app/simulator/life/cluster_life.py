"""The life of one simulated cluster: all its controllers over one storage."""

from __future__ import annotations

from datetime import UTC, datetime

from app.simulator.life.deployment_controller import Deployments
from app.simulator.life.endpointslice_controller import Endpoints
from app.simulator.life.garbage_collector import Garbage
from app.simulator.life.incidents import Incidents, Pace
from app.simulator.life.job_controllers import CronJobs, Jobs
from app.simulator.life.kubelet import Kubelet
from app.simulator.life.namespace_controller import Namespaces
from app.simulator.life.replicaset_controller import ReplicaSets
from app.simulator.life.set_controllers import DaemonSets, StatefulSets
from app.simulator.life.timeline import Timeline
from app.simulator.life.world import Store, World
from app.simulator.seed.object_factory import Forge


class Life:
    """Makes the objects of a store behave as those of a cluster with controllers and kubelets.

    seed: repeats everything random. incidents: how often things happen by themselves, None for never.
    speed: how many times faster than usual. events: how many Events there are at most. begin: what the
    clock says at the start, the present if left out.

    Either :meth:`start` it, and it follows real time until :meth:`stop`; or :meth:`advance` it by hand,
    which gives the same history for the same seed. Changes that others make to the store are taken up
    in both cases.
    """

    def __init__(
        self,
        store: Store,
        *,
        seed: int | str = 0,
        incidents: Pace | None = None,
        speed: float = 1.0,
        events: int = 400,
        begin: datetime | None = None,
    ) -> None:
        begin = begin or datetime.now(UTC)
        self.timeline = Timeline(begin)
        forge = Forge(f"life/{seed}", begin)
        self.world = World(store, self.timeline, forge, speed=speed, events=events)
        self.kubelet = Kubelet(self.world)
        Deployments(self.world)
        ReplicaSets(self.world)
        StatefulSets(self.world)
        DaemonSets(self.world)
        Jobs(self.world)
        Endpoints(self.world)
        Garbage(self.world)
        Namespaces(self.world)
        cron_jobs = CronJobs(self.world)
        self.incidents = Incidents(self.world, incidents or Pace())
        self.world.adopt()
        cron_jobs.begin()
        if incidents is not None:
            self.incidents.begin()

    def start(self) -> None:
        self.timeline.start()

    def stop(self) -> None:
        self.timeline.stop()

    def advance(self, seconds: float) -> None:
        self.timeline.advance(seconds)
