"""The life of one simulated cluster: all its controllers over one storage."""

from __future__ import annotations

from datetime import UTC, datetime

from app.simulator.life.deployment_controller import DeploymentController
from app.simulator.life.endpointslice_controller import EndpointSliceController
from app.simulator.life.garbage_collector import GarbageCollector
from app.simulator.life.incidents import IncidentIntervals, Incidents
from app.simulator.life.job_controllers import CronJobController, JobController
from app.simulator.life.kubelet import Kubelet
from app.simulator.life.namespace_controller import NamespaceController
from app.simulator.life.replicaset_controller import ReplicaSetController
from app.simulator.life.set_controllers import DaemonSetController, StatefulSetController
from app.simulator.life.timeline import Timeline
from app.simulator.life.world import ObjectStore, World
from app.simulator.seed.object_factory import ObjectFactory


class ClusterLife:
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
        store: ObjectStore,
        *,
        seed: int | str = 0,
        incidents: IncidentIntervals | None = None,
        speed: float = 1.0,
        events: int = 400,
        begin: datetime | None = None,
    ) -> None:
        begin = begin or datetime.now(UTC)
        self.timeline = Timeline(begin)
        factory = ObjectFactory(f"life/{seed}", begin)
        self.world = World(store, self.timeline, factory, speed=speed, events=events)
        Kubelet(self.world)
        DeploymentController(self.world)
        ReplicaSetController(self.world)
        StatefulSetController(self.world)
        DaemonSetController(self.world)
        JobController(self.world)
        EndpointSliceController(self.world)
        GarbageCollector(self.world)
        NamespaceController(self.world)
        cron_jobs = CronJobController(self.world)
        self.incidents = Incidents(self.world, incidents or IncidentIntervals())
        self.world.adopt()
        cron_jobs.begin()
        if incidents is not None:
            self.incidents.begin()

    def start(self) -> None:
        """Follow real time from now on."""
        self.timeline.start()

    def stop(self) -> None:
        """Stop following real time."""
        self.timeline.stop()

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self.timeline.advance(seconds)
