"""How one object is told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.commands.object_description import describe_object

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def described(kind: str, events: list[dict[str, Any]] | None = None, **members: Any) -> list[str]:
    metadata = {"name": "one", "creationTimestamp": "2026-01-31T10:00:00Z", **members.pop("metadata", {})}
    found = {"cluster": "prod", "kind": kind, "apiVersion": "v1", "metadata": metadata, **members}
    return "".join(describe_object(found, events or [], NOW, colour=False)).splitlines()


def test_of_a_secret_only_the_keys() -> None:
    lines = described("Secret", type="Opaque", data={"password": "aHVzaA==", "user": ""})
    assert lines[lines.index("data:") :][:3] == [
        "data:",
        "  password: <not shown>",
        "  user: <not shown>",
    ]
    assert "aHVzaA==" not in "".join(lines)
    assert "type:         Opaque" in lines


def test_owners_ends_and_labels() -> None:
    metadata = {
        "namespace": "shop",
        "deletionTimestamp": "2026-01-31T11:59:00Z",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1"}],
        "finalizers": ["a/b", "c/d"],
    }
    assert described("Pod", metadata=metadata) == [
        "name:         one",
        "cluster:      prod",
        "namespace:    shop",
        "kind:         Pod (v1)",
        "created:      2026-01-31T10:00:00Z (120m ago)",
        "terminating:  since 2026-01-31T11:59:00Z (60s ago)",
        "owner:        ReplicaSet/web-1",
        "finalizers:   a/b",
        "              c/d",
        "labels:       <none>",
        "annotations:  <none>",
        "events:       <none>",
    ]


def test_fields_are_readable_and_no_terminal_obeys_them() -> None:
    lines = described("ConfigMap", data={"script": "one\ntwo\n", "on": "on", "bad": "\x1b[31m"})
    assert lines[lines.index("data:") :][:6] == [
        "data:",
        "  script: |",
        "    one",
        "    two",
        "  'on': 'on'",
        '  bad: "\\e[31m"',
    ]


def test_conditions_that_are_none_are_told_as_they_are() -> None:
    lines = described("Odd", status={"conditions": ["what", 3]})
    assert lines[lines.index("status:") :][:4] == ["status:", "  conditions:", "  - what", "  - 3"]


def test_events_count() -> None:
    event = {
        "type": "Warning",
        "reason": "BackOff",
        "message": "again\nand again",
        "count": 5,
        "firstTimestamp": "2026-01-31T11:00:00Z",
        "lastTimestamp": "2026-01-31T11:59:30Z",
        "source": {"component": "kubelet"},
    }
    assert described("Pod", [event])[-3:] == [
        "events:",
        "  TYPE      REASON    AGE                 FROM      MESSAGE",
        "  Warning   BackOff   30s (x5 over 60m)   kubelet   again and again",
    ]


@pytest.mark.parametrize("odd", [None, 5, True, "text", [], ["a"], {}, {"a": {"b": 1}}, [[{"kind": 1}]]])
def test_objects_of_odd_shape_are_told_whole(odd: Any) -> None:
    metadata = dict.fromkeys(
        ("annotations", "ownerReferences", "finalizers", "creationTimestamp", "deletionTimestamp"), odd
    )
    event = dict.fromkeys(("series", "count", "source", "lastTimestamp", "firstTimestamp", "message"), odd)
    for status in (
        odd,
        {"conditions": odd},
        {"conditions": [{"type": "Ready", "status": odd, "message": odd}]},
    ):
        lines = described("Pod", [event], metadata=metadata, spec=odd, status=status)
        assert lines[0] == "name:         one"
        assert "events:" in lines


def test_odd_values_are_told_as_json() -> None:
    lines = described(
        "Pod", metadata={"annotations": ["a"], "ownerReferences": "me", "finalizers": [1, {"b": True}]}
    )
    assert {'annotations:  ["a"]', "owner:        me", "finalizers:   1", '              {"b":true}'} <= {
        *lines
    }
