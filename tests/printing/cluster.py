"""A real API server that holds objects of many kinds, and the tables that it answers."""

import base64
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.testbed.control_plane import BASIC, ControlPlane, Refused
from tests.kubernetes.binaries import assets
from tests.printing.pods import Json, cases

# A group whose API service has no server behind it.
UNAVAILABLE = "metrics.example.com"

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


class Served(NamedTuple):
    """A resource as discovery gives it: ``name`` is ``pods`` or ``deployments.apps``."""

    name: str
    kind: str
    api_version: str
    namespaced: bool
    has_status: bool
    listed: bool

    def path(self, namespace: str | None = None) -> str:
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        within = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}{within}/{self.name.partition('.')[0]}"


class Answered(NamedTuple):
    """A Table that a server made at some time from ``earliest`` to ``latest``."""

    table: Json
    earliest: datetime
    latest: datetime


class Cluster:
    """What the tests ask a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    def resources(self) -> list[Served]:
        """All that can be listed, in each version that is served."""
        versions = ["v1"]
        for group in self.plane.request("GET", "/apis")["groups"]:
            if group["name"] != UNAVAILABLE:
                versions += [version["groupVersion"] for version in group["versions"]]
        return [resource for version in versions for resource in self._served(version) if resource.listed]

    def resource(self, api_version: str, kind: str) -> Served:
        return next(resource for resource in self._served(api_version) if resource.kind == kind)

    def table(self, resource: Served) -> Answered:
        """The table of all objects, each with its row, made within a second so that ages are known."""
        request = urllib.request.Request(
            f"{self.plane.url}{resource.path()}?includeObject=Object",
            headers={"Authorization": f"Bearer {self.plane.token}", "Accept": _TABLE},
        )
        while True:
            earliest = datetime.now(UTC)
            with urllib.request.urlopen(request, timeout=30, context=self.plane.ssl_context) as answer:
                table = json.loads(answer.read())
            latest = datetime.now(UTC)
            if (latest - earliest).total_seconds() < 1:
                return Answered(table, earliest, latest)

    def create(self, manifest: Mapping[str, Any], *, deleted: bool = False) -> None:
        """Make an object with its status; a ``deleted`` one stays for its finalizer."""
        resource = self.resource(manifest["apiVersion"], manifest["kind"])
        collection = resource.path(manifest["metadata"].get("namespace", "default"))
        made = self.plane.request("POST", collection, manifest)
        path = f"{collection}/{manifest['metadata']['name']}"
        if "status" in manifest and resource.has_status:
            self.plane.request("PUT", f"{path}/status", {**made, "status": manifest["status"]})
        if deleted:
            self.plane.request("DELETE", path)

    def _served(self, api_version: str) -> Iterator[Served]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        group = api_version.partition("/")[0] if "/" in api_version else ""
        found = self.plane.request("GET", root)["resources"]
        names = {resource["name"] for resource in found}
        for resource in found:
            name = resource["name"]
            if "/" not in name:
                yield Served(
                    f"{name}.{group}" if group else name,
                    resource["kind"],
                    api_version,
                    resource["namespaced"],
                    f"{name}/status" in names,
                    "list" in resource["verbs"],
                )


@contextmanager
def filled() -> Iterator[Cluster]:
    """A control plane with all the objects of the tests."""
    with ControlPlane(assets(*BASIC)) as plane:
        cluster = Cluster(plane)
        for manifest in _manifests("objects.yaml"):
            cluster.create(manifest, deleted="finalizers" in manifest["metadata"])
        for manifest in (*_signing_requests(), _trust_bundle(), *_pods()):
            cluster.create(manifest, deleted="finalizers" in manifest["metadata"])
        _wait_for_definitions(cluster)
        for manifest in _manifests("custom.yaml"):
            cluster.create(manifest)
        yield cluster


def _manifests(name: str) -> list[Json]:
    loaded = yaml.safe_load(Path(__file__).with_name(name).read_text())
    assert isinstance(loaded, list)
    return loaded


def _pods() -> Iterator[Json]:
    for case in cases(datetime.now(UTC)):
        held = {"finalizers": ["example.com/hold"]} if case.deleted else {}
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": case.name, "namespace": "default", **held},
            "spec": case.spec,
            "status": case.status,
        }


def _wait_for_definitions(cluster: Cluster) -> None:
    """Until what is defined is served: the server says so in discovery and then begins to."""
    deadline = time.monotonic() + 30
    waiting = {"widgets", "bares", "odds"}
    while waiting:
        try:
            cluster.plane.request("GET", f"/apis/k8s.example.com/v1/{min(waiting)}")
            cluster.resource("k8s.example.com/v1", min(waiting)[:-1].capitalize())
        except (Refused, StopIteration):
            assert time.monotonic() < deadline, f"{min(waiting)} are not served"
            time.sleep(0.1)
        else:
            waiting.remove(min(waiting))


def _signing_requests() -> Iterator[Json]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "someone")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    spec = {
        "signerName": "example.com/signer",
        "request": _base64(request.public_bytes(serialization.Encoding.PEM)),
        "usages": ["digital signature"],
    }
    for name, more in (("asked", {}), ("asked-short", {"expirationSeconds": 7200})):
        yield {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {**spec, **more},
        }


def _trust_bundle() -> Json:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2044, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "ClusterTrustBundle",
        "metadata": {"name": "bundle"},
        "spec": {"trustBundle": certificate.public_bytes(serialization.Encoding.PEM).decode()},
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
