"""Columns and routes agree with asking every object, and every follower, on its own."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from app.cache.changelog import Change
from app.cache.objects import CachedObject
from app.cache.path_columns import COLUMNS
from app.cache.query.object_paths import Path
from app.cache.query.queries import Query
from app.cache.store import Store
from tests.querying.objects import cached

SELECTORS: list[dict[str, Any]] = [
    {},
    {"label_selector": "app=a"},
    {"label_selector": "app in (a,b),tier!=x"},
    {"label_selector": "app!=a"},
    {"label_selector": "!app"},
    {"label_selector": "app="},
    {"namespaces": ["one"]},
    {"namespaces": ["one", "two"], "label_selector": "tier=x"},
    {"field_selector": "status.phase=Running"},
    {"field_selector": "status.phase="},
    {"field_selector": "status.phase==3"},
    {"field_selector": "status.phase!=Running"},
    {"field_selector": "metadata.name=n1"},
    {"field_selector": "status.all[*]=b"},
    {"field_selector": "status.all[*]=b,status.phase~R", "namespaces": ["two"]},
    {"field_selector": "cluster=c"},
    {"field_selector": "cluster=c,status.phase=Running"},
]
PHASES = ["Running", "Pending", 3, None, {"a": 1}, ["Running"], "x" * 500]
ALL = [[], ["a"], ["a", "b"], ["b"] * 20, "b", {"k": "b"}, None]


class Follower:
    """Counts what it is told, and what of it matters."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.told = 0
        self.seen: list[Change] = []

    def matters(self, change: Change) -> bool:
        states = (change.old, change.new)
        return any(state is not None and self.query.matches(state, "c") for state in states)

    def changed(self, store: Store, changes: Sequence[Change]) -> None:
        self.told += len(changes)
        self.seen += filter(self.matters, changes)

    def replaced(self, store: Store) -> None:
        raise AssertionError

    def missed(self, store: Store) -> None:
        raise AssertionError


class Everything(Follower):
    def matters(self, change: Change) -> bool:
        return True


def random_object(rng: random.Random, store: Store, version: int) -> CachedObject:
    labels = {"app": rng.choice("abc"), "tier": rng.choice("xy")}
    metadata = {
        "namespace": rng.choice(["one", "two", "three"]),
        "name": f"n{rng.randrange(6)}",
        "labels": {label: value for label, value in labels.items() if rng.random() < 0.7},
    }
    status = {"phase": rng.choice(PHASES), "all": rng.choice(ALL)}
    return cached(store, {"metadata": metadata, "status": status}, version)


def change(store: Store, rng: random.Random) -> None:
    found = random_object(rng, store, store.version + 1)
    if rng.random() < 0.3:
        store.delete(found.key, "", store.version + 1)
    else:
        store.apply(found)


def follow(store: Store, selector: dict[str, str]) -> Follower:
    follower = Follower(Query.parse(**selector))
    store.routes.add(follower, follower.query.labels, follower.query.fields, follower.query.namespaces)
    return follower


@pytest.mark.parametrize("seed", range(20))
def test_every_follower_is_told_what_matters_to_it(seed: int) -> None:
    rng = random.Random(seed)
    store, all_ = Store("c", "pods"), Everything(Query.parse())
    store.replace([], 1)
    store.listeners.append(all_)
    followers = [follow(store, selector) for selector in SELECTORS]
    for _ in range(300):
        change(store, rng)
    for follower in followers:
        assert follower.seen == [*filter(follower.matters, all_.seen)]
    asked = [follower for follower in followers if follower.query.labels and follower.told < all_.told]
    assert asked, "nobody is spared anything"


def test_who_has_left_is_told_nothing() -> None:
    rng, store = random.Random(1), Store("c", "pods")
    store.replace([], 1)
    followers = [follow(store, selector) for selector in SELECTORS]
    for follower in followers[::2]:
        store.routes.remove(follower)
    for _ in range(100):
        change(store, rng)
    assert [follower.told > 0 for follower in followers[1::2]].count(True) == len(followers[1::2])
    assert not any(follower.told for follower in followers[::2])
    for follower in followers[1::2]:
        store.routes.remove(follower)
    assert [*store.routes] == []


def test_a_change_is_not_shown_to_those_who_ask_for_other_labels_or_values() -> None:
    store = Store("c", "pods")
    store.replace([], 1)
    labelled = [follow(store, {"label_selector": f"app=a{number}"}) for number in range(1000)]
    valued = [follow(store, {"field_selector": f"status.phase=p{number}"}) for number in range(1000)]
    store.apply(cached(store, {"metadata": {"labels": {"app": "a3"}}, "status": {"phase": "p7"}}, 2))
    assert [number for number, each in enumerate(labelled) if each.told] == [3]
    assert [number for number, each in enumerate(valued) if each.told] == [7]


@pytest.mark.parametrize("path", ["status.phase", "status.all[*]", "metadata.name", "status"])
@pytest.mark.parametrize("seed", range(5))
def test_a_column_knows_what_the_objects_say(path: str, seed: int) -> None:
    rng, store = random.Random(seed), Store("c", "pods")
    store.replace([], 1)
    column = store.column(Path.parse(path))
    assert column is not None
    for step in range(300):
        change(store, rng)
        if step % 7 == 0:
            for _ in column.complete():
                if rng.random() < 0.1:
                    change(store, rng)
            for text in ("Running", "", "3", "b", "n1"):
                query = Query.parse(field_selector=f"{path}={text}")
                expected = {each.key for each in store.select() if query.matches(each, "c")}
                assert expected <= column.equal(text)
                matches = query.fields.matcher("c", store.column) if query.fields else None
                assert matches is not None
                assert {each.key for each in store.select() if matches(each)} == expected


def test_a_column_that_is_not_kept_any_more_lies_about_nothing() -> None:
    store = Store("c", "pods")
    store.replace([cached(store, {"status": {"phase": "old"}}, 1)], 1)
    column = store.column(Path.parse("status.phase"))
    assert column is not None
    assert [column.value(each) for each in store.select()] == ["old"]
    store.clear()
    store.replace([cached(store, {"status": {"phase": "new"}}, 2)], 2)
    store.apply(cached(store, {"status": {"phase": "newer"}}, 3))
    assert [column.value(each) for each in store.select()] == ["newer"]


def test_a_store_has_a_bounded_number_of_columns() -> None:
    store = Store("c", "pods")
    columns = [store.column(Path.parse(f"status.a{number}")) for number in range(COLUMNS + 5)]
    assert columns.count(None) == 5
    store.replace([cached(store, {"status": {"a1": 1, f"a{COLUMNS + 1}": 2}}, 1)], 1)
    for number, value in ((1, 1), (COLUMNS + 1, 2)):
        query = Query.parse(field_selector=f"status.a{number}={value}")
        assert query.fields is not None
        matches = query.fields.matcher("c", store.column)
        assert [matches(each) for each in store.select()] == [True]
