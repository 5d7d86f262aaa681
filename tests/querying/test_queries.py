"""Queries find what they should, each store seen at one moment, page by page while objects change."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.objects import CachedObject, key_of
from app.cache.query.queries import Query, Result, run
from app.cache.query.query_errors import SelectorError
from app.cache.store import Store
from tests.querying.objects import patient, put

Place = tuple[str, str, str]
PHASES = ["Running", "Pending", "Failed"]


def fleet(clusters: int = 3, namespaces: int = 2, names: int = 5) -> list[Store]:
    """Stores in no particular order, with pods of three phases and two apps."""
    stores = []
    for cluster in reversed(range(clusters)):
        store = Store(f"c{cluster}", "pods")
        for namespace in range(namespaces):
            for name in range(names):
                number = cluster * 7 + namespace * 3 + name
                labels = {"app": "web" if number % 2 else "db"}
                status = {"phase": PHASES[number % 3], "restarts": number % 4}
                put(store, f"ns{namespace}", f"p{name}", metadata={"labels": labels}, status=status)
        stores.append(store)
    return stores


def places(result: Result) -> list[Place]:
    return [(store.cluster, found.namespace, found.name) for store, run_ in result.runs for found in run_]


def everything(stores: list[Store]) -> list[Place]:
    return sorted(
        (store.cluster, found.namespace, found.name) for store in stores for found in store.select()
    )


async def ask(stores: list[Store], **parameters: Any) -> list[Place]:
    result = await run(Query.parse(**parameters), stores)
    assert (result.remaining, result.last) == (0, None)
    return places(result)


async def pages(
    stores: list[Store], parameters: dict[str, str], between: Callable[[], None] = lambda: None
) -> list[list[Place]]:
    """All pages of a query, with something happening after each."""
    found: list[list[Place]] = []
    token: str | None = None
    while True:
        query = Query.parse(continue_=token, **parameters)
        result = await run(query, stores)
        found.append(places(result))
        assert query.cursor == (None if token is None else "the-cursor")
        if result.last is None:
            assert result.remaining == 0
            return found
        assert result.remaining > 0
        assert len(found[-1]) == query.limit
        token = query.continue_after(result.last, "the-cursor")
        between()


async def test_the_default_order_is_cluster_namespace_name() -> None:
    stores = fleet()
    assert await ask(stores) == everything(stores)
    assert await ask([]) == []


async def test_stores_of_single_namespaces_join_in_order() -> None:
    stores = []
    for namespace in ("b", "a-b", "a"):
        store = Store("c", "pods", namespace)
        put(store, namespace, "x")
        put(store, namespace, "y")
        stores.append(store)
    assert await ask(stores) == everything(stores)
    assert await pages(stores, {"limit": "1"}) == [[place] for place in everything(stores)]


async def test_runs_are_neighbours_of_one_store() -> None:
    stores = fleet(2, 1, 2)
    result = await run(Query.parse(sort="metadata.name"), stores)
    assert [(store.cluster, len(found)) for store, found in result.runs] == [("c0", 1), ("c1", 1)] * 2
    result = await run(Query.parse(), stores)
    assert [(store.cluster, len(found)) for store, found in result.runs] == [("c0", 2), ("c1", 2)]


async def test_clusters_can_be_selected_and_sorted_by() -> None:
    stores = fleet()
    assert {place[0] for place in await ask(stores, field_selector="cluster~c[12]")} == {"c1", "c2"}
    assert [place[0] for place in await ask(stores, sort="-cluster")] == ["c2"] * 10 + ["c1"] * 10 + [
        "c0"
    ] * 10


selections = st.fixed_dictionaries(
    {},
    optional={
        "namespaces": st.sampled_from([["ns0"], ["ns1"], ["ns0", "ns1"], ["none"]]),
        "label_selector": st.sampled_from(["app=web", "app!=web", "app", "!app", "app in (web,db)"]),
        "field_selector": st.sampled_from(
            ["status.phase=Running", "status.restarts>1", "metadata.name~[12]", "cluster!=c1,status.phase!="]
        ),
        "sort": st.sampled_from(
            ["status.phase", "-status.restarts,status.phase", "-metadata.name", "none", "-cluster"]
        ),
    },
)  # fmt: skip


@patient
@given(selections, st.integers(1, 40))
async def test_pages_make_up_the_whole(parameters: dict[str, Any], limit: int) -> None:
    stores = fleet()
    query = Query.parse(**parameters)
    whole = await ask(stores, **parameters)
    matching = [
        (store.cluster, found.namespace, found.name)
        for store in stores
        for found in store.select()
        if query.matches(found, store.cluster)
    ]
    assert sorted(whole) == sorted(matching)
    if "sort" not in parameters:
        assert whole == sorted(whole)
    split = await pages(stores, {**parameters, "limit": str(limit)})
    assert [place for page in split for place in page] == whole


async def test_remaining_counts_exactly() -> None:
    stores = fleet()
    for parameters in ({}, {"sort": "-metadata.name"}, {"field_selector": "status.phase=Running"}):
        total = len(await ask(stores, **parameters))
        result = await run(Query.parse(limit="4", **parameters), stores)
        assert result.remaining == total - 4


actions = st.lists(
    st.tuples(st.sampled_from(["put", "delete"]), st.integers(0, 1), st.integers(0, 1), st.integers(0, 4)),
    max_size=60,
)


@pytest.mark.parametrize("selector", [{}, {"field_selector": "kind=Pod"}])
@patient
@given(actions, st.integers(1, 5))
async def test_in_the_default_order_what_stays_shows_exactly_once(
    selector: dict[str, str], changes: list[tuple[str, int, int, int]], limit: int
) -> None:
    stores = fleet(2, 2, 3)
    stayed, ever = set(everything(stores)), set(everything(stores))
    left = iter(changes)

    def change() -> None:
        for _ in range(3):
            action = next(left, None)
            if action is None:
                return
            kind, cluster, namespace, name = action
            store = stores[cluster]
            key = key_of(f"ns{namespace}", f"p{name}")
            if kind == "put":
                put(store, f"ns{namespace}", f"p{name}")
            elif (found := store.get(key)) is not None:
                store.delete(key, found.uid, store.version + 1)
            stayed.intersection_update(everything(stores))
            ever.update(everything(stores))

    split = await pages(stores, {**selector, "limit": str(limit)}, change)
    shown = [place for page in split for place in page]
    assert shown == sorted(set(shown))
    assert stayed <= set(shown) <= ever


async def test_in_another_order_what_keeps_its_key_shows_exactly_once() -> None:
    stores = fleet()
    stayed = {place for place in everything(stores) if place[2] != "p0"}

    def change() -> None:
        for store in stores:
            put(store, "ns0", "p0", status={"restarts": store.version % 5})

    split = await pages(stores, {"limit": "4", "sort": "-status.restarts"}, change)
    shown = [place for page in split for place in page if place in stayed]
    assert sorted(shown) == sorted(stayed)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others get their turn after each object."""
    for name in ("TURN_SECONDS", "_LEAST_SECONDS"):
        monkeypatch.setattr(f"app.turns.{name}", 0.0)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("sort", [None, "-status.restarts"])
