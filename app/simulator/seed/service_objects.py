"""Build services, their endpoint slices, and ingresses."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from app.simulator.seed.kubelet_status import is_done, is_ready
from app.simulator.seed.object_factory import Obj, ObjectFactory
from app.simulator.seed.sample_apps import App


def make_service(factory: ObjectFactory, app: App, cluster_ip: str, created: str) -> Obj:
    """Return the service of an application. cluster_ip: "None" for the headless one of a stateful set."""
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": factory.meta(app.name, app.namespace, created=created, labels=app.labels),
        "spec": {
            "ports": [{"name": "main", "protocol": "TCP", "port": app.port, "targetPort": app.port}],
            "selector": {"app": app.name},
            "clusterIP": cluster_ip,
            "clusterIPs": [cluster_ip],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }


def make_slice(factory: ObjectFactory, service: Obj, created: str) -> Obj:
    """Return the endpoint slice of a service, without endpoints; its suffix is a function of the service's
    uid."""
    meta = service["metadata"]
    name = f"{meta['name']}-{zlib.crc32(meta['uid'].encode()) % 36**5:05d}"
    labels = {
        "kubernetes.io/service-name": meta["name"],
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": factory.meta(
            name, meta["namespace"], created=created, labels=labels, owner=service, generation=1
        ),
        "addressType": "IPv4",
        "endpoints": [],
        "ports": slice_ports(service),
    }


def slice_ports(service: Obj) -> list[Obj]:
    """Return the ports of a service as its endpoint slice has them."""
    return [
        {
            "name": port.get("name", ""),
            "protocol": port.get("protocol", "TCP"),
            "port": port["targetPort"] if isinstance(port.get("targetPort"), int) else port["port"],
        }
        for port in service["spec"].get("ports") or ()
    ]


def endpoints(pods: Sequence[Obj]) -> list[Obj]:
    """Return the endpoints that these pods of a service are, in order of their names."""
    result: list[Obj] = []
    for pod in sorted(pods, key=lambda each: str(each["metadata"]["name"])):
        ip = pod.get("status", {}).get("podIP")
        if not ip or is_done(pod):
            continue
        ends = "deletionTimestamp" in pod["metadata"]
        serving = is_ready(pod)
        result.append(
            {
                "addresses": [ip],
                "conditions": {"ready": serving and not ends, "serving": serving, "terminating": ends},
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": {
                    "kind": "Pod",
                    "namespace": pod["metadata"]["namespace"],
                    "name": pod["metadata"]["name"],
                    "uid": pod["metadata"]["uid"],
                },
            }
        )
    return result


def make_ingress(factory: ObjectFactory, app: App, host: str, address: str, created: str) -> Obj:
    """Return the ingress of a public application."""
    backend = {"service": {"name": app.name, "port": {"name": "main"}}}
    return {
        "kind": "Ingress",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": factory.meta(
            app.name,
            app.namespace,
            created=created,
            labels=app.labels,
            annotations={"cert-manager.io/cluster-issuer": "letsencrypt"},
            generation=1,
        ),
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{"hosts": [host], "secretName": f"{app.name}-tls"}],
            "rules": [
                {
                    "host": host,
                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                }
            ],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": address}]}},
    }
