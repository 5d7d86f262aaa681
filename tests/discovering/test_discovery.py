"""What a cluster serves is found in every shape in which API servers say it."""

import copy
from typing import Any

import pytest

from app.kube.api_errors import ApiError, ConnectionFailed
from app.kube.discovery.api_groups import discover, is_served, server_version
from app.kube.discovery.catalog import Catalog
from app.kube.discovery.well_known import WELL_KNOWN
from tests.discovering.answers import Answers

Json = dict[str, Any]
ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def aggregated(
    kind: str, plural: str, *, namespaced: bool = True, verbs: list[str] = ALL, **more: Any
) -> Json:
    return {
        "resource": plural,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Namespaced" if namespaced else "Cluster",
        "singularResource": kind.lower(),
        "verbs": verbs,
        **more,
    }


def groups(api: str, **versions: dict[str, list[Json]]) -> Json:
    items = [
        {
            "metadata": {"name": name.replace("__", ".")} if name != "core" else {},
            "versions": [
                {"version": version, "freshness": "Current" if resources else "Stale", "resources": resources}
                for version, resources in each.items()
            ],
        }
        for name, each in versions.items()
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{api}",
        "metadata": {},
        "items": items,
    }


POD = aggregated(
    "Pod",
    "pods",
    shortNames=["po"],
    categories=["all"],
    subresources=[{"subresource": "log", "verbs": ["get"]}],
)
HPA = aggregated("HorizontalPodAutoscaler", "horizontalpodautoscalers", shortNames=["hpa"])


@pytest.mark.parametrize("api", ["v2", "v2beta1"])
async def test_aggregated_discovery_takes_two_requests(api: str) -> None:
    answers = Answers(
        {
            "/api": groups(api, core={"v1": [POD, aggregated("Node", "nodes", namespaced=False)]}),
            "/apis": groups(api, apps={"v1": [aggregated("Deployment", "deployments")]}),
        }
    )
    catalog = await discover(answers.connection)
    assert [path for path, _ in answers.asked] == ["/api", "/apis"]
    accept = answers.asked[0][1]
    assert accept.startswith("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,")
    assert accept.endswith(",application/json")
    pods, nodes, deployments = (catalog.get(name) for name in ("pods", "nodes", "deployments.apps"))
    assert pods is not None
    assert nodes is not None
    assert deployments is not None
    assert (pods.group, pods.version, pods.kind, pods.singular) == ("", "v1", "Pod", "pod")
    assert (pods.short_names, pods.categories, pods.verbs) == (("po",), ("all",), frozenset(ALL))
    assert (pods.namespaced, nodes.namespaced) == (True, False)
    assert deployments.api_version == "apps/v1"
    assert len(catalog) == 3


async def test_preferred_version_is_taken_and_others_only_where_it_lacks_something() -> None:
    old = [HPA, aggregated("Old", "olds"), aggregated("Half", "halves")]
    new = [HPA, aggregated("Half", "halves", verbs=["get", "list"])]
    catalog = await discover(
        Answers({"/api": groups("v2"), "/apis": groups("v2", autoscaling={"v2": new, "v1": old})}).connection
    )
    assert {resource.name: resource.version for resource in catalog.resources} == {
        "horizontalpodautoscalers.autoscaling": "v2",
        "olds.autoscaling": "v1",
        "halves.autoscaling": "v1",
    }


async def test_what_cannot_be_listed_and_watched_is_left_out() -> None:
    kinds = [
        POD,
        aggregated("Binding", "bindings", verbs=["create"]),
        aggregated("ComponentStatus", "componentstatuses", verbs=["get", "list"]),
    ]
    catalog = await discover(
        Answers({"/api": groups("v2", core={"v1": kinds}), "/apis": groups("v2")}).connection
    )
    assert [resource.name for resource in catalog.resources] == ["pods"]


async def test_stale_group_is_left_as_it_was_known() -> None:
    core = groups("v2", core={"v1": [POD]})
    wardle = {"v1": [aggregated("Flunder", "flunders")]}
    whole = await discover(
        Answers({"/api": core, "/apis": groups("v2", wardle__example__com=wardle)}).connection
    )
    broken = Answers({"/api": core, "/apis": groups("v2", wardle__example__com={"v1": []})})
    assert [resource.name for resource in (await discover(broken.connection)).resources] == ["pods"]
    assert (await discover(broken.connection, whole)).resources == whole.resources
    without = Answers({"/api": core, "/apis": groups("v2")})
    assert [resource.name for resource in (await discover(without.connection, whole)).resources] == ["pods"]


# As Kubernetes 1.20 answers


def legacy(group_version: str, *resources: Json) -> Json:
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": list(resources)}