async def test_a_list_is_one_moment_of_all_stores(sort: str | None) -> None:
    """An object moves between stores all the time; a list finds it exactly once."""
    stores = fleet(2, 1, 200)
    put(stores[0], "ns0", "moving", status={"restarts": 1})
    moves = 0

    async def move() -> None:
        nonlocal moves
        key = key_of("ns0", "moving")
        while True:
            source, target = stores if moves % 2 == 0 else stores[::-1]
            found = source.get(key)
            assert found is not None
            source.delete(key, found.uid, source.version + 1)
            put(target, "ns0", "moving", status={"restarts": 1})
            moves += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(move())
    for _ in range(3):
        found = await ask(stores, field_selector="status.restarts>0,status.phase!=Failed", sort=sort)
        assert [name for _, _, name in found].count("moving") == 1
    task.cancel()
    assert moves > 3 * 200


@pytest.mark.usefixtures("hasty")
async def test_the_moment_is_when_it_is_awaited() -> None:
    stores = fleet(1, 1, 30)
    query = Query.parse(field_selector="status.phase!=none")
    seen: CachedObject | None = None

    async def change() -> None:
        nonlocal seen
        seen = put(stores[0], "ns0", "late")

    task = asyncio.create_task(change())
    assert len(places(await run(query, stores))) == 30
    await task
    assert seen is not None
    assert len(places(await run(query, stores))) == 31


