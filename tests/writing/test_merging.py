"""Lines of many sources come in the order of their times, and little is held of them."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from app.fleet.logs import LONGEST_LINE, _lines, _stamped
from app.fleet.merging import Feed, Line, merged


async def write(feed: Feed, batches: Sequence[Sequence[Line]], rng: random.Random) -> None:
    for batch in batches:
        await asyncio.sleep(rng.random() / 200)
        await feed.put(batch)
    feed.end()


async def test_whatever_comes_when_it_is_put_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.fleet.merging.PATIENCE_SECONDS", 60.0)
    for seed in range(20):
        rng = random.Random(seed)
        activity = asyncio.Event()
        feeds = [Feed(activity) for _ in range(rng.randint(1, 6))]
        expected = []
        tasks = []
        for number, feed in enumerate(feeds):
            stamps = sorted(rng.sample(range(10_000), rng.randint(0, 60)))
            lines = [(f"{stamp:05}.{number}", b"%05d.%d\n" % (stamp, number)) for stamp in stamps]
            expected += [text for _, text in lines]
            size = rng.randint(1, 10)
            batches = [lines[start : start + size] for start in range(0, len(lines), size)]
            tasks.append(asyncio.create_task(write(feed, batches, rng)))
        pieces = merged(lambda found=feeds: found, activity, lasting=lambda: False)  # type: ignore[misc]
        text = b"".join([piece async for piece in pieces])
        await asyncio.gather(*tasks)
        assert text.splitlines(keepends=True) == sorted(expected)


async def test_a_silent_source_does_not_keep_the_others() -> None:
    activity = asyncio.Event()
    silent, talking = Feed(activity), Feed(activity)
    task = asyncio.create_task(talking.put([("1", b"a\n")]))
    pieces = merged(lambda: [silent, talking], activity, lasting=lambda: True)
    assert await asyncio.wait_for(anext(pieces), 5) == b"a\n"
    await task
    await pieces.aclose()


async def test_a_source_is_read_no_further_before_its_lines_are_taken() -> None:
    activity = asyncio.Event()
    feed = Feed(activity)
    task = asyncio.create_task(feed.put([("1", b"a\n"), ("2", b"b\n")]))
    await asyncio.sleep(0)
    assert not task.done()
    feed.take()
    await asyncio.sleep(0)
    assert not task.done()
    feed.take()
    await asyncio.wait_for(task, 5)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_lines_are_cut_where_they_end_however_they_come() -> None:
    text = b"".join(b"2026-11-23T10:00:%02d.5Z line %d\n" % (number, number) for number in range(30))
    for size in (1, 7, 33, 10_000):
        parts = [text[start : start + size] for start in range(0, len(text), size)]
        found = [line async for batch in _lines(chunks(*parts), b"[x] ", "") for line in batch]
        assert [line for _, line in found] == [b"[x] line %d\n" % number for number in range(30)]
        later = [line async for batch in _lines(chunks(*parts), b"", found[9][0]) for line in batch]
        assert later[0][1] == b"line 10\n"


async def test_a_line_without_an_end_is_not_held() -> None:
    pieces = (b"x" * 65536 for _ in range(64))
    found = [line async for batch in _lines(chunks(*pieces), b"", "") for line in batch]
    assert max(len(line) for _, line in found) <= LONGEST_LINE + 65536 + 1
    assert sum(line.count(b"x") for _, line in found) == 64 * 65536


def test_times_sort_as_text() -> None:
    given = [b"2026-11-23T10:00:00Z a", b"2026-11-23T10:00:00.5Z b", b"2026-11-23T10:00:00.51Z c d"]
    found = [_stamped(line, "") for line in given]
    assert found == sorted(found)
    assert [text for _, text in found] == [b"a", b"b", b"c d"]
    assert _stamped(b"no time", "before") == ("before", b"no time")