def legacy_resource(kind: str, plural: str, *, namespaced: bool = True, **more: Any) -> Json:
    return {"name": plural, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ALL, **more}


def group(name: str, *versions: str, preferred: str) -> Json:
    return {
        "name": name,
        "versions": [{"groupVersion": f"{name}/{version}", "version": version} for version in versions],
        "preferredVersion": {"groupVersion": f"{name}/{preferred}", "version": preferred},
    }


LEGACY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/api/v1": legacy(
        "v1",
        legacy_resource("Pod", "pods", shortNames=["po"], categories=["all"]),
        legacy_resource("Pod", "pods/status"),
        legacy_resource("Binding", "bindings", verbs=["create"]),
    ),
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            group("autoscaling", "v1", "v2beta1", preferred="v2beta1"),
            group("metrics.k8s.io", "v1beta1", preferred="v1beta1"),
        ],
    },
    "/apis/autoscaling/v1": legacy("autoscaling/v1", legacy_resource("HorizontalPodAutoscaler", "hpas")),
    "/apis/autoscaling/v2beta1": legacy(
        "autoscaling/v2beta1", legacy_resource("HorizontalPodAutoscaler", "hpas")
    ),
    "/apis/metrics.k8s.io/v1beta1": ApiError(503, "service unavailable"),
}


async def test_group_by_group_where_there_is_no_aggregated_discovery() -> None:
    catalog = await discover(Answers(LEGACY).connection)
    assert {resource.name: resource.version for resource in catalog.resources} == {
        "pods": "v1",
        "hpas.autoscaling": "v2beta1",
    }
    pods = catalog.get("pods")
    assert pods is not None
    assert (pods.singular, pods.short_names, pods.categories) == ("pod", ("po",), ("all",))


@pytest.mark.parametrize(
    "failure", [ApiError(503, "x"), ConnectionFailed("x"), b"<html>", b"{}", {"resources": None}]
)
async def test_broken_group_hurts_nothing_else(failure: object) -> None:
    metrics = legacy("metrics.k8s.io/v1beta1", legacy_resource("PodMetrics", "pods"))
    known = await discover(Answers({**LEGACY, "/apis/metrics.k8s.io/v1beta1": metrics}).connection)
    assert known.get("pods.metrics.k8s.io") is not None
    broken = Answers({**LEGACY, "/apis/metrics.k8s.io/v1beta1": failure})
    assert len(await discover(broken.connection)) == 2
    kept = await discover(broken.connection, known)
    answered = failure in (b"{}", {"resources": None})
    assert (kept.get("pods.metrics.k8s.io") is None) == answered


FAILURES = [ApiError(403, "x"), ApiError(503, "x"), ConnectionFailed("x"), b"<html>", b"[]", b"{}"]


@pytest.mark.parametrize(
    ("path", "kept", "guessed"),
    [
        ("/api", "hpas.autoscaling", "pods"),
        ("/apis", "pods", "deployments.apps"),
        ("/api/v1", "hpas.autoscaling", "pods"),
    ],
)
@pytest.mark.parametrize("failure", FAILURES[:-1])
async def test_root_that_does_not_answer_leaves_the_other(
    path: str, kept: str, guessed: str, failure: object
) -> None:
    known = await discover(Answers(LEGACY).connection)
    broken = Answers({**LEGACY, path: failure})
    first = await discover(broken.connection)
    assert first.get(kept) is not None
    # Before anything is known, what every Kubernetes has is the best guess.
    assert first.get(guessed) is not None
    assert any(problem.startswith(path.removeprefix("/api/")) for problem in first.problems)
    later = await discover(broken.connection, known)
    assert later.resources == known.resources


@pytest.mark.parametrize("failure", FAILURES[1:])
async def test_cluster_that_does_not_answer_at_all_is_an_error(failure: object) -> None:
    with pytest.raises((ApiError, ConnectionFailed)):
        await discover(Answers({"/api": failure, "/apis": failure}).connection)


async def test_where_all_discovery_is_forbidden_the_cluster_is_taken_for_a_plain_kubernetes() -> None:
    refused = ApiError(403, "forbidden")
    catalog = await discover(Answers({"/api": refused, "/apis": refused}).connection)
    assert catalog.resources == WELL_KNOWN.resources
    assert catalog.problems == ("/api: 403 forbidden", "/apis: 403 forbidden")


# What others write is read entry by entry


NULLS = {
    "verbs": None,
    "shortNames": None,
    "categories": None,
    "singularResource": None,
    "responseKind": None,
    "scope": None,
    "subresources": None,
}


