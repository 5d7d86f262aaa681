"""All objects of a store are kept in segments, of which a change makes only its own anew."""

import random

import pytest

from app.cache import segments
from app.cache.objects import CachedObject, key_of
from app.cache.segments import segments_of
from app.cache.store import Store

NAMES = [f"pod-{number:03}" for number in range(200)]


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)


def put(store: Store, name: str, size: int = 100) -> CachedObject:
    version = store.version + 1
    found = CachedObject(key_of("n", name), name, version, store.labels(b""), b"x" * size)
    store.apply(found)
    return found


def filled() -> Store:
    store = Store("c", "pods")
    store.replace([], 1)
    for name in NAMES:
        put(store, name)
    return store


def test_segments_hold_every_object_once_and_know_their_size() -> None:
    store = filled()
    objects = store.select()
    for found in (store.all(), objects):
        cut = list(segments_of(found))
        assert [each for segment in cut for each in segment.objects] == objects
        assert [tail for segment in cut for tail in segment.tails] == [each.tail for each in objects]
        assert all(segment.size == sum(map(len, segment.tails)) for segment in cut)
        assert {segment.size for segment in cut} == {1000}


def test_a_change_makes_no_other_segment_anew() -> None:
    store = filled()
    before = store.all().segments
    changed = put(store, NAMES[55])
    after = store.all().segments
    assert [old is new for old, new in zip(before, after, strict=True)] == [
        number != 5 for number in range(20)
    ]
    assert after[5].objects[5] is changed
    assert before[5].objects[5] is not changed


def test_what_was_taken_stays_as_it_was() -> None:
    store = filled()
    objects, taken = store.select(), store.all()
    for name in NAMES[::3]:
        store.delete(key_of("n", name), name, store.version + 1)
    store.clear()
    assert list(taken) == objects
    assert not store.all()


def test_all_objects_are_a_sequence() -> None:
    store = filled()
    objects, every = store.select(), store.all()
    assert (len(every), every[0], every[-1], every[73]) == (200, objects[0], objects[-1], objects[73])
    for part in (slice(5), slice(5, 5), slice(0, 10), slice(9, 41), slice(195, None), slice(None, None, 7)):
        assert every[part] == objects[part]
    with pytest.raises(IndexError):
        every[200]


def walked(store: Store) -> list[CachedObject]:
    """All objects, one after the other."""
    objects: list[CachedObject] = []
    while (place := store.all().after(objects[-1].key if objects else "")) is not None:
        segment, index = place
        objects.append(segment.objects[index])
    return objects


def test_behind_a_key_comes_the_next_object_whether_or_not_that_key_is_there() -> None:
    store = Store("c", "pods")
    assert store.all().after("") is None
    store = filled()
    for name in ("a", NAMES[0], NAMES[9], NAMES[9] + "-", NAMES[10], NAMES[150], NAMES[-1], "z"):
        key = key_of("n", name)
        behind = [found for found in store.select() if found.key > key]
        place = store.all().after(key)
        assert (place[0].objects[place[1]] if place is not None else None) == (behind[0] if behind else None)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_comes_and_goes_all_objects_are_those_of_the_store(seed: int) -> None:
    rng = random.Random(seed)
    store = filled()
    for _ in range(300):
        for name in rng.sample(NAMES, rng.choice([0, 1, 1, 5, 60])):
            if rng.random() < 0.5:
                put(store, name, rng.choice([1, 100, 100, 3000]))
            else:
                store.delete(key_of("n", name), name, store.version + 1)
        every = store.all()
        assert list(every) == walked(store) == store.select()
        assert sum(segment.size for segment in every.segments) == store.bytes


def test_segments_that_much_was_deleted_from_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_FEW", 1)
    store = filled()
    for number in range(200):
        store.all()
        if number % 10:
            store.delete(key_of("n", NAMES[number]), NAMES[number], store.version + 1)
    assert len(store) == 20
    assert len(store.all().segments) <= 2 * store.bytes // 1000 + 1
