"""Tables of what a real kube-apiserver does not easily hold: odd objects, and states that are far away."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cache.tables import Cell, Sheet, Table, table_for
from tests.printing.pods import Json, cases, pod_of

NOW = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)
CREATED = {"creationTimestamp": "2025-06-01T11:00:00Z"}


def cells(resource: str, obj: Json, columns: Sequence[Json] | None = None) -> dict[str, Cell]:
    table = table_for(resource, columns)
    return dict(zip((column.name for column in table.columns), table.row(obj, NOW), strict=False))


def test_a_resource_that_nobody_describes_has_a_name_and_an_age() -> None:
    metrics = cells("nodes.metrics.k8s.io", {"metadata": {"name": "node-0", **CREATED}})

    assert metrics == {"Name": "node-0", "Age": "60m"}


def test_a_secret_counts_its_keys_though_their_values_are_withheld() -> None:
    assert cells("secrets", {"type": "Opaque", "data": {"user": "", "password": ""}})["Data"] == 2


@pytest.mark.parametrize(
    ("conditions", "certificate", "shown"),
    [
        ([], "", "Pending"),
        (["Approved"], "", "Approved"),
        (["Approved"], "Zm9v", "Approved,Issued"),
        (["Approved", "Denied"], "", "Denied"),
        (["Approved", "Failed"], "", "Approved,Failed"),
    ],
)
def test_certificate_signing_requests(conditions: list[str], certificate: str, shown: str) -> None:
    status = {
        "conditions": [{"type": kind, "status": "True"} for kind in conditions],
        "certificate": certificate,
    }

    assert cells("certificatesigningrequests.certificates.k8s.io", {"status": status})["Condition"] == shown


@pytest.mark.parametrize(
    ("metadata", "status", "shown"),
    [
        ({}, {}, "pending"),
        ({}, {"allocation": {}}, "allocated"),
        ({}, {"allocation": {}, "reservedFor": [{}]}, "allocated,reserved"),
        ({"deletionTimestamp": "2025-06-01T11:00:00Z"}, {}, "deleted"),
        ({"deletionTimestamp": "2025-06-01T11:00:00Z"}, {"allocation": {}}, "deleted,allocated"),
    ],
)
def test_resource_claims(metadata: Json, status: Json, shown: str) -> None:
    assert cells("resourceclaims.resource.k8s.io", {"metadata": metadata, "status": status})["State"] == shown


@pytest.mark.parametrize(
    ("conditions", "state"),
    [([], "Pending"), (["Issued"], "Issued"), (["Denied"], "Denied"), (["Other", "Failed"], "Failed")],
)
def test_pod_certificate_requests(conditions: list[str], state: str) -> None:
    status = {"conditions": [{"type": kind} for kind in conditions]}
    request = {"spec": {"unverifiedUserAnnotations": {"b": "2", "a": "1"}}, "status": status}

    shown = cells("podcertificaterequests.certificates.k8s.io", request)

    assert (shown["State"], shown["UnverifiedUserAnnotations"]) == (state, "a=1,b=2")


def test_an_autoscaler_of_the_first_version_shows_its_target_for_cpu() -> None:
    spec = {"targetCPUUtilizationPercentage": 80, "maxReplicas": 3}
    resource = "horizontalpodautoscalers.autoscaling"

    assert cells(resource, {"spec": spec})["Targets"] == "cpu: <unknown>/80%"
    assert (
        cells(resource, {"spec": spec, "status": {"currentCPUUtilizationPercentage": 5}})["Targets"]
        == "cpu: 5%/80%"
    )


def test_the_newest_storage_class_that_is_marked_is_the_default() -> None:
    def storage_class(name: str, created: str, annotation: str = "storageclass.kubernetes.io") -> Json:
        marks = {f"{annotation}/is-default-class": "true"}
        return {"metadata": {"name": name, "creationTimestamp": created, "annotations": marks}}

    table = table_for("storageclasses.storage.k8s.io")
    old = storage_class("old", "2024-01-01T00:00:00Z")
    beta = storage_class("beta", "2025-01-01T00:00:00Z", "storageclass.beta.kubernetes.io")

    assert [row[0] for row in table.rows([beta, old, {"metadata": {"name": "none"}}], NOW)] == [
        "beta (default)",
        "old",
        "none",
    ]


def test_a_deep_object_is_printed_in_its_cell() -> None:
    deep: Json = {}
    for _ in range(2000):
        deep = {"deeper": deep}

    shown = cells(
        "widgets.example.com", {"spec": deep}, [{"name": "Spec", "type": "string", "jsonPath": ".spec"}]
    )

    assert shown["Spec"] == '{"deeper":' * 2000 + "{}" + "}" * 2000


KNOWN = json.loads((files("app.cache.tables") / "columns.json").read_bytes())["columns"]
ODD: list[Any] = [
    None,
    True,
    3,
    1.5,
    "text",
    "",
    [],
    [None],
    [[]],
    [{}],
    ["text", 3],
    {},
    {"text": None},
    {"text": [3]},
]


def places(value: object, *above: str | int) -> Iterator[tuple[str | int, ...]]:
    """The paths to everything within a value."""
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in within:
        yield (*above, step)
        yield from places(below, *above, step)


def replaced(value: Any, path: tuple[str | int, ...], odd: object) -> Any:
    """A copy with something else at a path."""
    if not path:
        return odd
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], odd)
    return copy


def resource_of(manifest: Json) -> str:
    group, slash, _ = manifest["apiVersion"].rpartition("/")
    kind = manifest["kind"].lower()
    plurals = (kind, f"{kind}s", f"{kind}es", f"{kind[:-1]}ies")
    return next(name for plural in plurals if (name := f"{plural}.{group}" if slash else plural) in KNOWN)


def examples() -> Iterator[tuple[Table, Json]]:
    """A table and an object for it, of every kind that the other tests know."""
    here = Path(__file__).parent
    manifests = yaml.safe_load((here / "objects.yaml").read_text())
    columns = next(
        version["additionalPrinterColumns"]
        for manifest in manifests
        if manifest["metadata"]["name"] == "widgets.k8s.example.com"
        for version in manifest["spec"]["versions"]
        if "additionalPrinterColumns" in version
    )
    for manifest in [*manifests, *(pod_of(case) for case in cases(NOW))]:
        yield table_for(resource_of(manifest)), manifest
    for manifest in yaml.safe_load((here / "custom.yaml").read_text()):
        yield table_for("widgets.k8s.example.com", columns), manifest


def test_no_object_is_too_odd() -> None:
    tried = 0
    for table, example in examples():
        sheet = Sheet(table.columns, wide=True)
        for path in places(example):
            for odd in ODD:
                row = table.rows([replaced(example, path, odd)], NOW)[0]
                assert len(row) >= len(table.columns)
                assert all(cell is None or isinstance(cell, str | int | float) for cell in row)
                sheet.add(row)
                tried += 1
    assert tried > 10_000
