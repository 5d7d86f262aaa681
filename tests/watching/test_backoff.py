"""The delays between attempts: how they grow, how much of them is chance, and when they start over."""

import random

import pytest

from app.backoff import Backoff


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(1, 15, jitter=0)
    assert [backoff.next() for _ in range(6)] == [1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize(("jitter", "least"), [(1, 0), (0.5, 0.5)])
def test_jitter_is_the_part_of_a_delay_that_is_random(jitter: float, least: float) -> None:
    delays = [Backoff(1, 30, jitter=jitter, rng=random.Random(seed)).next() for seed in range(300)]
    assert least <= min(delays) < least + 0.05
    assert 0.95 < max(delays) <= 1


def test_a_success_starts_over() -> None:
    backoff = Backoff(1, 15, jitter=0)
    delays = [backoff.next(), backoff.next()]
    backoff.reset()
    assert [*delays, backoff.next()] == [1, 2, 1]


def test_a_quiet_time_starts_over_and_one_that_is_too_short_does_not() -> None:
    backoff = Backoff(1, 30, jitter=0, healthy=120)
    assert [backoff.next(at) for at in (0, 1, 120, 248, 248.5)] == [1, 2, 4, 8, 16]
    assert backoff.next(248.5 + 120 + 30) == 30
    assert backoff.next(248.5 + 120 + 30 + 120 + 30.1) == 1
