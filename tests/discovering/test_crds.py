"""A CustomResourceDefinition tells its resource before discovery does, and in the same words."""

import json
from typing import Any

import pytest

from app.kube.discovery.definitions import crd_resource
from app.kube.discovery.well_known import WELL_KNOWN

NAMES = {
    "plural": "certificates",
    "singular": "certificate",
    "kind": "Certificate",
    "listKind": "CertificateList",
    "shortNames": ["cert", "certs"],
    "categories": ["cert-manager"],
}


def crd(*versions: str, established: str = "True", scope: str = "Namespaced", **status: Any) -> bytes:
    found = {
        "metadata": {"name": "certificates.cert-manager.io"},
        "spec": {
            "group": "cert-manager.io",
            "scope": scope,
            "names": NAMES,
            "versions": [
                {"name": version.lstrip("-"), "served": not version.startswith("-"), "storage": False}
                for version in versions
            ],
        },
        "status": {
            "conditions": [{"type": "Established", "status": established}],
            "acceptedNames": NAMES,
            **status,
        },
    }
    return json.dumps(found).encode()


def test_resource_of_a_definition() -> None:
    found = crd_resource(crd("v1"))
    assert found is not None
    assert found.name == "certificates.cert-manager.io"
    assert (found.version, found.kind, found.singular) == ("v1", "Certificate", "certificate")
    assert (found.namespaced, found.short_names) == (True, ("cert", "certs"))
    assert {"list", "watch", "deletecollection"} <= found.verbs
    cluster_wide = crd_resource(crd("v1", scope="Cluster"))
    assert cluster_wide is not None
    assert not cluster_wide.namespaced


@pytest.mark.parametrize(
    ("versions", "preferred"),
    [
        (["v1alpha1", "v1beta1", "v1"], "v1"),
        (["v1", "v2"], "v2"),
        (["v2", "v10"], "v10"),
        (["-v2", "v1"], "v1"),
        (["v11beta2", "v1"], "v1"),
        (["v10beta3", "v11beta2", "v3beta1", "v12alpha1"], "v11beta2"),
        (["foo10", "foo1", "v1alpha1"], "v1alpha1"),
        (["foo10", "foo1"], "foo1"),
    ],
)
def test_version_is_the_one_that_the_server_prefers(versions: list[str], preferred: str) -> None:
    found = crd_resource(crd(*versions))
    assert found is not None
    assert found.version == preferred


@pytest.mark.parametrize(
    "body",
    [
        crd("v1", established="False"),
        crd("-v1"),
        crd("v1", conditions=None),
        crd("v1", acceptedNames={}),
        json.dumps({key: value for key, value in json.loads(crd("v1")).items() if key != "status"}).encode(),
    ],
)
def test_definition_that_is_not_served(body: bytes) -> None:
    assert crd_resource(body) is None


def test_definitions_come_and_go() -> None:
    found = crd_resource(crd("v1"))
    assert found is not None
    more = WELL_KNOWN.with_crds([found])
    assert more.get(found.name) == found
    assert WELL_KNOWN.get(found.name) is None
    newer = crd_resource(crd("v1", "v2"))
    assert newer is not None
    assert more.with_crds([newer]).get(found.name) == newer
    assert more.with_crds([], gone={found.name}).resources == WELL_KNOWN.resources
