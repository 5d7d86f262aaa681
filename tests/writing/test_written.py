"""Reads wait for what was written through this process, and no longer than they may."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.cache.objects import CachedObject, Labels, key_of
from app.cache.store import Store
from app.fleet import own_writes as module
from app.fleet.own_writes import OwnWrites
from app.fleet.watch_set import WatchSet

Start = Callable[[], Awaitable[asyncio.Task[bool]]]


@pytest.fixture
def store() -> Store:
    return Store("prod", "pods")


def over(*stores: Store) -> OwnWrites:
    watch = SimpleNamespace(stores=list(stores))
    watches = SimpleNamespace(get=lambda name: watch if name == "pods" else None)
    return OwnWrites(cast(WatchSet, watches))


@pytest.fixture
def written(store: Store) -> OwnWrites:
    return over(store)


@pytest.fixture
async def reading(written: OwnWrites) -> AsyncIterator[Start]:
    """Begins a read that waits."""
    tasks: list[asyncio.Task[bool]] = []

    async def start() -> asyncio.Task[bool]:
        task = asyncio.create_task(written.seen("pods"))
        tasks.append(task)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def held(name: str, uid: str, version: int, namespace: str = "x") -> CachedObject:
    return CachedObject(key_of(namespace, name), uid, version, Labels(b"", {}), b'"kind":"Pod"}')


async def test_a_read_waits_for_a_write_and_no_longer(
    store: Store, written: OwnWrites, reading: Start
) -> None:
    written.note("pods", "x", 7)
    read = await reading()
    store.apply(held("a", "1", 6))
    await asyncio.sleep(0)
    assert not read.done()
    store.apply(held("b", "2", 7))
    assert await read
    assert not written.pending("pods")


async def test_what_has_been_seen_is_not_waited_for(store: Store, written: OwnWrites) -> None:
    store.apply(held("a", "1", 7))
    written.note("pods", "x", 7)
    assert not written.pending("pods")
    assert await written.seen("pods")


async def test_other_resources_do_not_wait(written: OwnWrites) -> None:
    written.note("pods", "x", 7)
    written.note("services", "x", 9)
    assert written.pending("pods")
    assert not written.pending("services")
    assert not written.pending("nodes")


async def test_the_latest_of_several_writes_counts(store: Store, written: OwnWrites, reading: Start) -> None:
    for version in (8, 9, 7):
        written.note("pods", "x", version)
    read = await reading()
    store.advance(8)
    await asyncio.sleep(0)
    assert not read.done()
    store.advance(9)
    assert await read


async def test_a_deletion_is_seen_when_that_very_object_is_gone(
    store: Store, written: OwnWrites, reading: Start
) -> None:
    store.apply(held("a", "1", 5))
    written.note_deletion("pods", "x", "a", "1")
    read = await reading()
    store.apply(held("b", "2", 6))
    await asyncio.sleep(0)
    assert not read.done()
    store.apply(held("a", "3", 8))
    assert await read


async def test_a_creation_that_comes_after_its_deletion_is_waited_out(
    store: Store, written: OwnWrites, reading: Start
) -> None:
    written.note_deletion("pods", "x", "a", "1")
    assert await written.seen("pods")
    store.apply(held("a", "1", 5))
    read = await reading()
    assert not read.done()
    store.delete(key_of("x", "a"), "1", 6)
    assert await read


async def test_what_comes_too_late_is_told_at_once_from_then_on(
    written: OwnWrites, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 1.0)
    written.note("pods", "x", 7)
    assert not await written.seen("pods")
    started = time.monotonic()
    assert not await written.seen("pods")
    assert time.monotonic() - started < 0.5
    store.advance(7)
    assert await written.seen("pods")


async def test_writes_that_never_end_do_not_keep_a_read(
    store: Store, written: OwnWrites, reading: Start
) -> None:
    written.note("pods", "x", 7)
    read = await reading()
    written.note("pods", "x", 8)
    store.advance(7)
    assert await asyncio.wait_for(read, 1)
    assert written.pending("pods")


async def test_what_nobody_reads_is_forgotten(written: OwnWrites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.05)
    for number in range(module.MANY):
        written.note("services", f"n{number}", 1)
        written.note_deletion("services", "x", "a", str(number))
    await asyncio.sleep(0.06)
    written.note("services", "new", 1)
    written.note_deletion("services", "x", "a", "new")
    assert len(written._versions["services"]) == len(written._deletions["services"]) == 1


async def test_a_history_that_went_back_is_not_waited_for_for_ever(
    written: OwnWrites, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.note("pods", "x", 7)
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.0)
    assert not written.pending("pods")


@pytest.mark.parametrize(("namespaces", "waits"), [((None,), True), (("x", "y"), True), (("y",), False)])
async def test_it_is_the_store_of_the_namespace_that_counts(
    namespaces: Sequence[str | None], waits: bool
) -> None:
    stores = [Store("prod", "pods", namespace) for namespace in namespaces]
    for store in stores:
        store.advance(9 if store.namespace == "y" else 5)
    found: Any = over(*stores)
    found.note("pods", "x", 7)
    assert found.pending("pods") is waits
