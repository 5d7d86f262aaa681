"""Build thousands of pods for measurements: one whole pod for each application, the rest are variants of
it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.simulator.seed.base_objects import make_namespace, make_node
from app.simulator.seed.object_factory import Obj, ObjectFactory
from app.simulator.seed.pod_placement import bring_up
from app.simulator.seed.pod_template import make_pod
from app.simulator.seed.sample_apps import APPS
from app.simulator.seed.workload_objects import make_replica_set, make_workload
from app.simulator.seed.workload_status import deployment_status, replica_set_status

_PODS_A_NODE = 100


def many_pods(count: int, *, seed: int | str = 0, now: datetime) -> Iterator[Obj]:
    """Yield the namespaces, nodes and owners of that many running pods, then the pods.

    Pods share their inner parts with each other: they are to be stored or encoded, never changed. Their label
    `shard` has 100 values, each of which selects one pod in a hundred.
    """
    factory = ObjectFactory(f"many/{seed}", now)
    born = factory.ago(40 * 24 * 3600)
    apps = [app for app in APPS if app.kind == "Deployment"][::3]
    for name in ("default", "kube-system", *dict.fromkeys(app.namespace for app in apps)):
        yield make_namespace(factory, name, born)
    nodes = [make_node(factory, number, "eu-central-1", born) for number in range(2 + count // _PODS_A_NODE)]
    yield from nodes
    models: list[Obj] = []
    each, rest = divmod(count, len(apps))
    for number, app in enumerate(apps):
        replicas = each + (number < rest)
        deployment = make_workload(factory, app, replicas, born)
        template = deployment["spec"]["template"]
        owner = make_replica_set(factory, deployment, template, replicas=replicas, revision=1, created=born)
        model = make_pod(
            factory,
            owner["spec"]["template"],
            namespace=app.namespace,
            name=f"{owner['metadata']['name']}-{factory.suffix()}",
            created=born,
            owner=owner,
            generate_name=f"{owner['metadata']['name']}-",
        )
        bring_up(model, nodes[1], "10.244.1.1")
        models.append(model)
        owner["status"] = replica_set_status(owner, [model] * replicas)
        deployment["status"] = deployment_status(deployment, owner, [owner], now)
        yield deployment
        yield owner
    yield from _variants(models, count, nodes[1:], factory)


def _variants(models: list[Obj], count: int, nodes: list[Obj], factory: ObjectFactory) -> Iterator[Obj]:
    for number in range(count):
        model = models[number % len(models)]
        node = nodes[number % len(nodes)]["metadata"]["name"]
        ip = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        meta = model["metadata"]
        yield {
            **model,
            "metadata": {
                **meta,
                "name": f"{meta['generateName']}{number:05x}",
                "uid": factory.uid(),
                "labels": {**meta["labels"], "shard": str(number % 100)},
            },
            "spec": {**model["spec"], "nodeName": node},
            "status": {**model["status"], "podIP": ip, "podIPs": [{"ip": ip}]},
        }
