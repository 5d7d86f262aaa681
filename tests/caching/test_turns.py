"""How long work shares the event loop."""

import asyncio
import time
from collections import Counter

import pytest

from app.turns import TURN_SECONDS, Kind, Pace, WorkAccount, work_for


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def work(kind: Kind, account: WorkAccount, steps: int, done: Counter[str], name: str) -> None:
    work_for(account)
    pace = Pace(kind)
    for _ in range(steps):
        spin(0.0005)
        done[name] += 1
        await pace.give()


async def longest_turn(tasks: int) -> float:
    """The longest turn of the loop in the middle of the work of so many tasks."""
    done: Counter[str] = Counter()
    working = [asyncio.create_task(work(Kind.SCAN, WorkAccount(), 1000, done, "")) for _ in range(tasks)]
    await asyncio.sleep(0)
    longest = 0.0
    for _ in range(50):
        began = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - began)
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    return longest


async def test_a_turn_is_as_short_with_a_hundred_tasks_as_with_one() -> None:
    # Each of the hundred alone may take as long as a turn: that would be half a second.
    assert await longest_turn(100) < 10 * TURN_SECONDS


async def race(
    first: tuple[Kind, WorkAccount], second: tuple[Kind, WorkAccount], *, tasks: int = 20
) -> Counter[str]:
    """What two did by the time that one was finished; the first has many tasks and the second one."""
    done: Counter[str] = Counter()
    many = [asyncio.create_task(work(*first, 10_000, done, "many")) for _ in range(tasks)]
    await asyncio.sleep(0.05)
    done.clear()
    await asyncio.create_task(work(*second, 100, done, "one"))
    for task in many:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)
    return done


async def test_a_caller_has_its_share_however_many_tasks_another_has() -> None:
    done = await race((Kind.SCAN, WorkAccount()), (Kind.SCAN, WorkAccount()))
    assert done["many"] < 6 * done["one"]  # of twenty times as many tasks


async def test_an_address_has_its_share_however_many_connections_another_has() -> None:
    done: Counter[str] = Counter()
    owner = WorkAccount()
    many = [asyncio.create_task(work(Kind.SCAN, WorkAccount(owner), 10_000, done, "many")) for _ in range(20)]
    await asyncio.sleep(0.05)
    done.clear()
    await asyncio.create_task(work(Kind.SCAN, WorkAccount(), 100, done, "one"))
    for task in many:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)
    assert done["many"] < 6 * done["one"]  # of twenty times as many tasks


async def test_connections_of_one_address_share_alike() -> None:
    done: Counter[str] = Counter()
    owner = WorkAccount()
    accounts = [WorkAccount(owner) for _ in range(3)]
    users = [0, 1, *[2] * 10]
    tasks = [asyncio.create_task(work(Kind.SCAN, accounts[user], 10_000, done, f"{user}")) for user in users]
    await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # Every fourth grant goes to whoever waits longest, which favours many. Ten times as many tasks have it.
    assert done["2"] < 5 * min(done["0"], done["1"])


@pytest.mark.parametrize(("long", "urgent"), [(Kind.SCAN, Kind.SNAPSHOT), (Kind.SNAPSHOT, Kind.LIVE)])
async def test_what_is_urgent_comes_first(long: Kind, urgent: Kind) -> None:
    account = WorkAccount()
    done = await race((long, account), (urgent, account))
    assert done["many"] < done["one"]


async def test_a_scan_goes_on_below_all_else() -> None:
    account = WorkAccount()
    done = await race((Kind.LIVE, account), (Kind.SCAN, WorkAccount()))
    assert done["one"] == 100
    assert done["many"] < 40 * done["one"]


async def test_who_worked_alone_for_long_does_not_wait_for_all_who_come() -> None:
    done: Counter[str] = Counter()
    alone = asyncio.create_task(work(Kind.INTAKE, WorkAccount(), 10_000, done, "alone"))
    await asyncio.sleep(0.5)
    done.clear()
    account = WorkAccount()
    others = [asyncio.create_task(work(Kind.LIVE, account, 10_000, done, "others")) for _ in range(20)]
    await asyncio.sleep(0.3)
    for task in (alone, *others):
        task.cancel()
    await asyncio.gather(alone, *others, return_exceptions=True)
    assert done["alone"] > done["others"] / 3


async def test_who_waits_longest_has_a_turn_though_others_have_had_less() -> None:
    done: Counter[str] = Counter()
    spent = WorkAccount()
    spent.charge(1000)
    old = asyncio.create_task(work(Kind.SCAN, spent, 20, done, "old"))

    async def newcomers() -> None:
        while not old.done():
            await work(Kind.SCAN, WorkAccount(), 10, done, "new")

    others = [asyncio.create_task(newcomers()) for _ in range(5)]
    async with asyncio.timeout(5):
        await asyncio.gather(old, *others)
    assert done["old"] == 20


async def test_who_is_cancelled_while_it_waits_holds_up_nobody() -> None:
    done: Counter[str] = Counter()
    tasks = [asyncio.create_task(work(Kind.SCAN, WorkAccount(), 100, done, str(each))) for each in range(20)]
    await asyncio.sleep(0.02)
    for task in tasks[1:]:
        task.cancel()
    async with asyncio.timeout(5):
        await tasks[0]
    assert done["0"] == 100
