"""What a watch has told, and what of it is news."""

from typing import Any

from app.client import Event
from app.client.kube_object import Object
from app.commands.get_watch import WatchedObjects


def told(known: WatchedObjects, *events: Event) -> list[tuple[str, str]]:
    """What is to be shown of events: its type and the name."""
    return [(each.type, each.object["metadata"]["name"]) for event in events for each in known.take(event)]


def changed(name: str, version: int, cluster: str = "prod") -> Event:
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": f"uid of {name}",
        "resourceVersion": str(version),
    }
    found: dict[str, Any] = {"cluster": cluster, "kind": "Pod", "apiVersion": "v1", "metadata": metadata}
    return Event("MODIFIED", "", cluster=cluster, namespace="default", name=name, object=Object(found))


def gone(name: str, cluster: str = "prod") -> Event:
    return Event("DELETED", "", cluster=cluster, namespace="default", name=name, object=Object())


def test_the_first_time_is_added_the_same_version_is_no_news() -> None:
    known = WatchedObjects()
    events = changed("a", 1), changed("a", 1), changed("a", 2), gone("a"), gone("a")
    assert told(known, *events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert not known.objects


def test_after_a_reset_only_what_differs_is_news() -> None:
    known = WatchedObjects()
    told(known, changed("same", 1), changed("changed", 1), changed("gone", 1))

    assert told(known, Event("RESET", "")) == []
    assert {at[2] for at in known.objects} == {"same", "changed", "gone"}
    assert told(known, changed("same", 1), changed("changed", 2)) == [("MODIFIED", "changed")]
    assert told(known, Event("SYNCED", "")) == [("DELETED", "gone")]
    assert {at[2] for at in known.objects} == {"same", "changed"}


def test_what_a_cluster_has_is_forgotten_at_once() -> None:
    known = WatchedObjects()
    told(known, changed("same", 1), changed("gone", 1), changed("other", 1, "edge"))

    assert told(known, Event("RESET", "", cluster="prod")) == []
    assert {at[2] for at in known.objects} == {"other"}
    assert told(known, changed("same", 1)) == []
    assert {at[2] for at in known.objects} == {"same", "other"}
    assert told(known, Event("CLUSTER", "", cluster="edge", state="removed")) == []
    assert told(known, Event("CLUSTER", "", cluster="prod", state="synced")) == []
    assert told(known, Event("CLUSTER", "", cluster="prod", state="forbidden")) == [("DELETED", "gone")]
    assert {at[2] for at in known.objects} == {"same", "other"}


def test_only_the_names_that_are_asked_for() -> None:
    known = WatchedObjects(frozenset({"a"}))
    assert told(known, changed("a", 1), changed("b", 1), gone("b")) == [("ADDED", "a")]


def test_clusters_that_are_not_synced() -> None:
    known = WatchedObjects()
    states = ({"name": "prod", "state": "synced"}, {"name": "edge", "state": "stale", "error": "lost"})
    known.hear(Event("SYNCED", "", clusters=tuple(map(Object, states))))
    assert known.troubles() == ["edge is stale: lost"]
    assert known.hear(Event("CLUSTER", "", cluster="prod", state="unreachable", error="refused")) == (
        "prod is unreachable: refused"
    )
    assert known.hear(Event("CLUSTER", "", cluster="edge", state="synced")) == ""
    assert known.troubles() == ["prod is unreachable: refused"]
