"""Snapshots that are under way at the same time share their frames, and never what is old."""

from itertools import islice

import orjson
import pytest

from app.cache.objects import CachedObject, key_of
from app.cache.store import Store
from app.kube.discovery.api_resource import Resource
from app.streams import shared_snapshots
from app.streams.frame_shapes import ObjectFrames
from app.streams.frames import ResourceFrames
from app.streams.shared_snapshots import SharedFrames

PODS = Resource("", "v1", "pods", "pod", "Pod", namespaced=True)
SHAPE = ObjectFrames(ResourceFrames("c", PODS), None)


def put(store: Store, name: str, size: int = 1000) -> None:
    version = store.version + 1
    tail = orjson.dumps({"metadata": {"name": name}, "v": version, "filler": "x" * size})[1:]
    store.apply(CachedObject(key_of("n", name), name, version, store.labels(b""), tail))


@pytest.fixture
def store() -> Store:
    store = Store("c", "pods")
    store.replace([], 1)
    for number in range(1000):
        put(store, f"pod-{number:04}")
    return store


def expected(store: Store) -> list[bytes]:
    return [SHAPE.state("ADDED", found) for found in store.select()]


def test_all_who_come_by_get_the_very_same_frames(store: Store) -> None:
    shared = SharedFrames()
    one, two = shared.everything(SHAPE, store), shared.everything(SHAPE, store)
    mine, theirs = [next(one)], [next(two)]
    # Now the one is ahead, now the other.
    mine += islice(one, 300)
    theirs += two
    mine += one
    assert mine == theirs == expected(store)
    assert all(frame is same for frame, same in zip(mine[8:], theirs[8:], strict=True))


def test_what_has_changed_is_sent_as_it_is_when_its_turn_comes(store: Store) -> None:
    shared = SharedFrames()
    one, two = shared.everything(SHAPE, store), shared.everything(SHAPE, store)
    next(two)
    assert list(one) == expected(store)
    put(store, "pod-0500")
    put(store, "pod-0500-new")
    store.delete(key_of("n", "pod-0700"), "pod-0700", store.version + 1)
    now = expected(store)
    assert list(two) == now[1:]
    three, four = shared.everything(SHAPE, store), shared.everything(SHAPE, store)
    assert list(three) == list(four) == now


def test_where_it_stood_may_be_gone(store: Store) -> None:
    snapshot = SharedFrames().everything(SHAPE, store)
    begun = list(islice(snapshot, 16))
    for found in store.select()[8:900]:
        store.delete(found.key, found.uid, store.version + 1)
    assert [*begun[:8], *snapshot] == expected(store)


def test_nothing_is_kept_for_one_alone_nor_when_all_are_done(store: Store) -> None:
    shared = SharedFrames()
    alone = shared.everything(SHAPE, store)
    next(alone)
    assert shared.bytes == 0
    second = shared.everything(SHAPE, store)
    next(second)
    next(islice(second, 100, None))
    assert shared.bytes > 0
    del alone, second
    assert (shared.snapshots, shared.bytes, shared._made) == (0, 0, {})


def test_only_so_much_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_snapshots, "KEPT_BYTES", 50_000)
    shared = SharedFrames()
    one, two = shared.everything(SHAPE, store), shared.everything(SHAPE, store)
    next(two)
    for _ in one:
        assert shared.bytes <= 50_000
    assert list(two) == expected(store)[1:]


def test_large_objects_are_made_one_by_one(store: Store) -> None:
    for name in ("pod-0001", "pod-0002"):
        put(store, name, 100_000)
    shared = SharedFrames()
    assert len(shared._frames(SHAPE, store.all().segments[0], 0)) == 2
    assert list(shared.everything(SHAPE, store)) == expected(store)
