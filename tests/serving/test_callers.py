"""What a caller may use narrows what it asks for."""

import pytest

from app.api.door.callers import LOCAL
from app.api.http.problem import Problem
from app.api.http.request_selection import selecting
from app.fleet.selection import Scope


def test_without_limits_what_is_asked_for_is_given() -> None:
    assert LOCAL.scope.permitted_clusters(None) is None
    assert LOCAL.scope.permitted_namespaces(["a"]) == ["a"]


def test_all_means_all_that_is_permitted() -> None:
    assert Scope(clusters=frozenset({"prod"})).permitted_clusters(None) == {"prod"}


def test_only_what_is_permitted_is_given_and_nothing_is_refused() -> None:
    scope = Scope(namespaces=frozenset({"a", "b"}))
    assert scope.permitted_namespaces(["b", "c"]) == {"b"}
    with pytest.raises(Problem, match="you may see a, b") as caught, selecting():
        scope.permitted_namespaces(["c"])
    assert caught.value.status == 403
