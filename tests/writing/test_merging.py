"""Lines of many sources come in the order of their times, and little is held of them."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from app.podlogs.line_merge import LineBuffer, StampedLine, merged


async def write(buffer: LineBuffer, batches: Sequence[Sequence[StampedLine]], rng: random.Random) -> None:
    for batch in batches:
        await asyncio.sleep(rng.random() / 200)
        await buffer.put(batch)
    buffer.end()


async def test_whatever_comes_when_it_is_put_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.podlogs.line_merge.PATIENCE_SECONDS", 60.0)
    for seed in range(20):
        rng = random.Random(seed)
        activity = asyncio.Event()
        buffers = [LineBuffer(activity) for _ in range(rng.randint(1, 6))]
        expected = []
        tasks = []
        for number, buffer in enumerate(buffers):
            stamps = sorted(rng.sample(range(10_000), rng.randint(0, 60)))
            lines = [(10 * stamp + number, b"%05d.%d\n" % (stamp, number)) for stamp in stamps]
            expected += [text for _, text in lines]
            size = rng.randint(1, 10)
            batches = [lines[start : start + size] for start in range(0, len(lines), size)]
            tasks.append(asyncio.create_task(write(buffer, batches, rng)))
        pieces = merged(lambda found=buffers: found, activity, lasting=lambda: False)  # type: ignore[misc]
        text = b"".join([piece async for piece in pieces])
        await asyncio.gather(*tasks)
        assert text.splitlines(keepends=True) == sorted(expected)


async def test_a_silent_source_does_not_keep_the_others() -> None:
    activity = asyncio.Event()
    silent, talking = LineBuffer(activity), LineBuffer(activity)
    task = asyncio.create_task(talking.put([(1, b"a\n")]))
    pieces = merged(lambda: [silent, talking], activity, lasting=lambda: True)
    assert await asyncio.wait_for(anext(pieces), 5) == b"a\n"
    await task
    await pieces.aclose()


async def test_a_source_is_read_no_further_before_its_lines_are_taken() -> None:
    activity = asyncio.Event()
    buffer = LineBuffer(activity)
    task = asyncio.create_task(buffer.put([(1, b"a\n"), (2, b"b\n")]))
    await asyncio.sleep(0)
    assert not task.done()
    buffer.take()
    await asyncio.sleep(0)
    assert not task.done()
    buffer.take()
    await asyncio.wait_for(task, 5)
