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
    tail = (f"{name}/{version} " * size).encode()[:size]
    found = CachedObject(key_of("n", name), name, version, store.labels(b""), tail)
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
        assert all(segment.size == sum(each.size for each in segment.objects) for segment in cut)
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


BEFORE = b',{"cluster":"c",'


def texts(store: Store) -> int:
    """The bytes that the objects of a store keep alive."""
    return sum({id(found.text): len(found.text) for found in store.select()}.values())


@pytest.mark.parametrize("seed", range(20))
def test_objects_lie_in_the_text_of_their_segment_and_say_what_they_said(seed: int) -> None:
    rng = random.Random(seed)
    store = filled()
    tails = {found.key: found.tail for found in store.select()}
    gone: list[tuple[CachedObject, bytes]] = []
    for _ in range(200):
        every = store.all()
        if rng.random() < 0.5:
            some = [segment.joined(BEFORE) for segment in every.segments]
            assert b"".join(some) == b"".join(BEFORE + tails[key] for key in sorted(tails))
        for name in rng.sample(NAMES, rng.choice([0, 1, 5, 60])):
            key = key_of("n", name)
            if (old := store.get(key)) is not None:
                gone.append((old, tails.pop(key)))
            if rng.random() < 0.7:
                tails[key] = put(store, name, rng.choice([1, 100, 300])).tail
            elif old is not None:
                store.delete(key, name, store.version + 1)
        if rng.random() < 0.5:  # A list that began before what changed.
            started = [segment.joined(BEFORE) for segment in every.segments]
            assert b"".join(started) == b"".join(BEFORE + found.tail for found in every)
        assert {found.key: found.tail for found in store.select()} == tails
        assert all(found.size == len(found.tail) == len(found.view()) for found in store.select())
        assert texts(store) < 1.6 * store.bytes + len(store) * len(BEFORE)
    assert all(found.tail == tail and len(found.text) == len(tail) for found, tail in gone)


def test_a_text_of_which_much_is_gone_is_given_up() -> None:
    store = filled()
    for segment in store.all().segments:
        segment.joined(BEFORE)
    assert all(len(found.text) > 1000 for found in store.select())
    for name in NAMES[:2]:
        put(store, name)
    assert store.select()[9].end > 0
    put(store, NAMES[2])
    assert [len(found.text) for found in store.select()[:10]] == [100] * 10
    assert all(len(found.text) > 1000 for found in store.select()[10:])
