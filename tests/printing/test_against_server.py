"""Our tables are those of a real kube-apiserver, our text is that of the real kubectl."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.cache.tables import Column, Sheet, Table, table_for
from bench.testbed.control_plane import BASIC
from tests.kubernetes.binaries import assets
from tests.printing.cluster import Answered, Cluster, Served, filled
from tests.printing.pods import Json, cases

pytestmark = [pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(300)]

# What of Kubernetes has no table of ours: it cannot be watched, so nothing here ever shows it.
UNWATCHABLE = {"componentstatuses"}
# In autoscaling/v1 all metrics but that of CPU are hidden in an annotation, which is not read.
V1_METRICS = "autoscaling.alpha.kubernetes.io/metrics"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with filled() as cluster:
        yield cluster


def our_table(cluster: Cluster, resource: Served) -> Table:
    if not resource.api_version.startswith("k8s.example.com/"):
        return table_for(resource.name)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{resource.name}"
    versions = cluster.plane.request("GET", path)["spec"]["versions"]
    version = next(each for each in versions if resource.api_version.endswith(f"/{each['name']}"))
    return table_for(resource.name, version.get("additionalPrinterColumns", ()))


def test_column_definitions(cluster: Cluster) -> None:
    resources = [resource for resource in cluster.resources() if resource.name not in UNWATCHABLE]

    ours = {each: msgspec.to_builtins(list(our_table(cluster, each).columns)) for each in resources}
    theirs = {each: cluster.table(each).table["columnDefinitions"] for each in resources}

    assert len(resources) > 60
    assert ours == theirs


def test_cells_of_every_object(cluster: Cluster) -> None:
    without_objects = set()
    for resource in cluster.resources():
        if resource.name in UNWATCHABLE:
            continue
        answered = cluster.table(resource)
        objects = [row["object"] for row in answered.table["rows"]]
        table = our_table(cluster, resource)
        early, late = table.rows(objects, answered.earliest), table.rows(objects, answered.latest)
        for row, before, after in zip(answered.table["rows"], early, late, strict=True):
            where = (resource.name, row["object"]["metadata"]["name"])
            if V1_METRICS in row["object"]["metadata"].get("annotations", {}):
                continue
            assert len(row["cells"]) == len(before), where
            for cell, first, second in zip(row["cells"], before, after, strict=True):
                assert same(cell, first) or same(cell, second), (where, row["cells"], before)
        if not objects:
            without_objects.add(resource.name)
    # They need a node's agent, or a running controller, to exist at all.
    assert without_objects <= {"podcertificaterequests.certificates.k8s.io"}


def same(one: object, other: object) -> bool:
    """True is not 1 here, and "0" not 0."""
    return type(one) is type(other) and one == other


def test_pods_are_what_the_table_of_cases_says(cluster: Cluster) -> None:
    answered = cluster.table(cluster.resource("v1", "Pod"))

    shown = {row["cells"][0]: row["cells"][1:4] for row in answered.table["rows"]}
    made = {case.name: [case.ready, case.reason, case.restarts.partition(" ")[0]] for case in cases(now())}
    assert {name: [*cells[:2], cells[2].partition(" ")[0]] for name, cells in shown.items()} == made


def test_a_single_storage_class_is_not_called_the_default(cluster: Cluster) -> None:
    listed = cluster.table(cluster.resource("storage.k8s.io/v1", "StorageClass"))

    rows = table_for("storageclasses.storage.k8s.io").rows(objects_of(listed), now())
    assert sorted(str(row[0]) for row in rows if "(default)" in str(row[0])) == ["also (default)"]
    assert [
        table_for("storageclasses.storage.k8s.io").row(each, now())[0] for each in objects_of(listed)
    ] == [
        "also",
        "fast",
    ]


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "Pod"),
        ("v1", "Node"),
        ("v1", "Service"),
        ("v1", "Event"),
        ("v1", "PersistentVolume"),
        ("apps/v1", "Deployment"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        ("k8s.example.com/v1", "Widget"),
        ("k8s.example.com/v1", "Bare"),
    ],
)
def test_text(cluster: Cluster, api_version: str, kind: str, wide: bool) -> None:
    assets(*BASIC, "kubectl")
    resource = cluster.resource(api_version, kind)
    listed = objects_of(cluster.table(resource))
    table = our_table(cluster, resource)
    arguments = ["get", resource.name, "--all-namespaces", *(["--output=wide"] if wide else [])]

    # kube-apiserver may look at its clock just before and just after a second ends: rarely, so again then.
    for _ in range(3):
        started = now()
        printed = cluster.plane.kubectl(*arguments)
        # The ages count to some moment in between.
        moments = [started + timedelta(milliseconds=10 * step) for step in range(_steps(started, now()))]
        if any(our_text(table, resource, listed, moment, wide) == printed for moment in moments):
            return
    pytest.fail(_difference(our_text(table, resource, listed, moments[-1], wide), printed))


def our_text(table: Table, resource: Served, objects: list[Json], moment: datetime, wide: bool) -> str:
    before = (Column("Namespace"),) if resource.namespaced else ()
    sheet = Sheet((*before, *table.columns), wide=wide)
    for each, row in zip(objects, table.rows(objects, moment), strict=True):
        sheet.add((each["metadata"]["namespace"], *row) if resource.namespaced else row)
    return "".join(sheet.lines())


def _steps(started: datetime, ended: datetime) -> int:
    return int((ended - started).total_seconds() * 100) + 1


def _difference(ours: str, theirs: str) -> str:
    return "\n".join(
        f"ours   {one!r}\ntheirs {other!r}"
        for one, other in zip(ours.splitlines(), theirs.splitlines(), strict=False)
        if one != other
    )


def objects_of(answered: Answered) -> list[Any]:
    return [row["object"] for row in answered.table["rows"]]


def now() -> datetime:
    return datetime.now(UTC)
