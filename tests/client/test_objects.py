"""Objects give attributes and items."""

import pytest

from app.client import Object

POD = {
    "kind": "Pod",
    "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web"}},
    "spec": {"containers": [{"name": "main", "ports": [{"containerPort": 80}]}]},
}


def test_fields_are_attributes_and_items_all_the_way_down() -> None:
    pod = Object(POD)
    assert pod.metadata.name == pod["metadata"]["name"] == "web"
    assert pod.metadata.labels["app.kubernetes.io/name"] == "web"
    assert pod.spec.containers[0].ports[0].containerPort == 80
    assert pod == POD


def test_what_is_changed_inside_is_changed() -> None:
    pod = Object({"metadata": {"labels": {}}, "spec": {"containers": [{"image": "a"}]}})
    pod.metadata.labels["a"] = "b"
    pod.spec.containers[0].image = "c"
    pod.spec.replicas = 3
    del pod.metadata.labels
    assert pod == {"metadata": {}, "spec": {"containers": [{"image": "c"}], "replicas": 3}}


def test_what_is_not_there_is_said_with_what_is() -> None:
    pod = Object(POD)
    with pytest.raises(AttributeError, match=r"Pod 'web' has no 'status'; it has kind, metadata, spec"):
        _ = pod.status
    with pytest.raises(AttributeError, match=r"no 'status'"):
        del pod.status
    with pytest.raises(KeyError):
        _ = pod["status"]
    assert pod.get("status") is None
    assert not hasattr(pod.metadata, "namespace")
