"""A store equals what it was told, its indexes agree with it, and its changes retell it."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.objects import CachedObject, key_of
from app.cache.selectors import LabelSelector
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
        store.listeners.append(self.take)

    def take(self, changes: Sequence[Change]) -> None:
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
    assert len(store) == len(model)
    assert store.bytes == sum(len(found.tail) for found in everything)
    for namespaces in ({"a"}, {"b", "a-b"}, {"none"}):
        assert store.select(namespaces=namespaces) == [o for o in everything if o.namespace in namespaces]
    for text in SELECTORS:
        selector = LabelSelector.parse(text)
        matching = [found for found in everything if selector.matches(found.labels.values)]
        assert store.select(selector) == matching
        assert store.select(selector, {"a", "b"}) == [o for o in matching if o.namespace in {"a", "b"}]


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


def test_a_replacement_tells_deletions_first_and_then_changes_in_order() -> None:
    store = Store("c", "pods")
    store.replace([make(store, "a", name, at, {}) for name, at in (("x", 3), ("y", 5), ("z", 7))], 10)
    seen: list[Change] = []
    store.listeners.append(seen.extend)
    store.replace(
        [
            make(store, "a", "x", 15, {}),
            make(store, "a", "y", 12, {}, uid="other"),
            make(store, "a", "w", 11, {}),
        ],
        20,
    )
    told = [(c.old and c.old.name, c.new and c.new.name, c.version) for c in seen]
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
