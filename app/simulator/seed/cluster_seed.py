"""Build a whole simulated cluster at rest: all objects that it has when its life begins, repeatable by its
seed."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.simulator.seed import base_objects as base
from app.simulator.seed import cert_manager as crds
from app.simulator.seed import service_objects as network
from app.simulator.seed import workload_objects as workloads
from app.simulator.seed.object_factory import Obj, ObjectFactory
from app.simulator.seed.pod_placement import bring_up, host_ip
from app.simulator.seed.pod_template import make_pod
from app.simulator.seed.running_workloads import RunningWorkloads
from app.simulator.seed.sample_apps import APPS, STATIC_PODS, SYSTEM_APPS, App

_DAY = 24 * 3600.0


class ClusterPlan(msgspec.Struct, frozen=True):
    """The parameters of a simulated cluster.

    nodes: how many, the control plane included (2 at least). scale: factor on the replicas of the
    applications. namespaces: those of the applications, None for all; default is always among them. troubled:
    some pods crash-loop and one rollout hangs at an image that does not exist.
    """

    name: str = "demo"
    seed: int = 0
    region: str = "eu-central-1"
    nodes: int = 5
    scale: float = 1.0
    namespaces: frozenset[str] | None = None
    troubled: bool = True

    def apps(self) -> list[App]:
        """Return the applications of the cluster, those of the system first."""
        named = None if self.namespaces is None else {"default", *self.namespaces}
        chosen = [app for app in APPS if named is None or app.namespace in named]
        if not self.troubled:
            chosen = [msgspec.structs.replace(app, failure_mode=None) for app in chosen]
        return [*SYSTEM_APPS, *chosen]


def cluster_objects(plan: ClusterPlan, now: datetime) -> list[Obj]:
    """Return all objects of the cluster: owners before what they own, definitions before their custom
    resources."""
    return _Seeder(plan, now).build()


class _Seeder:
    def __init__(self, plan: ClusterPlan, now: datetime) -> None:
        self.plan = plan
        self.factory = ObjectFactory(f"{plan.name}/{plan.seed}", now)
        self.rng = self.factory.rng
        self.age = self.rng.uniform(60, 400) * _DAY
        self.objects: list[Obj] = []
        first = self.factory.ago(self.age)
        self.nodes = [
            base.make_node(self.factory, number, plan.region, first) for number in range(max(2, plan.nodes))
        ]
        self.running = RunningWorkloads(self.factory, self.nodes, self.objects)
        self.service_ips = iter(range(20, 4000))

    def build(self) -> list[Obj]:
        self._base()
        for app in self.plan.apps():
            self._app(app)
        return self.objects

    def _born(self, most: float = 1.0) -> str:
        """Return a random time in the first share ``most`` of the cluster's age."""
        return self.factory.ago(self.age * self.rng.uniform(0.02, most))

    def _base(self) -> None:
        factory, plan = self.factory, self.plan
        first = factory.ago(self.age)
        apps = plan.apps()
        own = dict.fromkeys(app.namespace for app in apps)
        spaces = dict.fromkeys(("default", "kube-node-lease", "kube-public", "kube-system", *own))
        self.objects += [base.make_namespace(factory, name, first) for name in spaces]
        for node in self.nodes:
            self.objects += [node, base.make_lease(factory, node)]
        authority = "-----BEGIN CERTIFICATE-----\n(simulated)\n-----END CERTIFICATE-----\n"
        for name in spaces:
            self.objects.append(base.make_account(factory, name, "default", first))
            data = {"ca.crt": authority}
            self.objects.append(base.make_config_map(factory, name, "kube-root-ca.crt", data, first))
        for app in STATIC_PODS:
            self._static_pod(app, first)
        self._kubernetes_service(first)
        if any(app.namespace == "cert-manager" for app in apps):
            self.objects += crds.make_definitions(factory, first)
            self.objects.append(crds.make_issuer(factory, first))

    def _kubernetes_service(self, created: str) -> None:
        app = App("default", "kubernetes", "", port=443)
        service = network.make_service(self.factory, app, "10.96.0.1", created)
        service["metadata"]["labels"] = {"component": "apiserver", "provider": "kubernetes"}
        del service["spec"]["selector"]
        self.objects.append(service)

    def _static_pod(self, app: App, created: str) -> None:
        """Add a mirror pod of the control plane: owned by its node, on the host's network."""
        node = self.nodes[0]
        spec = {
            "hostNetwork": True,
            "priorityClassName": "system-node-critical",
            "containers": [{"name": app.name, "image": app.image, "command": [app.name]}],
        }
        labels = {"component": app.name, "tier": "control-plane"}
        template: Obj = {
            "metadata": {"labels": labels, "annotations": {"kubernetes.io/config.source": "file"}},
            "spec": spec,
        }
        name = f"{app.name}-{node['metadata']['name']}"
        pod = make_pod(
            self.factory, template, namespace=app.namespace, name=name, created=created, owner=node
        )
        bring_up(pod, node, host_ip(node))
        self.running.allocations.occupy(pod)
        self.objects.append(pod)

    def _app(self, app: App) -> None:
        factory = self.factory
        created = self._born(0.9)
        self.objects.append(base.app_config(factory, app, created))
        password = f"{factory.suffix(12)}"
        values = {"username": app.name, "password": password}
        self.objects.append(
            base.make_secret(factory, app.namespace, f"{app.name}-credentials", values, created)
        )
        if app.public:
            self._public(app, created)
        replicas = max(1, round(app.replicas * self.plan.scale))
        workload = workloads.make_workload(factory, app, replicas, created)
        self.objects.append(workload)
        pods = self.running.add(app, workload)
        if app.kind in ("Deployment", "StatefulSet"):
            self._service(app, pods, created)

    def _public(self, app: App, created: str) -> None:
        host = f"{app.name}.{self.plan.name}.acme.example"
        factory = self.factory
        self.objects.append(base.make_account(factory, app.namespace, app.name, created))
        self.objects.append(network.make_ingress(factory, app, host, "203.0.113.10", created))
        values = {"tls.crt": "(simulated)", "tls.key": "(simulated)"}
        kind = "kubernetes.io/tls"
        self.objects.append(
            base.make_secret(factory, app.namespace, f"{app.name}-tls", values, created, kind)
        )
        if any(each.namespace == "cert-manager" for each in self.plan.apps()):
            self.objects.append(crds.make_certificate(factory, app, host, created))

    def _service(self, app: App, pods: list[Obj], created: str) -> None:
        number = next(self.service_ips)
        ip = "None" if app.kind == "StatefulSet" else f"10.96.{number // 250}.{number % 250}"
        service = network.make_service(self.factory, app, ip, created)
        slice_ = network.make_slice(self.factory, service, created)
        slice_["endpoints"] = network.endpoints(pods)
        self.objects += [service, slice_]
