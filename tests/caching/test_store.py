"""A store equals what it was told, its indexes agree with it, and its changes retell it."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.changelog import Deleted
from app.cache.clock import CLOCK
from app.cache.objects import CachedObject, key_of
from app.cache.query.label_selectors import LabelSelector
from app.cache.store import Change, Store

NAMESPACES = ["a", "a-b", "b"]
NAMES = ["x", "y", "z-1"]
LABELS: list[dict[str, str]] = [{}, {"app": "web"}, {"app": "web", "tier": "1"}, {"app": "db", "tier": "2"}]
SELECTORS = ["app=web", "app in (web,db),tier!=1", "!tier", "tier", "app notin (web)", "tier=1,app=web"]


def make(
    store: Store, namespace: str, name: str, version: int, labels: dict[str, str], uid: str = ""
) -> CachedObject:
    metadata = {"namespace": namespace, "name": name, "labels": labels, "v": version}
    tail = orjson.dumps({"metadata": metadata})[1:]
    raw = orjson.dumps(labels) if labels else b""
    key = key_of(namespace, name)
    return CachedObject(key, uid or f"{namespace}/{name}", version, store.labels(raw), tail)


class Replay:
    """What somebody knows who only sees changes."""

    def __init__(self, store: Store) -> None:
        self.known: dict[str, CachedObject] = {}
        self.seen: list[Change] = []
        store.listeners.append(self)

    def replaced(self, store: Store) -> None:
        self.known = {found.key: found for found in store.select()}

    def changed(self, store: Store, changes: Sequence[Change]) -> None:
        self.seen += changes
        for change in changes:
            found = change.new or change.old
            assert found is not None
            assert self.known.get(found.key) is change.old
            if change.new is None:
                del self.known[found.key]
            else:
                self.known[found.key] = change.new


def check(store: Store, model: dict[str, CachedObject]) -> None:
    everything = [model[key] for key in sorted(model)]
    assert store.select() == everything
    assert list(store.all()) == everything
    assert len(store) == len(model)
    assert store.bytes == sum(len(found.tail) for found in everything)
    for namespaces in ({"a"}, {"b", "a-b"}, {"none"}):
        assert store.select(namespaces=namespaces) == [o for o in everything if o.namespace in namespaces]
    for text in SELECTORS:
        selector = LabelSelector.parse(text)
        matching = [found for found in everything if selector.matches(found.labels.values)]
        assert store.select(selector) == matching
        assert store.select(selector, {"a", "b"}) == [o for o in matching if o.namespace in {"a", "b"}]


def check_since(store: Store, version: int, then: dict[str, CachedObject]) -> None:
    """Who knew all at a version and learns what changed since knows all now."""
    if store.last.reaches(version):
        latest = dict(then)
        for entry in store.last.since(version):
            if isinstance(entry, Deleted):
                latest.pop(entry.key, None)
            else:
                latest[entry.key] = entry
        assert latest == {found.key: found for found in store.select()}
    changes = store.exact.since(version)
    if changes is not None:
        exact = dict(then)
        for change in changes:
            found = change.new or change.old
            assert found is not None
            assert exact.get(found.key) is change.old
            exact[found.key] = found
            if change.new is None:
                del exact[found.key]
        assert exact == {found.key: found for found in store.select()}


Listed = list[tuple[str, str, dict[str, str]]]
listed = st.lists(
    st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(NAMES), st.sampled_from(LABELS)), max_size=6
)
step = st.tuples(
    st.sampled_from(["apply", "delete", "recreate", "replace", "late"]),
    st.sampled_from(NAMESPACES),
    st.sampled_from(NAMES),
    st.sampled_from(LABELS),
    listed,
)


@given(st.lists(step, max_size=25))
def test_any_history_ends_in_what_it_says(steps: list[tuple[str, str, str, dict[str, str], Listed]]) -> None:
    store = Store("c", "pods")
    replay = Replay(store)
    model: dict[str, CachedObject] = {}
    known: dict[int, dict[str, CachedObject]] = {}
    for version, (action, namespace, name, labels, listed) in enumerate(steps, 1):
        key = key_of(namespace, name)
        held = model.get(key)
        if action == "apply":
            model[key] = make(store, namespace, name, version, labels, held.uid if held else f"uid-{version}")
            store.apply(model[key])
        elif action == "recreate":
            model[key] = make(store, namespace, name, version, labels, f"uid-{version}")
            store.apply(model[key])
        elif action == "delete" and held is not None:
            del model[key]
            store.delete(key, held.uid, version)
        elif action == "late" and held is not None:
            store.apply(make(store, namespace, name, held.version, {"app": "late"}, held.uid))
            store.delete(key, held.uid, held.version - 1)
            store.delete(key, "another", version)
        elif action == "replace":
            model = {}
            for ns, n, some in listed:
                old = store.get(key_of(ns, n))
                model[key_of(ns, n)] = old or make(store, ns, n, version, some, f"uid-{version}")
            store.replace(model.values(), version)
        check(store, model)
        assert replay.known == model
        known[store.version] = dict(model)
        for seen in list(known):
            check_since(store, seen, known[seen])


def test_a_replacement_tells_deletions_first_and_then_changes_in_order() -> None:
    store = Store("c", "pods")
    store.replace([make(store, "a", name, at, {}) for name, at in (("x", 3), ("y", 5), ("z", 7))], 10)
    replay = Replay(store)
    replay.known = {found.key: found for found in store.select()}
    store.replace(
        [
            make(store, "a", "x", 15, {}),
            make(store, "a", "y", 12, {}, uid="other"),
            make(store, "a", "w", 11, {}),
        ],
        20,
    )
    told = [(c.old and c.old.name, c.new and c.new.name, c.version) for c in replay.seen]
    assert told == [("y", None, 20), ("z", None, 20), (None, "w", 11), (None, "y", 12), ("x", "x", 15)]
    assert store.version == 20


def test_a_list_from_a_history_that_went_back_is_the_truth() -> None:
    store = Store("c", "pods")
    store.replace([make(store, "a", "x", 900, {})], 1000)
    store.replace([make(store, "a", "x", 7, {})], 10)
    assert store.version == 10
    assert [found.version for found in store.select()] == [7]


def test_labels_that_nobody_carries_any_more_are_forgotten() -> None:
    store = Store("c", "pods")
    for version in range(1, 200):
        store.apply(make(store, "a", "x", version, {"pod-template-hash": str(version)}, "uid"))
    index = store._labels
    assert len(index._groups) == 1
    store.exact.begin(200)
    assert len(index._interned) == 1
    assert index._carriers.keys() == {"pod-template-hash"}
    assert index._carriers["pod-template-hash"].keys() == {"199"}


def test_bookmarks_move_the_version_and_nothing_else() -> None:
    store = Store("c", "pods")
    store.replace([make(store, "a", "x", 1, {})], 2)
    generation = store.generation
    store.advance(50)
    store.advance(40)
    assert (store.version, store.generation) == (50, generation)


async def test_waiting_for_a_version_ends_when_it_is_there() -> None:
    store = Store("c", "pods")
    store.replace([], 5)
    await store.reached(5)
    early, late = asyncio.create_task(store.reached(7)), asyncio.create_task(store.reached(9))
    await asyncio.sleep(0)
    store.advance(7)
    await early
    assert not late.done()
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert store._waiting == []


def test_deletions_of_long_ago_are_not_known_any_more() -> None:
    store = Store("c", "pods")
    store.replace([make(store, "a", f"n{at}", at, {}) for at in range(1, 3001)], 3000)
    assert store.last.reaches(3000)
    assert not store.last.reaches(2999)
    for at in range(1, 3001):
        store.delete(key_of("a", f"n{at}"), f"a/n{at}", 3000 + at)
    assert [entry.version for entry in store.last.since(5000)] == [*range(5001, 6001)]
    assert not store.last.reaches(4999)


def test_what_came_late_makes_earlier_versions_unreliable() -> None:
    store = Store("c", "pods")
    store.replace([], 10)
    store.apply(make(store, "a", "x", 20, {}))
    store.apply(make(store, "a", "y", 15, {}))
    assert store.version == 20
    assert not store.last.reaches(20)
    assert store.exact.since(20) is None
    store.apply(make(store, "a", "y", 22, {}))
    assert store.last.reaches(21)
    assert [entry.key for entry in store.last.since(21)] == [key_of("a", "y")]


def test_a_step_is_a_position_in_all_stores() -> None:
    one, other = Store("c", "pods"), Store("d", "pods")
    one.replace([make(one, "a", "x", 900, {})], 900)
    other.replace([make(other, "a", "x", 3, {})], 3)
    seen = CLOCK.now
    other.apply(make(other, "a", "y", 4, {}))
    assert [*one.last.since_step(seen)] == []
    assert [entry.key for entry in other.last.since_step(seen)] == [key_of("a", "y")]
    assert [*other.last.since_step(CLOCK.now)] == []


def test_what_was_deleted_before_the_first_list_can_be_added() -> None:
    store = Store("c", "pods")
    store.replace([make(store, "a", "x", 50, {}), make(store, "a", "y", 20, {})], 60)
    assert not store.last.reaches(40)
    store.last.lower(30, [Deleted(key_of("a", "gone"), "u", 35), Deleted(key_of("a", "late"), "u", 55)])
    assert store.last.reaches(30)
    assert not store.last.reaches(29)
    assert [entry.key for entry in store.last.since(40)] == [key_of("a", "late"), key_of("a", "x")]


def test_exact_changes_keep_no_more_bodies_than_they_may() -> None:
    store = Store("c", "pods")
    store.replace([], 1)
    for version in range(2, 300):
        body = b'"pad":"' + b"x" * 10_000 + b'"}'
        store.apply(CachedObject(key_of("a", "x"), "u", version, store.labels(b""), body))
    changes = store.exact.since(298)
    assert changes is not None
    assert [change.version for change in changes] == [299]
    assert store.exact.since(200) is None


def test_steps_are_reached_as_far_back_as_deletions_are_kept() -> None:
    store = Store("c", "pods")
    store.replace([make(store, "a", f"n{number}", number, {}) for number in range(1, 3001)], 3000)
    seen = CLOCK.now
    for number in range(1, 3001):
        if len(store) == 1500:
            later = CLOCK.now
        store.delete(key_of("a", f"n{number}"), "", 3000 + number)
    assert not store.last.reaches_step(seen)
    assert not store.last.reaches_step(later)
    assert len([*store.last.since_step(later)]) < 1500
    assert store.last.reaches_step(CLOCK.now)
