"""Waits that take seconds, made short for tests."""

import pytest

from app.fleet import cluster as fleet_cluster
from app.kube import listing, recovery, reflector
from app.simulator.apiserver import served_watches


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds in earnest takes milliseconds here."""
    monkeypatch.setattr(reflector, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(reflector, "RETRY_AT_MOST_SECONDS", 0.05)
    monkeypatch.setattr(recovery, "FORBIDDEN_SECONDS", 0.05)
    monkeypatch.setattr(recovery, "RETRY_AFTER_AT_MOST", 0.05)
    monkeypatch.setattr(listing, "CHECK_SECONDS", 0.3)
    monkeypatch.setattr(listing, "LIST_SECONDS", 0.5)
    monkeypatch.setattr(fleet_cluster, "RETRY_SECONDS", (0.01, 0.05))
    monkeypatch.setattr(fleet_cluster, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(fleet_cluster, "IDLE_SECONDS", 0.4)
    monkeypatch.setattr(reflector, "REPEAT_SECONDS", 0.2)
    monkeypatch.setattr(served_watches, "BOOKMARK_SECONDS", 0.1)
