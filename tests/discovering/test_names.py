"""Every word that people use for a resource finds it, and no word finds the wrong one."""

import time

import pytest
from msgspec.structs import replace

from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import Catalog
from app.kube.discovery.resource_names import AmbiguousResource, UnknownResource, match
from app.kube.discovery.well_known import WELL_KNOWN


def resource(plural: str, group: str, kind: str = "", *short: str) -> Resource:
    name = kind or plural.removesuffix("s").title()
    return Resource(group, "v1", plural, name.lower(), name, True, short)


CERTIFICATES = resource("certificates", "cert-manager.io", "Certificate", "cert")
KNATIVE = resource("services", "serving.knative.dev", "Service", "ksvc")
MORE = WELL_KNOWN.with_crds([CERTIFICATES, KNATIVE])


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("pods", "pods"),
        ("pod", "pods"),
        ("po", "pods"),
        ("pods.", "pods"),
        ("Pod", "pods"),
        ("PODS", "pods"),
        ("deploy", "deployments.apps"),
        ("Deployment", "deployments.apps"),
        ("deployments.apps", "deployments.apps"),
        ("deploy.apps", "deployments.apps"),
        ("Deployment.Apps", "deployments.apps"),
        ("svc", "services"),
        ("services", "services"),
        ("ksvc", "services.serving.knative.dev"),
        ("services.serving.knative.dev", "services.serving.knative.dev"),
        ("Service.serving", "services.serving.knative.dev"),
        ("events", "events"),
        ("ev", "events"),
        ("events.events.k8s.io", "events.events.k8s.io"),
        ("Certificate", "certificates.cert-manager.io"),
        ("certificates.cert-manager.io", "certificates.cert-manager.io"),
        ("certificates.cert-manager", "certificates.cert-manager.io"),
        ("cert", "certificates.cert-manager.io"),
        ("ing", "ingresses.networking.k8s.io"),
        ("hpa", "horizontalpodautoscalers.autoscaling"),
        ("crd", "customresourcedefinitions.apiextensions.k8s.io"),
        ("endpoints", "endpoints"),
        ("NetworkPolicy", "networkpolicies.networking.k8s.io"),
    ],
)
def test_words(word: str, name: str) -> None:
    assert match(word, [MORE]).name == name


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("pdos", "pods"),
        ("deploymnt", "deployments.apps"),
        ("certifcates.cert-manager.io", "certificates.cert-manager.io"),
        ("pods.apps", "pods"),
        ("daemonset.app1", "daemonsets.apps"),
    ],
)
def test_unknown_word_names_what_is_near(word: str, near: str) -> None:
    with pytest.raises(UnknownResource, match=word) as raised:
        match(word, [MORE])
    assert near in raised.value.near
    assert near in str(raised.value)


@pytest.mark.parametrize("word", ["", ".", "xyzzy", ".apps", "\0"])
def test_unknown_word_that_is_near_to_nothing(word: str) -> None:
    with pytest.raises(UnknownResource):
        match(word, [MORE])


def test_ambiguous_word_names_the_groups() -> None:
    other = resource("certificates", "networking.internal.knative.dev", "Certificate", "kcert")
    catalogs = [MORE, WELL_KNOWN.with_crds([other])]
    with pytest.raises(AmbiguousResource, match="name its group") as raised:
        match("certificate", catalogs)
    assert raised.value.names == (
        "certificates.cert-manager.io",
        "certificates.networking.internal.knative.dev",
    )
    assert match("kcert", catalogs) == other
    assert match("certificates.networking", catalogs) == other


def test_full_name_wins_over_a_short_one() -> None:
    certs = resource("cert", "pki.example.com", "Cert")
    assert match("cert", [MORE.with_crds([certs])]) == certs


def test_core_wins_over_apps_and_both_over_the_rest() -> None:
    widgets = [resource("widgets", group) for group in ("example.com", "apps", "")]
    assert match("widget", [Catalog(widgets)]).group == ""
    assert match("widget", [Catalog(widgets[:2])]).group == "apps"
    assert match("widget", [Catalog(widgets[:1])]).group == "example.com"


def test_extensions_gives_way_to_what_replaced_it() -> None:
    old = replace(resource("ingresses", "extensions", "Ingress", "ing"), version="v1beta1")
    assert match("ing", [WELL_KNOWN.with_crds([old])]).group == "networking.k8s.io"
    assert match("ingresses.extensions", [WELL_KNOWN.with_crds([old])]) == old
    assert match("ing", [Catalog([old])]) == old


def test_first_catalog_describes_it() -> None:
    newer = replace(CERTIFICATES, version="v2")
    assert match("cert", [WELL_KNOWN, Catalog([newer]), MORE]).version == "v2"


def test_hundreds_of_clusters_cost_little() -> None:
    catalogs = [
        WELL_KNOWN.with_crds([resource(f"things{number % 50}", "example.com")]) for number in range(500)
    ]
    assert match("things7", catalogs).name == "things7.example.com"
    began = time.process_time()
    for _ in range(20):
        match("deploy", catalogs)
    assert (time.process_time() - began) / 20 < 0.05
