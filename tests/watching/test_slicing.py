"""Long lists are taken apart exactly, in steps that are short."""

import json
import time
from typing import Any

import pytest

from app.kube import answer_limits
from app.kube.discovery.api_resource import Resource
from app.kube.wire import list_slices
from app.kube.wire.list_page import Page, page_steps
from app.kube.wire.wire_errors import WireError
from app.kube.wire.wire_object import BodyFormat
from tests.watching.pages import decode_page

PODS = Resource("", "v1", "pods", "pod", "Pod", True)
# What looks like the border of two items, in places where it is none.
LURE = {"nested": [{"metadata": {"name": "x"}}, {"metadata": {"name": 'y"},{"metadata":{'}}]}


def list_item(number: int, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": f"pod-{number}", "resourceVersion": str(number + 1)}, **more}


def pod_list(*items: dict[str, Any]) -> dict[str, Any]:
    metadata = {"resourceVersion": "9", "continue": "more"}
    return {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": [*items]}


def by_alphabet(found: dict[str, Any]) -> dict[str, Any]:
    """As custom resources are listed: metadata comes behind the items."""
    return dict(sorted(found.items()))


@pytest.mark.parametrize("spelled", [pod_list, lambda *items: by_alphabet(pod_list(*items))])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 40])
def test_a_list_in_slices_is_the_list(
    spelled: Any, separators: tuple[str, str], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_slices, "SLICE_BYTES", 100)
    items = [list_item(number, **(LURE if number % 3 else {})) for number in range(count)]
    page = decode_page(json.dumps(spelled(*items), separators=separators).encode(), PODS, BodyFormat())
    assert (page.version, page.continue_, len(page)) == (9, "more", count)
    for number, (found, item) in enumerate(zip(page.objects, items, strict=True)):
        assert (found.name, found.version) == (f"pod-{number}", number + 1)
        assert json.loads(b"{" + found.tail) == {"kind": "Pod", "apiVersion": "v1", **item}


def steps_of(body: bytes) -> tuple[Page, list[float]]:
    """The page, and how many seconds of CPU each step took."""
    steps = page_steps(body, PODS, BodyFormat())
    took: list[float] = []
    while True:
        began = time.process_time()
        try:
            next(steps)
        except StopIteration as end:
            return end.value, took
        finally:
            took.append(time.process_time() - began)


def test_a_list_of_a_million_items_holds_nobody_up() -> None:
    """The longest step is a small part of what a decoder would take for the whole."""
    body = b'{"metadata":{"resourceVersion":"9"},"items":[%s]}' % b",".join([b'{"a":{}}'] * 1_000_000)
    page, took = steps_of(body)
    assert len(page) == 1_000_000
    assert max(took) < sum(took) / 4
    assert len(took) > 30


def test_an_item_that_is_too_long_is_refused() -> None:
    long = list_item(1, data="x" * (answer_limits.OBJECT_BYTES + answer_limits.OBJECT_BYTES // 2))
    body = json.dumps(pod_list(list_item(0), long, list_item(2)), separators=(",", ":")).encode()
    with pytest.raises(WireError, match=r"^an object of more than 16,384 KiB in a list$"):
        decode_page(body, PODS, BodyFormat())


@pytest.mark.parametrize(
    ("item", "said"),
    [(b"{}", "a page of more than 1,000,000 objects"), (b"1", "a long list of what are no objects")],
)
def test_items_that_are_next_to_nothing_are_refused(item: bytes, said: str) -> None:
    body = b'{"metadata":{"resourceVersion":"9"},"items":[%s]}' % b",".join([item] * 4_000_000)
    with pytest.raises(WireError, match=f"^{said}$"):
        decode_page(body, PODS, BodyFormat())


@pytest.mark.parametrize("item", [b"1", b'""', b"[]", b'{"b":1}'])
def test_items_unlike_the_first_one_hold_nobody_up(item: bytes) -> None:
    """Seven megabytes of them are refused, or taken in steps, faster than one decoder would take them."""
    items = b",".join([b'{"a":1}', *[item] * (7_000_000 // (len(item) + 1))])
    began = time.process_time()
    whole = json.loads(b"[%s]" % items)
    decoded = time.process_time() - began
    steps = page_steps(b'{"metadata":{"resourceVersion":"9"},"items":[%s]}' % items, PODS, BodyFormat())
    took: list[float] = []
    began = time.process_time()
    refusal = ""
    try:
        for _ in steps:
            took.append(time.process_time() - began)
            began = time.process_time()
    except WireError as error:
        refusal = str(error)
    assert ("Expected `object`" in refusal) == (item != b'{"b":1}')
    took.append(time.process_time() - began)
    assert len(whole) > 800_000
    assert max(took) < decoded / 4


def test_what_is_long_and_no_list_is_refused() -> None:
    with pytest.raises(WireError, match=r"^a long answer that does not begin as a list does$"):
        decode_page(b"[" * (answer_limits.OBJECT_BYTES + 1), PODS, BodyFormat())


LURES = b",".join([b'{"metadata":{}}'] * 200_000)


def test_borders_that_are_none_cost_little() -> None:
    """An item full of what looks like the next item's begin is tried at few of them."""
    lure = b'{"metadata":{"name":"a","resourceVersion":"1"},"x":[%s]}' % LURES
    body = b'{"metadata":{"resourceVersion":"9"},"items":[%s]}' % b",".join([lure] * 3)
    page, took = steps_of(body)
    assert len(page) == 3
    assert len(took) < 400
