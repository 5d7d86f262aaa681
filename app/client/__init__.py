"""The Python client: all clusters behind one server, with ``await`` or without."""

from app.client.async_fleet import AsyncFleet
from app.client.blocking_fleet import Fleet, Known
from app.client.errors import FleetError
from app.client.informer import Informer
from app.client.kube_object import Object, Objects, Results, Text
from app.client.log_stream import Logs
from app.client.script_functions import (
    create_service,
    list_deployments,
    list_pods,
    list_replicasets,
    list_services,
    load_kube_config,
)
from app.client.watch_loop import Event

__all__ = [
    "AsyncFleet",
    "Event",
    "Fleet",
    "FleetError",
    "Informer",
    "Known",
    "Logs",
    "Object",
    "Objects",
    "Results",
    "Text",
    "create_service",
    "list_deployments",
    "list_pods",
    "list_replicasets",
    "list_services",
    "load_kube_config",
]
