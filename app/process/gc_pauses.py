"""Bounds the stops of Python's garbage collector.

A collection of the oldest generation visits every object that is alive, which with thousands of streams takes
a tenth of a second and more. Here it visits what came since the last one, and what survives is frozen
(``gc.freeze``). Frozen objects that die in a cycle, which few do, are found by a sweep now and then.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Collections of the middle generation, of at most 7,000 objects each, before one of the oldest.
_OLDEST_AFTER = 5
SWEEP_SECONDS = 600.0
# A sweep is worth its time only where there are so many more frozen objects than after the last one.
WORTH_SWEEPING = 50_000


def _freeze_survivors(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()


@contextmanager
def short_collections() -> Iterator[None]:
    """Keep collections short while the context is open: objects that exist already are frozen."""
    thresholds = gc.get_threshold()
    gc.callbacks.append(_freeze_survivors)
    gc.set_threshold(*thresholds[:2], _OLDEST_AFTER)
    _collect_all()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(_freeze_survivors)
        gc.unfreeze()


@contextmanager
def no_collections() -> Iterator[None]:
    """Collect nothing while the context is open: for imports, of which nearly every object stays.

    Visiting these again and again as they come takes a sixth of the time in which the server is imported.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _collect_all() -> None:
    """Visit every object, and freeze what survives.

    Python puts the next collection of the oldest generation off until a quarter of the objects that the last
    one left has been added; the second one here leaves nothing.
    """
    gc.collect()
    gc.collect()


async def sweep() -> None:
    """Collect frozen objects that have died, every SWEEP_SECONDS for ever; each sweep visits all objects."""
    after = gc.get_freeze_count()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        if gc.get_freeze_count() > after + WORTH_SWEEPING:
            gc.unfreeze()
            _collect_all()
            after = gc.get_freeze_count()
