"""Plain functions for scripts.

They talk to the server that K8S_MCP_URL names, else to the one at 127.0.0.1:8000; after
`load_kube_config` to one that is started for this process alone.
"""

import atexit
import os
from collections.abc import Mapping
from typing import Any, Protocol

from app.client.api_session import Names
from app.client.blocking_fleet import Fleet
from app.client.kube_object import Object, Objects
from app.client.private_server import PrivateServer


class _ScriptClient:
    """The client that the functions of this module use, and the server that was started for it."""

    def __init__(self) -> None:
        self._fleet: Fleet | None = None
        self._server: PrivateServer | None = None

    def fleet(self) -> Fleet:
        if self._fleet is None:
            self._fleet = Fleet()
        return self._fleet

    def serve(self, config_file: str | os.PathLike[str] | None, context: str | None) -> None:
        self.end()
        server = PrivateServer(config_file, context)
        self._fleet = Fleet(server.url, server.token)
        self._server = server

    def end(self) -> None:
        if self._fleet is not None:
            self._fleet.close()
        if self._server is not None:
            self._server.end()
        self._fleet = self._server = None

    def disown(self) -> None:
        """Leave the server, in a process that was forked, to the parent; it can be used from both."""
        if self._server is not None:
            self._server.disown()
            self._server = None


_default = _ScriptClient()
atexit.register(_default.end)
os.register_at_fork(after_in_child=_default.disown)


def load_kube_config(config_file: str | os.PathLike[str] | None = None, context: str | None = None) -> None:
    """Start a server of the clusters in a kubeconfig, for this process alone.

    Left out, the kubeconfig is the one that kubectl takes, and ``context`` stands for all
    in it. The server ends with this process. Raises FleetError where it does not start.
    """
    _default.serve(config_file, context)


class Lister(Protocol):
    """Lists one resource of all clusters, or of the one or those that are named. Raises FleetError."""

    def __call__(
        self,
        namespace: Names | None = None,
        *,
        cluster: Names | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Objects: ...


def _lister(resource: str) -> Lister:
    def find(
        namespace: Names | None = None,
        *,
        cluster: Names | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Objects:
        return _default.fleet().list(
            resource,
            namespace=namespace,
            cluster=cluster,
            label_selector=label_selector,
            field_selector=field_selector,
        )

    find.__name__ = find.__qualname__ = f"list_{resource}"
    find.__doc__ = (
        f"The {resource} of all clusters, or of the one or those that are named. Raises FleetError."
    )
    return find


list_pods = _lister("pods")
list_deployments = _lister("deployments")
list_replicasets = _lister("replicasets")
list_services = _lister("services")


def create_service(namespace: str, manifest: Mapping[str, Any], *, cluster: str | None = None) -> Object:
    """Create a service; ``cluster`` says where, if there is more than one. Raises FleetError."""
    return _default.fleet().create("services", manifest, namespace=namespace, cluster=cluster)
