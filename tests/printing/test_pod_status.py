"""What kubectl says of pods. `test_against_server` holds the same pods to a real kube-apiserver."""

from datetime import UTC, datetime

import pytest

from app.cache.pod_status import pod_status
from tests.printing.pods import Case, cases, pod_of

NOW = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("case", cases(NOW), ids=lambda case: case.name)
def test_ready_status_and_restarts(case: Case) -> None:
    status = pod_status(pod_of(case))

    shown = (f"{status.ready}/{status.containers}", status.reason, status.restarts_text(NOW))
    assert shown == (case.ready, case.reason, case.restarts)


@pytest.mark.parametrize(
    "status", [{}, None, [], "text", {"containerStatuses": "none", "conditions": [None, 3]}]
)
def test_a_pod_without_a_usable_status_has_none(status: object) -> None:
    shown = pod_status({"metadata": None, "spec": {"containers": [{}]}, "status": status})

    assert (shown.reason, shown.ready, shown.containers, shown.restarts_text(NOW)) == ("", 0, 1, "0")
