"""Rows of services and of what leads to them.

From ``printService`` and its neighbours in
kubernetes/pkg/printers/internalversion/printers.go, 1.37.
"""

from datetime import datetime

from app.cache.tables.row_parts import age_of, name_of, or_none, some
from app.cache.tables.selector_text import NONE, labels_text, selector_text
from app.cache.tables.table_model import MakeRow, Row
from app.json_access import Object, at, integer, mapping, objects, printed, size, text, texts

_MOST = 3


def _service(service: Object, now: datetime) -> Row:
    spec = mapping(service, "spec")
    addresses = texts(spec, "clusterIPs")
    return [
        name_of(service),
        text(spec, "type"),
        addresses[0] if addresses else or_none(text(spec, "clusterIP")),
        _external_address(service),
        or_none(",".join(_port(port) for port in objects(spec, "ports"))),
        age_of(service, now),
        labels_text(mapping(spec, "selector")),
    ]


def _external_address(service: Object) -> str:
    external = texts(service, "spec", "externalIPs")
    match text(service, "spec", "type"):
        case "ClusterIP" | "NodePort":
            return or_none(",".join(external))
        case "LoadBalancer":
            return ",".join([*_balancers(service), *external]) or "<pending>"
        case "ExternalName":
            return text(service, "spec", "externalName")
    return "<unknown>"


def _balancers(obj: Object) -> list[str]:
    points = objects(obj, "status", "loadBalancer", "ingress")
    return sorted({text(point, "ip") or text(point, "hostname") for point in points} - {""})


def _port(port: Object) -> str:
    node_port = integer(port, "nodePort")
    number = f"{integer(port, 'port')}:{node_port}" if node_port > 0 else f"{integer(port, 'port')}"
    return f"{number}/{text(port, 'protocol')}"


def _endpoints(endpoints: Object, now: datetime) -> Row:
    return [name_of(endpoints), _subsets(objects(endpoints, "subsets")), age_of(endpoints, now)]


def _subsets(subsets: list[Object]) -> str:
    if not subsets:
        return NONE
    endpoints = []
    for subset in subsets:
        addresses = [text(address, "ip") for address in objects(subset, "addresses")]
        ports = [integer(port, "port") for port in objects(subset, "ports")]
        if size(subset, "ports") == 0:
            endpoints.extend(addresses)
        endpoints.extend(_with_port(address, port) for port in ports for address in addresses)
    return some(endpoints) if endpoints else ""


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _endpoint_slice(endpoint_slice: Object, now: datetime) -> Row:
    ports = objects(endpoint_slice, "ports")
    endpoints = objects(endpoint_slice, "endpoints")
    return [
        name_of(endpoint_slice),
        text(endpoint_slice, "addressType"),
        some([printed(port, "port", missing=_port_name(port)) for port in ports]),
        some([address for endpoint in endpoints for address in texts(endpoint, "addresses")]),
        age_of(endpoint_slice, now),
    ]


def _port_name(port: Object) -> str:
    return "*" if at(port, "name") is None else text(port, "name")


def _ingress(ingress: Object, now: datetime) -> Row:
    spec = mapping(ingress, "spec")
    return [
        name_of(ingress),
        NONE if at(spec, "ingressClassName") is None else text(spec, "ingressClassName"),
        _hosts(objects(spec, "rules")),
        ",".join(_balancers(ingress)),
        "80, 443" if size(spec, "tls") else "80",
        age_of(ingress, now),
    ]


def _hosts(rules: list[Object]) -> str:
    """The hosts of the first rules; ``*`` where none of these names one."""
    hosts: list[str] = []
    for rule in rules:
        if len(hosts) == _MOST:
            return f"{','.join(hosts)} + {len(rules) - _MOST} more..."
        if host := text(rule, "host"):
            hosts.append(host)
    return ",".join(hosts) or "*"


def _ingress_class(ingress_class: Object, now: datetime) -> Row:
    annotations = mapping(ingress_class, "metadata", "annotations")
    default = text(annotations, "ingressclass.kubernetes.io/is-default-class") == "true"
    return [
        name_of(ingress_class) + (" (default)" if default else ""),
        text(ingress_class, "spec", "controller"),
        _parameters(at(ingress_class, "spec", "parameters")),
        age_of(ingress_class, now),
    ]


def _parameters(reference: object) -> str:
    if reference is None:
        return NONE
    group = "" if at(reference, "apiGroup") is None else f".{text(reference, 'apiGroup')}"
    return f"{text(reference, 'kind')}{group}/{text(reference, 'name')}"


def _network_policy(policy: Object, now: datetime) -> Row:
    return [name_of(policy), selector_text(at(policy, "spec", "podSelector")), age_of(policy, now)]


def _service_cidr(cidr: Object, now: datetime) -> Row:
    return [name_of(cidr), ",".join(texts(cidr, "spec", "cidrs")), age_of(cidr, now)]


def _ip_address(address: Object, now: datetime) -> Row:
    """With the age, for which kube-apiserver has no column."""
    return [name_of(address), _parent(at(address, "spec", "parentRef")), age_of(address, now)]


def _parent(reference: object) -> str:
    if reference is None:
        return NONE
    group, namespace = text(reference, "group"), text(reference, "namespace")
    resource = text(reference, "resource") + (f".{group}" if group else "")
    return "/".join([resource.lower(), *([namespace] if namespace else []), text(reference, "name")])


ROWS: dict[str, MakeRow] = {
    "services": _service,
    "endpoints": _endpoints,
    "endpointslices.discovery.k8s.io": _endpoint_slice,
    "ingresses.networking.k8s.io": _ingress,
    "ingressclasses.networking.k8s.io": _ingress_class,
    "networkpolicies.networking.k8s.io": _network_policy,
    "servicecidrs.networking.k8s.io": _service_cidr,
    "ipaddresses.networking.k8s.io": _ip_address,
}
