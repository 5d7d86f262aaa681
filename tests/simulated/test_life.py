"""What a simulated cluster does by itself. Time is advanced by hand, so every run is the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from app.simulator.apiserver.object_storage import Storage
from app.simulator.life.cluster_life import ClusterLife
from app.simulator.life.incidents import IncidentIntervals
from app.simulator.life.job_controllers import is_due
from app.simulator.life.timeline import Timeline
from app.simulator.seed.base_objects import make_namespace
from app.simulator.seed.cluster_seed import ClusterPlan, cluster_objects
from app.simulator.seed.kubelet_status import is_ready
from app.simulator.seed.object_factory import Obj, controller_of
from app.simulator.seed.workload_status import rolling_bounds

NOW = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)


def _cluster(
    *, troubled: bool = False, incidents: IncidentIntervals | None = None, seed: int = 0, events: int = 400
) -> ClusterLife:
    store = Storage(seed)
    store.plant(cluster_objects(ClusterPlan(seed=seed, troubled=troubled), NOW))
    return ClusterLife(store, seed=seed, incidents=incidents, begin=NOW, events=events)


def _get(life: ClusterLife, kind: str, namespace: str, name: str) -> Obj:
    found = life.world.get(kind, namespace, name)
    assert found is not None, f"{kind} {namespace}/{name} is gone"
    return found


def _pods(life: ClusterLife, namespace: str, app: str) -> list[Obj]:
    return [
        pod for pod in life.world.all("Pod", namespace) if pod["metadata"].get("labels", {}).get("app") == app
    ]


def _restart(life: ClusterLife, kind: str, namespace: str, name: str) -> None:
    """As kubectl rollout restart does it."""

    def annotate(workload: Obj) -> None:
        notes = workload["spec"]["template"]["metadata"].setdefault("annotations", {})
        notes["kubectl.kubernetes.io/restartedAt"] = "2026-03-01T12:00:30Z"

    assert life.world.change(_get(life, kind, namespace, name), annotate)


def _history(life: ClusterLife) -> list[tuple[str, str, str]]:
    """From now on: what changes, in order."""
    told: list[tuple[str, str, str]] = []

    def note(old: Obj | None, new: Obj | None) -> None:
        obj = new or old
        assert obj is not None
        kind = "ADDED" if old is None else "DELETED" if new is None else "MODIFIED"
        told.append((kind, obj["kind"], obj["metadata"]["name"]))

    life.world.follow_all(note)
    return told


def test_a_seeded_cluster_is_at_rest() -> None:
    life = _cluster()
    told = _history(life)
    life.advance(30)
    assert told == []


def test_a_rollout_stays_in_its_bounds_and_ends_consistent() -> None:
    life = _cluster()
    before = {pod["metadata"]["uid"] for pod in _pods(life, "shop", "storefront")}
    _restart(life, "Deployment", "shop", "storefront")
    deployment = _get(life, "Deployment", "shop", "storefront")
    surge, unavailable = rolling_bounds(deployment)
    seen_surge = False
    for _ in range(600):
        life.advance(0.1)
        pods = [
            pod for pod in _pods(life, "shop", "storefront") if "deletionTimestamp" not in pod["metadata"]
        ]
        seen_surge = seen_surge or len(pods) > 4
        assert len(pods) <= 4 + surge
        assert sum(is_ready(pod) for pod in pods) >= 4 - unavailable
    assert seen_surge
    deployment = _get(life, "Deployment", "shop", "storefront")
    counts = {name: value for name, value in deployment["status"].items() if name != "conditions"}
    assert counts == {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": 4,
        "updatedReplicas": 4,
        "readyReplicas": 4,
        "availableReplicas": 4,
    }
    assert deployment["status"]["conditions"][1]["reason"] == "NewReplicaSetAvailable"
    pods = _pods(life, "shop", "storefront")
    assert len(pods) == 4
    assert not before & {pod["metadata"]["uid"] for pod in pods}
    newest = [each for each in life.world.owned(deployment, "ReplicaSet") if each["spec"]["replicas"]]
    assert [(each["status"]["readyReplicas"]) for each in newest] == [4]
    revision = "deployment.kubernetes.io/revision"
    assert deployment["metadata"]["annotations"][revision] == newest[0]["metadata"]["annotations"][revision]


def test_going_back_to_an_old_template_takes_its_old_replica_set_again() -> None:
    life = _cluster()
    original = _get(life, "Deployment", "shop", "cart")["spec"]["template"]
    names = {each["metadata"]["name"] for each in life.world.all("ReplicaSet", "shop")}
    _restart(life, "Deployment", "shop", "cart")
    life.advance(60)
    made = {each["metadata"]["name"] for each in life.world.all("ReplicaSet", "shop")} - names
    assert len(made) == 1
    cart = _get(life, "Deployment", "shop", "cart")
    life.world.change(cart, lambda each: each["spec"].update(template=original))
    life.advance(60)
    assert {each["metadata"]["name"] for each in life.world.all("ReplicaSet", "shop")} == names | made
    images = {(controller_of(pod) or {})["name"] for pod in _pods(life, "shop", "cart")}
    assert len(images) == 1
    assert not images & made


@pytest.mark.parametrize("wanted", [0, 1, 9])
def test_scaling_makes_and_ends_pods(wanted: int) -> None:
    life = _cluster()
    cart = _get(life, "Deployment", "shop", "cart")
    life.world.change(cart, lambda each: each["spec"].update(replicas=wanted))
    life.advance(40)
    pods = _pods(life, "shop", "cart")
    assert len(pods) == wanted
    assert all(is_ready(pod) for pod in pods)
    assert _get(life, "Deployment", "shop", "cart")["status"].get("availableReplicas", 0) == wanted
    (slice_,) = life.world.owned(_get(life, "Service", "shop", "cart"), "EndpointSlice")
    assert len(slice_["endpoints"]) == wanted


def test_a_deleted_pod_terminates_and_is_replaced() -> None:
    life = _cluster()
    victim = _pods(life, "shop", "cart")[0]
    name = victim["metadata"]["name"]
    life.world.delete(victim)
    life.advance(0.2)
    assert "deletionTimestamp" in _get(life, "Pod", "shop", name)["metadata"]
    assert len(_pods(life, "shop", "cart")) == 4
    life.advance(30)
    assert life.world.get("Pod", "shop", name) is None
    assert [is_ready(pod) for pod in _pods(life, "shop", "cart")] == [True] * 3


def test_a_stateful_set_rolls_from_the_last_to_the_first_one_at_a_time() -> None:
    life = _cluster()
    told = _history(life)
    _restart(life, "StatefulSet", "shop", "catalog-db")
    for _ in range(900):
        life.advance(0.1)
        assert sum(is_ready(pod) for pod in _pods(life, "shop", "catalog-db")) >= 2
    made = [name for kind, what, name in told if (kind, what) == ("ADDED", "Pod")]
    assert made == ["catalog-db-2", "catalog-db-1", "catalog-db-0"]
    status = _get(life, "StatefulSet", "shop", "catalog-db")["status"]
    assert status["currentRevision"] == status["updateRevision"]
    assert (status["readyReplicas"], status["updatedReplicas"], status["currentReplicas"]) == (3, 3, 3)


def test_a_daemon_set_runs_on_every_node_and_rolls() -> None:
    life = _cluster()
    _restart(life, "DaemonSet", "kube-system", "cilium")
    life.advance(180)
    nodes = {node["metadata"]["name"] for node in life.world.all("Node")}
    pods = _pods(life, "kube-system", "cilium")
    assert {pod["spec"]["nodeName"] for pod in pods} == nodes
    assert len(pods) == len(nodes)
    status = _get(life, "DaemonSet", "kube-system", "cilium")["status"]
    assert status["updatedNumberScheduled"] == status["numberReady"] == len(nodes)


def test_a_cron_job_starts_a_job_that_completes() -> None:
    life = _cluster()
    known = {job["metadata"]["name"] for job in life.world.all("Job", "payments")}
    life.advance(5 * 60 + 60)
    new = [job for job in life.world.all("Job", "payments") if job["metadata"]["name"] not in known]
    assert len(new) == 1
    assert new[0]["status"]["succeeded"] == 1
    assert new[0]["status"]["conditions"][0]["type"] == "Complete"
    (pod,) = life.world.owned(new[0], "Pod")
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    life.advance(3600)
    assert len(life.world.owned(_get(life, "CronJob", "payments", "reconcile"), "Job")) <= 4


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("* * * * *", True),
        ("0 12 * * *", True),
        ("*/7 * * * *", True),
        ("5/5 * * * *", False),
        ("1-59 * * * *", False),
        ("0 10-14 1,15 3 0", True),
        ("0 12 * * 1", False),
        ("nonsense", False),
        ("*/0 * * * *", False),
    ],
)
def test_schedules_are_read_as_cron_reads_them(schedule: str, due: bool) -> None:
    assert is_due(schedule, NOW) is due


def test_a_crash_loop_crashes_backs_off_and_comes_back() -> None:
    life = _cluster(troubled=True)
    pod = _pods(life, "payments", "payout-worker")[0]
    name = pod["metadata"]["name"]
    before = pod["status"]["containerStatuses"][0]["restartCount"]
    seen: Counter[str] = Counter()
    for _ in range(900):
        life.advance(1)
        (status,) = _get(life, "Pod", "payments", name)["status"]["containerStatuses"]
        seen[status["state"].get("waiting", {}).get("reason", "Running")] += 1
        if status["state"].get("waiting"):
            assert status["lastState"]["terminated"]["exitCode"] == 1
    assert set(seen) == {"CrashLoopBackOff", "Running"}
    assert status["restartCount"] >= before + 2


def test_a_missing_image_holds_up_its_rollout_and_nothing_else() -> None:
    life = _cluster(troubled=True)
    reasons: set[str] = set()
    for _ in range(60):
        life.advance(5)
        (waiting,) = [pod for pod in _pods(life, "shop", "reviews") if not is_ready(pod)]
        reasons.add(waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"])
    assert reasons == {"ErrImagePull", "ImagePullBackOff"}
    status = _get(life, "Deployment", "shop", "reviews")["status"]
    assert status["availableReplicas"] == 2
    assert status["conditions"][1]["reason"] == "ProgressDeadlineExceeded"


def test_the_pods_of_a_lost_node_are_not_ready_until_it_returns() -> None:
    life = _cluster()
    node = next(node for node in life.world.all("Node") if not node["spec"].get("taints"))
    name = node["metadata"]["name"]

    def ready_there() -> int:
        return sum(is_ready(pod) for pod in life.world.all("Pod") if pod["spec"].get("nodeName") == name)

    before = ready_there()
    assert before > 5
    life.incidents.lose(node, outage=45)
    life.advance(10)
    ready = _get(life, "Node", "", name)["status"]["conditions"][-1]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "Unknown", "NodeStatusUnknown")
    assert ready_there() == 0
    life.advance(60)
    back = _get(life, "Node", "", name)
    assert back["status"]["conditions"][-1]["status"] == "True"
    assert "taints" not in back["spec"]
    assert ready_there() == before
    unready = [each for each in life.world.all("Deployment") if "unavailableReplicas" in each["status"]]
    assert unready == []


def test_what_an_owner_made_goes_with_it() -> None:
    life = _cluster()
    life.world.delete(_get(life, "Deployment", "shop", "cart"))
    life.advance(20)
    assert _pods(life, "shop", "cart") == []
    left = [each["metadata"]["name"] for each in life.world.all("ReplicaSet", "shop")]
    assert not [name for name in left if name.startswith("cart-")]


def test_an_owner_deleted_in_the_foreground_stays_until_what_it_made_is_gone() -> None:
    life = _cluster()
    told = _history(life)
    _delete_held_by(life, "foregroundDeletion")
    life.advance(20)
    gone = [(what, name) for kind, what, name in told if kind == "DELETED" and what != "Event"]
    assert [what for what, _ in gone if what == "Pod"] == ["Pod"] * 3
    assert gone[-1] == ("Deployment", "cart")


def test_what_an_orphaning_owner_made_stays_and_is_free() -> None:
    life = _cluster()
    before = {pod["metadata"]["uid"] for pod in _pods(life, "shop", "cart")}
    _delete_held_by(life, "orphan")
    life.advance(20)
    assert life.world.get("Deployment", "shop", "cart") is None
    assert {pod["metadata"]["uid"] for pod in _pods(life, "shop", "cart")} == before
    sets = [
        each for each in life.world.all("ReplicaSet", "shop") if each["metadata"]["name"].startswith("cart-")
    ]
    assert sets
    assert all(controller_of(each) is None for each in sets)


def _delete_held_by(life: ClusterLife, finalizer: str) -> None:
    """As the API server does for a propagationPolicy."""
    cart = _get(life, "Deployment", "shop", "cart")
    life.world.change(cart, lambda each: each["metadata"].update(finalizers=[finalizer]))
    life.world.delete(cart)


def test_namespaces_get_what_all_have_and_take_what_they_hold_with_them() -> None:
    life = _cluster()
    life.world.create(make_namespace(life.world.factory, "new", "2026-03-01T12:00:20Z"))
    life.advance(1)
    _get(life, "ServiceAccount", "new", "default")
    _get(life, "ConfigMap", "new", "kube-root-ca.crt")
    life.world.delete(_get(life, "Namespace", "", "shop"))
    life.advance(60)
    assert life.world.get("Namespace", "", "shop") is None
    assert life.world.inside("shop") == []


def test_events_are_bounded_in_number_and_in_time() -> None:
    life = _cluster(incidents=IncidentIntervals(release=5, scale=5, eviction=5), troubled=True, events=60)
    for _ in range(30):
        life.advance(20)
        assert len(life.world.all("Event")) <= 60
    assert len(life.world.all("Event")) == 60
    quiet = _cluster()
    quiet.world.delete(_pods(quiet, "shop", "cart")[0])
    quiet.advance(30)
    told = [each for each in quiet.world.all("Event", "shop") if each["reason"] == "Killing"]
    assert len(told) == 1
    quiet.advance(3700)
    known = {each["metadata"]["uid"] for each in quiet.world.all("Event")}
    assert told[0]["metadata"]["uid"] not in known


def _life_of(seed: int) -> list[tuple[str, str, str]]:
    life = _cluster(incidents=IncidentIntervals(), troubled=True, seed=seed)
    told = _history(life)
    life.advance(600)
    return told


def test_a_seed_repeats_its_history_and_another_has_another() -> None:
    first = _life_of(1)
    assert len(first) > 300
    assert {kind for kind, _, _ in first} == {"ADDED", "MODIFIED", "DELETED"}
    assert _life_of(1) == first
    assert _life_of(2) != first


async def test_started_it_follows_real_time() -> None:
    life = _cluster()
    life.start()
    try:
        rolled = asyncio.Event()
        life.world.follow(
            "Pod", lambda _, new: rolled.set() if new and "deletionTimestamp" in new["metadata"] else None
        )
        life.world.delete(_pods(life, "shop", "cart")[0])
        await asyncio.wait_for(rolled.wait(), 20)
    finally:
        life.stop()


def test_a_timeline_does_things_in_order_and_each_once() -> None:
    line = Timeline(NOW)
    done: list[str] = []
    line.after(2, lambda: done.append("second"))
    line.after(1, lambda: line.after(0.5, lambda: done.append("first")))
    line.after(2, lambda: done.append("third"))
    line.advance(1.9)
    assert done == ["first"]
    line.advance(5)
    assert done == ["first", "second", "third"]
    assert line.now() == NOW + timedelta(seconds=6.9)


def test_what_a_user_writes_without_defaults_runs_as_well() -> None:
    life = _cluster()
    spec = {"containers": [{"name": "web", "image": "nginx"}]}
    store = life.world.store
    place = {"namespace": "default"}
    store.create({"apiVersion": "v1", "kind": "Pod", "metadata": {**place, "name": "bare"}, "spec": spec})
    labels = {"app": "web"}
    store.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**place, "name": "web"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }
    )
    store.create(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {**place, "name": "once"},
            "spec": {"template": {"spec": {**spec, "restartPolicy": "Never"}}},
        }
    )
    life.advance(60)
    assert is_ready(_get(life, "Pod", "default", "bare"))
    assert [is_ready(pod) for pod in _pods(life, "default", "web")] == [True]
    assert _get(life, "Deployment", "default", "web")["status"]["observedGeneration"] == 1
    assert _get(life, "Job", "default", "once")["status"]["succeeded"] == 1
