"""What a caller asks to see, made of texts without any request of HTTP."""

from typing import cast

import pytest

from app.cache.query.queries import run
from app.cache.query.query_errors import SelectorError
from app.fleet.cluster import Cluster
from app.fleet.fleet import Fleet, UnknownCluster
from app.fleet.selection import NotPermitted, Scope, SelectionParameters, select_resource
from app.kube.discovery.resource_names import UnknownResource
from tests.reading.conftest import OPTIONS, Held

ALL = Scope()


@pytest.fixture
def fleet(clusters: dict[str, Held]) -> Fleet:
    fleet = Fleet(OPTIONS)
    fleet.clusters = cast(dict[str, Cluster], clusters)
    return fleet


async def names(fleet: Fleet, scope: Scope, **texts: str) -> list[tuple[str, str]]:
    selection, coverage = await select_resource(fleet, scope, SelectionParameters.of(texts), "po", 0.1)
    assert selection.resources == ("pods",)
    result = await run(selection.query, coverage.stores)
    return [(store.cluster, found.name) for store, objects in result.runs for found in objects]


async def test_names_between_commas_and_selectors_choose(fleet: Fleet) -> None:
    assert len(await names(fleet, ALL)) == 4
    assert await names(fleet, ALL, cluster=" prod,", namespace="data, default ,", labelSelector="app=db") == [
        ("prod", "db-1")
    ]
    assert await names(fleet, ALL, sort="-metadata.name", limit="1") == [("staging", "web-2")]


async def test_a_scope_narrows_what_is_selected(fleet: Fleet) -> None:
    scope = Scope(clusters=frozenset({"prod"}), namespaces=frozenset({"default", "more"}))
    assert await names(fleet, scope) == [("prod", "web-1")]
    for outside in ({"cluster": "staging"}, {"namespace": "data"}):
        with pytest.raises(NotPermitted):
            await names(fleet, scope, **outside)


async def test_what_cannot_be_selected_is_named(fleet: Fleet) -> None:
    with pytest.raises(UnknownCluster, match="no cluster 'pro'") as caught:
        await names(fleet, ALL, cluster="pro,prod")
    assert caught.value.name == "pro"
    with pytest.raises(SelectorError, match="namespace 'data,B'"):
        await names(fleet, ALL, namespace="data,B")
    with pytest.raises(UnknownResource, match="'podz'"):
        await select_resource(fleet, ALL, SelectionParameters(), "podz", 0.1)
