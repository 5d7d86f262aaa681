"""The collector of garbage holds nobody up, however much is alive, and still finds what died."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from app.process import gc_pauses


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    gc.collect()
    yield
    gc.unfreeze()
    gc.collect()


class Knot:
    """In a cycle with itself."""

    def __init__(self) -> None:
        self.itself = self


def oldest_generations(number: int) -> list[int]:
    """How many objects each collection of the oldest generation looked at, while so many came to stay."""
    looked_at: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            looked_at.append(sum(len(gc.get_objects(each)) for each in range(3)))

    gc.callbacks.append(note)
    try:
        alive = lists(number)
    finally:
        gc.callbacks.remove(note)
    assert len(alive) == number
    return looked_at


def lists(number: int) -> list[list[list[int]]]:
    return [[[]] for _ in range(number)]


def test_no_collection_looks_at_all_that_is_alive() -> None:
    ballast = lists(500_000)
    with gc_pauses.short_collections():
        looked_at = oldest_generations(500_000)
    assert len(ballast) == 500_000
    assert len(looked_at) > 10
    assert max(looked_at) < 60_000
    # It is not so by itself.
    assert max(oldest_generations(500_000)) > 200_000


def test_what_dies_young_is_collected() -> None:
    with gc_pauses.short_collections():
        references = [weakref.ref(Knot()) for _ in range(20_000)]
        alive = lists(100_000)
        assert len(alive) == 100_000
        assert sum(reference() is not None for reference in references) == 0


async def test_what_dies_old_is_collected_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc_pauses, "SWEEP_SECONDS", 0.05)
    with gc_pauses.short_collections():
        sweeping = asyncio.create_task(gc_pauses.sweep())
        await asyncio.sleep(0)
        knots = [Knot() for _ in range(gc_pauses.WORTH_SWEEPING + 10_000)]
        gc.collect()
        died = asyncio.Event()
        reference = weakref.ref(knots[0], lambda _: died.set())
        del knots
        gc.collect()
        assert reference() is not None
        await asyncio.wait_for(died.wait(), 10)
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)


def test_afterwards_all_is_as_before() -> None:
    before = gc.get_threshold()
    with gc_pauses.short_collections():
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_nothing_is_collected_while_the_server_is_imported() -> None:
    assert gc.isenabled()
    collections: list[str] = []
    gc.callbacks.append(note := lambda phase, _: collections.append(phase))
    try:
        with gc_pauses.no_collections():
            collections.clear()
            kept = lists(50_000)
            assert not collections
        assert gc.isenabled()
        kept += lists(50_000)
        assert collections
    finally:
        gc.callbacks.remove(note)
    gc.disable()
    try:
        with gc_pauses.no_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