@pytest.mark.parametrize("member", NULLS)
@pytest.mark.parametrize("odd", [None, 7, {}, [None], [7], "x"])
async def test_odd_member_of_an_entry_spoils_that_entry_at_most(member: str, odd: object) -> None:
    kubevirt = {"v1": [aggregated("VirtualMachine", "virtualmachines") | {member: odd}, HPA]}
    answers = {"/api": groups("v2", core={"v1": [POD]}), "/apis": groups("v2", kubevirt__io=kubevirt)}
    catalog = await discover(Answers(answers).connection)
    assert catalog.get("pods") is not None
    assert catalog.get("horizontalpodautoscalers.kubevirt.io") is not None
    machines = catalog.get("virtualmachines.kubevirt.io")
    if member == "verbs":
        assert machines is None
    elif member == "responseKind":
        assert machines is None
        # Null is how an aggregated API server says that it has only subresources of that name.
        assert (catalog.problems == ()) == (odd is None)
    else:
        assert machines is not None


@pytest.mark.parametrize("odd", [None, 7, {}, [None], [7], "x", [{}], [[]]])
@pytest.mark.parametrize("member", ["items", "versions", "resources"])
async def test_odd_member_of_aggregated_discovery_leaves_the_rest(member: str, odd: object) -> None:
    answer = groups("v2", apps={"v1": [aggregated("Deployment", "deployments")]}, odd={"v1": []})
    if member == "items":
        answer["items"] = odd
    elif member == "versions":
        answer["items"][1]["versions"] = odd
    else:
        answer["items"][1]["versions"] = [{"version": "v1", "resources": odd}]
    catalog = await discover(Answers({"/api": groups("v2", core={"v1": [POD]}), "/apis": answer}).connection)
    assert catalog.get("pods") is not None
    assert (catalog.get("deployments.apps") is not None) == (member != "items")


@pytest.mark.parametrize("odd", [None, 7, {}, [None], [7], "x", [{}], [[]]])
@pytest.mark.parametrize("member", ["groups", "versions", "resources", "verbs", "shortNames"])
async def test_odd_member_of_discovery_by_groups_leaves_the_rest(member: str, odd: object) -> None:
    answers: Json = copy.deepcopy({path: answer for path, answer in LEGACY.items() if "metrics" not in path})
    answers["/apis/autoscaling/v1"]["resources"].append(legacy_resource("Other", "others"))
    if member == "groups":
        answers["/apis"]["groups"] = odd
    elif member == "versions":
        answers["/apis"]["groups"][1]["versions"] = odd
    elif member == "resources":
        answers["/apis/autoscaling/v2beta1"]["resources"] = odd
    else:
        answers["/apis/autoscaling/v2beta1"]["resources"][0][member] = odd
    catalog = await discover(Answers(answers).connection)
    assert catalog.get("pods") is not None
    assert (catalog.get("others.autoscaling") is not None) == (member != "groups")


async def test_what_is_left_out_is_said() -> None:
    odd = groups(
        "v2",
        kubevirt__io={"v1": [aggregated("", "nameless"), aggregated("VM", "")], "v1beta1": []},
        fine={"v1": [HPA]},
    )
    catalog = await discover(Answers({"/api": groups("v2", core={"v1": [POD]}), "/apis": odd}).connection)
    assert catalog.problems == (
        "kubevirt.io/v1: a resource without a name or a kind is left out (nameless)",
        "kubevirt.io/v1: a resource without a name or a kind is left out",
        "kubevirt.io/v1beta1: its API server does not answer",
    )


# One by one


async def test_whether_a_resource_is_served() -> None:
    answers = Answers(LEGACY)
    pods = (await discover(answers.connection)).get("pods")
    assert pods is not None
    assert await is_served(answers.connection, pods)
    assert not await is_served(Answers({}).connection, pods)
    assert not await is_served(Answers({"/api/v1": legacy("v1")}).connection, pods)
    with pytest.raises(ApiError):
        await is_served(Answers({"/api/v1": ApiError(503, "x")}).connection, pods)


@pytest.mark.parametrize(
    ("major", "minor", "number"),
    [("1", "37", (1, 37)), ("1", "20+", (1, 20)), ("1", "", (1, 0)), ("", "x", (0, 0))],
)
async def test_server_version(major: str, minor: str, number: tuple[int, int]) -> None:
    version = {"major": major, "minor": minor, "gitVersion": "v1.x", "goVersion": "go1"}
    assert await server_version(Answers({"/version": version}).connection) == ("v1.x", number)


async def test_no_kubernetes_at_all() -> None:
    with pytest.raises(ConnectionFailed, match="/version is not answered"):
        await server_version(Answers({"/version": b"<html>"}).connection)


def test_equal_catalogs_share_their_index() -> None:
    assert Catalog([]).index is Catalog([]).index
