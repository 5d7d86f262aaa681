"""Keeps Python's collector of garbage from holding up everybody.

A collection of the oldest generation looks at everything that is alive, which with thousands of streams takes
a tenth of a second and more. Here it looks at what came since the last one, and what survives is set aside.
What was set aside and dies in a cycle, which little does, is found now and then.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# So many collections of the middle generation, of at most 7,000 objects each, before one of the oldest.
_OLDEST_AFTER = 5
SWEEP_SECONDS = 600.0
# It is not worth while to look for what died, unless there are so many more objects.
WORTH_SWEEPING = 50_000


def _set_aside(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()


@contextmanager
def short_collections() -> Iterator[None]:
    """Collections are short from here on; what there is already is looked at no more."""
    thresholds = gc.get_threshold()
    gc.callbacks.append(_set_aside)
    gc.set_threshold(*thresholds[:2], _OLDEST_AFTER)
    _collect_all()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(_set_aside)
        gc.unfreeze()


def _collect_all() -> None:
    """Look at everything, and have it set aside.

    Python waits with the next collection of the oldest generation until a quarter of what the last one
    left has come; the second one here leaves nothing.
    """
    gc.collect()
    gc.collect()


async def sweep() -> None:
    """Collect what died since it was set aside, for ever: once in a while, since all is looked at."""
    after = gc.get_freeze_count()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        if gc.get_freeze_count() > after + WORTH_SWEEPING:
            gc.unfreeze()
            _collect_all()
            after = gc.get_freeze_count()
