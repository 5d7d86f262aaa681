"""Build the custom resource definitions of cert-manager, an issuer, and certificates of the public
applications."""

from __future__ import annotations

from datetime import timedelta

from app.simulator.apiserver.registry import with_accepted_names
from app.simulator.seed.object_factory import Obj, ObjectFactory, stamp
from app.simulator.seed.sample_apps import App

_GROUP = "cert-manager.io"
_READY = '.status.conditions[?(@.type == "Ready")]'
_AGE = {
    "jsonPath": ".metadata.creationTimestamp",
    "name": "Age",
    "type": "date",
    "description": "When this object was created, by the clock of the server.",
}
_STATUS = {"jsonPath": f"{_READY}.message", "name": "Status", "priority": 1, "type": "string"}
_CERTIFICATE_COLUMNS: list[Obj] = [
    {"jsonPath": f"{_READY}.status", "name": "Ready", "type": "string"},
    {"jsonPath": ".spec.secretName", "name": "Secret", "type": "string"},
    {"jsonPath": ".spec.issuerRef.name", "name": "Issuer", "priority": 1, "type": "string"},
    _STATUS,
    _AGE,
]
_ISSUER_COLUMNS: list[Obj] = [
    {"jsonPath": f"{_READY}.status", "name": "Ready", "type": "string"},
    _STATUS,
    _AGE,
]
_STRINGS: Obj = {"type": "array", "items": {"type": "string"}}
_REFERENCE: Obj = {
    "type": "object",
    "required": ["name"],
    "properties": {name: {"type": "string"} for name in ("group", "kind", "name")},
}
_CERTIFICATE_SPEC: Obj = {
    "type": "object",
    "required": ["issuerRef", "secretName"],
    "properties": {
        "commonName": {"type": "string"},
        "dnsNames": _STRINGS,
        "duration": {"type": "string"},
        "issuerRef": _REFERENCE,
        "renewBefore": {"type": "string"},
        "secretName": {"type": "string"},
        "usages": _STRINGS,
    },
}
_OPEN: Obj = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _definition(
    factory: ObjectFactory,
    kind: str,
    plural: str,
    columns: list[Obj],
    spec: Obj,
    created: str,
    *,
    short_names: list[str],
    namespaced: bool,
) -> Obj:
    names = {
        "categories": ["cert-manager"],
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
    }
    if short_names:
        names["shortNames"] = short_names
    definition: Obj = {
        "kind": "CustomResourceDefinition",
        "apiVersion": "apiextensions.k8s.io/v1",
        "metadata": factory.meta(
            f"{plural}.{_GROUP}",
            created=created,
            labels={"app.kubernetes.io/name": "cert-manager", "app.kubernetes.io/version": "v1.15.3"},
            generation=1,
        ),
        "spec": {
            "group": _GROUP,
            "names": names,
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _schema(spec)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                }
            ],
            "conversion": {"strategy": "None"},
        },
    }
    return with_accepted_names(definition, created)


def _schema(spec: Obj) -> Obj:
    """Return the OpenAPI schema of a custom resource with this schema of its spec."""
    return {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": _OPEN,
        },
    }


def make_definitions(factory: ObjectFactory, created: str) -> list[Obj]:
    """Return the definitions of Certificate and ClusterIssuer."""
    return [
        _definition(
            factory,
            "Certificate",
            "certificates",
            _CERTIFICATE_COLUMNS,
            _CERTIFICATE_SPEC,
            created,
            short_names=["cert", "certs"],
            namespaced=True,
        ),
        _definition(
            factory,
            "ClusterIssuer",
            "clusterissuers",
            _ISSUER_COLUMNS,
            _OPEN,
            created,
            short_names=["ciss"],
            namespaced=False,
        ),
    ]


def _ready(at: str, reason: str, message: str) -> Obj:
    return {
        "type": "Ready",
        "status": "True",
        "lastTransitionTime": at,
        "observedGeneration": 1,
        "reason": reason,
        "message": message,
    }


def make_issuer(factory: ObjectFactory, created: str) -> Obj:
    """Return the one ClusterIssuer, which is ready."""
    solver = {"http01": {"ingress": {"ingressClassName": "nginx"}}}
    server = "https://acme-v02.api.letsencrypt.org/directory"
    said = "The ACME account was registered with the ACME server"
    return {
        "kind": "ClusterIssuer",
        "apiVersion": f"{_GROUP}/v1",
        "metadata": factory.meta("letsencrypt", created=created, generation=1),
        "spec": {
            "acme": {
                "email": "platform@acme.example",
                "server": server,
                "privateKeySecretRef": {"name": "letsencrypt-account"},
                "solvers": [solver],
            }
        },
        "status": {"conditions": [_ready(created, "ACMEAccountRegistered", said)]},
    }


def make_certificate(factory: ObjectFactory, app: App, host: str, created: str) -> Obj:
    """Return the issued certificate of an application's host."""
    issued = factory.now - timedelta(days=factory.rng.randint(1, 55), seconds=factory.rng.randint(0, 86400))
    return {
        "kind": "Certificate",
        "apiVersion": f"{_GROUP}/v1",
        "metadata": factory.meta(f"{app.name}-tls", app.namespace, created=created, generation=1),
        "spec": {
            "dnsNames": [host],
            "issuerRef": {"group": _GROUP, "kind": "ClusterIssuer", "name": "letsencrypt"},
            "secretName": f"{app.name}-tls",
            "usages": ["digital signature", "key encipherment"],
        },
        "status": {
            "conditions": [_ready(stamp(issued), "Ready", "Certificate is up to date and has not expired")],
            "notBefore": stamp(issued),
            "notAfter": stamp(issued + timedelta(days=90)),
            "renewalTime": stamp(issued + timedelta(days=60)),
            "revision": factory.rng.randint(1, 9),
        },
    }