def test_signatures_are_of_what_is_asked_not_of_how_it_is_spelled() -> None:
    def signature(**parameters: Any) -> bytes:
        return Query.parse(**parameters).signature

    assert signature(namespaces=["a", "b"]) == signature(namespaces=("b", "a", "a"))
    assert signature(label_selector="a=b,c") == signature(label_selector="c, a in (b)")
    assert signature(field_selector="a.b=1,c!=2") == signature(field_selector="c!=2,['a']['b']==1")
    assert (
        signature()
        == signature(sort="a", limit="3", fields="b")
        == signature(namespaces=[], label_selector="")
    )
    different = [
        signature(),
        signature(namespaces=["a"]),
        signature(namespaces=["a", "b"]),
        signature(label_selector="a"),
        signature(label_selector="a=b"),
        signature(field_selector="a=b"),
        signature(field_selector="a~b"),
        signature(label_selector="!a"),
    ]
    assert len(set(different)) == len(different)


async def test_a_token_is_for_its_query_alone() -> None:
    stores = fleet()
    query = Query.parse(limit="2", sort="status.phase", scope="pods")
    result = await run(query, stores)
    assert result.last is not None
    token = query.continue_after(result.last, "")
    assert Query.parse(continue_=token, sort="status.phase", scope="pods", limit="9", fields="a").cursor == ""
    for other in ({}, {"sort": "-status.phase"}, {"sort": "status.phase", "namespaces": ["a"]}):
        with pytest.raises(SelectorError, match=r"^continue .*belongs to another query"):
            Query.parse(continue_=token, scope="pods", **other)
    with pytest.raises(SelectorError, match=r"^continue .*belongs to another query"):
        Query.parse(continue_=token, sort="status.phase", scope="services")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"limit": "-1"}, r"^limit '-1': it is no number of objects; accepted is a whole number"),
        ({"limit": "ten"}, "^limit 'ten'"),
        ({"namespaces": ["a", "B"]}, r"^namespace 'a,B': 'B' is no name of a namespace; accepted is names"),
        ({"label_selector": "a=b=c"}, "^labelSelector 'a=b=c'"),
        ({"field_selector": "a"}, "^fieldSelector 'a'"),
        ({"sort": "a["}, r"^sort 'a\['"),
        ({"fields": "a["}, r"^fields 'a\['"),
        ({"continue_": "x"}, "^continue 'x'"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(SelectorError, match=message):
        Query.parse(**parameters)


async def test_a_limit_of_zero_is_none() -> None:
    stores = fleet()
    assert await ask(stores, limit="0") == everything(stores)


LARGE = {f"key-{number}": f"v{number}" for number in range(60_000)}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("data[*]=v59999", ["large"]),
        ("data[*]=none", []),
        ("data[*]!=v59999", ["other"]),
        ("data[*]!=none", ["large", "other"]),
        ("data[*]~^v5999.$,metadata.name~l", ["large"]),
        ("data[*]~x", []),
        ("data[*]>59998", []),
        ("data.key-7=v7", ["large"]),
        ("metadata.name=other", ["other"]),
    ],
)
async def test_a_large_object_is_filtered_as_any_other(selector: str, expected: list[str]) -> None:
    store = Store("c", "configmaps")
    put(store, "", "large", data=LARGE)
    put(store, "", "other", data={"a": "b"})
    result = await ask([store], field_selector=selector)
    assert [name for _, _, name in result] == expected


@pytest.mark.parametrize(("sort", "expected"), [("data[*]", ["b", "a"]), ("-data[*]", ["a", "b"])])
async def test_a_large_object_is_sorted_as_any_other(sort: str, expected: list[str]) -> None:
    store = Store("c", "configmaps")
    put(store, "", "a", data={**LARGE, "last": "z"})
    put(store, "", "b", data={**LARGE, "last": "u"})
    result = await ask([store], sort=sort)
    assert [name for _, _, name in result] == expected


@pytest.mark.parametrize("asked", [{"sort": "data[*]"}, {"field_selector": "data[*]~x$"}])
async def test_a_large_object_holds_up_nobody(asked: dict[str, str]) -> None:
    store, turns = Store("c", "configmaps"), 0
    put(store, "", "large", data=LARGE)
    asking = asyncio.create_task(ask([store], **asked))
    while not asking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 5
