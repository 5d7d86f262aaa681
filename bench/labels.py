"""A label selector that one pod in a hundred matches, through the index and by looking at each pod."""

import time
from collections.abc import Callable, Mapping

from app.cache.objects import CachedObject
from app.cache.query.label_selectors import LabelSelector
from app.cache.store import Store
from app.fleet.store_feed import StoreFeed
from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_object import BodyFormat
from bench.pods import encoded, event
from bench.report import Row, microseconds
from bench.unheard import UNHEARD

PODS = 10_000


def run() -> list[Row]:
    store = Store("bench", "pods")
    feed = StoreFeed(store, UNHEARD)
    for pod in encoded(PODS):
        found = decode_event(event(pod).rstrip(), BodyFormat()).object
        assert found is not None
        feed.apply("ADDED", found)
    selector = LabelSelector.parse("app=app-7")
    held, matches = store.select(), _equality("app", "app-7")

    def scan() -> list[CachedObject]:
        return [found for found in held if matches(found.labels.values)]

    assert [found.key for found in scan()] == [found.key for found in store.select(selector)]
    assert len(scan()) == PODS // 100
    index_cost, scan_cost = _cost(lambda: store.select(selector), 500), _cost(scan, 20)
    return [
        Row(
            f"label selector, 1 % of {PODS:,} pods",
            microseconds(index_cost),
            f"scan {microseconds(scan_cost)}",
            index_cost / scan_cost,
            "<=",
            1 / 50,
        )
    ]


def _equality(key: str, value: str) -> Callable[[Mapping[str, str]], bool]:
    """The leanest predicate that a scan can be done with: the whole grammar costs several times more."""
    return lambda labels: labels.get(key) == value


def _cost(action: Callable[[], object], times: int) -> float:
    """CPU seconds of one call, in the best of five rounds."""

    def round_() -> float:
        began = time.process_time()
        for _ in range(times):
            action()
        return (time.process_time() - began) / times

    return min(round_() for _ in range(5))
