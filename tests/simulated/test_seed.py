"""A seeded cluster is what a real one would hold, and the same for the same number."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson

from app.simulator.seed.cluster_seed import ClusterPlan, cluster_objects
from app.simulator.seed.kubelet_status import is_ready
from app.simulator.seed.log_text import LogLine, log_lines
from app.simulator.seed.object_factory import Obj, controller_of, moment

NOW = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)


def _of(objects: list[Obj], kind: str) -> list[Obj]:
    return [each for each in objects if each["kind"] == kind]


def _named(objects: list[Obj], kind: str, name: str) -> Obj:
    return next(each for each in _of(objects, kind) if each["metadata"]["name"] == name)


def test_a_seed_repeats_its_cluster_and_another_makes_another() -> None:
    first, again = (orjson.dumps(cluster_objects(ClusterPlan(seed=3), NOW)) for _ in range(2))
    assert first == again
    assert orjson.dumps(cluster_objects(ClusterPlan(seed=4), NOW)) != first


def test_every_kind_of_a_real_cluster_is_there() -> None:
    kinds = Counter(each["kind"] for each in cluster_objects(ClusterPlan(), NOW))
    expected = (
        "Namespace Node Lease ServiceAccount ConfigMap Secret Pod Deployment ReplicaSet StatefulSet "
        "DaemonSet Job CronJob Service EndpointSlice Ingress PersistentVolume PersistentVolumeClaim Event "
        "CustomResourceDefinition Certificate ClusterIssuer"
    )
    assert set(expected.split()) == set(kinds)
    assert kinds["ReplicaSet"] > kinds["Deployment"], "old revisions are kept"


def test_pods_are_as_large_as_real_ones() -> None:
    sizes = [len(orjson.dumps(pod)) for pod in _of(cluster_objects(ClusterPlan(), NOW), "Pod")]
    assert min(sizes) > 4000
    assert 5000 < sum(sizes) / len(sizes) < 7500


def test_names_and_uids_are_unique_and_all_was_made_in_the_past() -> None:
    objects = cluster_objects(ClusterPlan(nodes=9, scale=3), NOW)
    places = Counter(
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects
    )
    assert places.most_common(1)[0][1] == 1
    assert len({each["metadata"]["uid"] for each in objects}) == len(objects)
    assert all(moment(each["metadata"]["creationTimestamp"]) <= NOW for each in objects)
    addresses = Counter(
        pod["status"]["podIP"]
        for pod in _of(objects, "Pod")
        if "podIP" in pod["status"]
        and not pod["spec"].get("hostNetwork")
        and pod["status"]["phase"] == "Running"
    )
    assert addresses.most_common(1)[0][1] == 1


def test_every_owner_exists_and_was_told_of_before_what_it_owns() -> None:
    seen: dict[str, Obj] = {}
    for each in cluster_objects(ClusterPlan(), NOW):
        owner = controller_of(each)
        if owner is not None:
            assert seen[owner["uid"]]["metadata"]["name"] == owner["name"]
            assert seen[owner["uid"]]["kind"] == owner["kind"]
        seen[each["metadata"]["uid"]] = each


def test_the_status_of_a_workload_counts_its_pods() -> None:
    objects = cluster_objects(ClusterPlan(), NOW)
    ready = Counter((controller_of(pod) or {}).get("uid") for pod in _of(objects, "Pod") if is_ready(pod))
    for replica_set in _of(objects, "ReplicaSet"):
        assert replica_set["status"].get("readyReplicas", 0) == ready[replica_set["metadata"]["uid"]]
    for deployment in _of(objects, "Deployment"):
        own = [
            each
            for each in _of(objects, "ReplicaSet")
            if (controller_of(each) or {}).get("uid") == deployment["metadata"]["uid"]
        ]
        counted = sum(ready[each["metadata"]["uid"]] for each in own)
        assert deployment["status"].get("readyReplicas", 0) == counted


def test_trouble_is_seeded_where_it_is_asked_for_and_nowhere_else() -> None:
    def reasons(troubled: bool) -> set[str]:
        return {
            status["state"]["waiting"]["reason"]
            for pod in _of(cluster_objects(ClusterPlan(troubled=troubled), NOW), "Pod")
            for status in pod["status"]["containerStatuses"]
            if "waiting" in status["state"]
        }

    assert reasons(True) == {"CrashLoopBackOff", "ImagePullBackOff"}
    assert reasons(False) == set()
    hanging = _named(cluster_objects(ClusterPlan(), NOW), "Deployment", "reviews")
    assert hanging["status"]["conditions"][1]["reason"] == "ProgressDeadlineExceeded"


def _texts(lines: list[LogLine] | None) -> list[str]:
    assert lines is not None
    return [line.text for line in lines]


def test_logs_are_a_function_of_the_pod_and_the_time() -> None:
    pod = next(
        pod
        for pod in _of(cluster_objects(ClusterPlan(), NOW), "Pod")
        if pod["metadata"]["name"].startswith("cart-")
    )
    lines = log_lines(pod, now=NOW)
    assert lines is not None
    assert lines == log_lines(pod, "cart", now=NOW)
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert _texts(log_lines(pod, now=NOW, tail=7)) == _texts(lines)[-7:]
    assert log_lines(pod, "no-such-container", now=NOW) is None
    assert log_lines(pod, now=NOW, previous=True) is None


def test_a_log_followed_in_steps_is_the_log_read_at_once() -> None:
    pod = next(
        pod
        for pod in _of(cluster_objects(ClusterPlan(), NOW), "Pod")
        if pod["metadata"]["name"].startswith("cart-")
    )
    known = log_lines(pod, now=NOW)
    assert known
    followed = list(known)
    for second in range(1, 40):
        followed += log_lines(pod, now=NOW + timedelta(seconds=second), since=followed[-1].at) or []
    whole = log_lines(pod, now=NOW + timedelta(seconds=39), since=known[0].at)
    assert whole is not None
    assert followed[1:][-len(whole) :] == whole
    assert len(followed) > len(known)


def test_a_crashed_container_left_its_last_words() -> None:
    pod = next(
        pod
        for pod in _of(cluster_objects(ClusterPlan(), NOW), "Pod")
        if pod["metadata"]["name"].startswith("payout-worker-")
    )
    assert any(text.startswith("panic:") for text in _texts(log_lines(pod, now=NOW)))
    assert _texts(log_lines(pod, now=NOW, previous=True)) == _texts(log_lines(pod, now=NOW))
