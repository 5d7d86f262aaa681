"""Cursors say exactly what was seen while they fit a header line, and less beyond that."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.streams.cursor import LIMIT, Cursor, CursorError, StorePosition

SIGNATURE = b"selector"
names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
positions = st.builds(
    StorePosition,
    cluster=names,
    identity=st.just("uid"),
    resource=st.sampled_from(["pods", "deployments.apps", "nodes"]),
    namespace=st.sampled_from([None, "default", "kube-system"]),
    version=st.integers(1, 2**40),
)


def read(cursor: Cursor, position: StorePosition) -> int | None:
    return cursor.version(position.cluster, position.identity, position.resource, position.namespace)


@given(st.lists(positions, max_size=20, unique_by=lambda p: (p.cluster, p.resource, p.namespace)))
def test_what_goes_in_comes_out(seen: list[StorePosition]) -> None:
    cursor = Cursor.decode(Cursor.at(seen, SIGNATURE).encode())
    assert cursor.signature == SIGNATURE
    assert [read(cursor, position) for position in seen] == [position.version for position in seen]


def test_what_was_not_seen_is_not_claimed() -> None:
    cursor = Cursor.decode(Cursor.at([StorePosition("prod", "uid", "pods", None, 7)], SIGNATURE).encode())
    assert cursor.version("prod", "uid", "nodes", None) is None
    assert cursor.version("prod", "uid", "pods", "default") is None
    assert cursor.version("prod", "another uid", "pods", None) is None
    assert cursor.version("staging", "uid", "pods", None) is None


@pytest.mark.parametrize(("clusters", "resources"), [(500, 1), (500, 12), (3000, 2)])
def test_a_large_fleet_gets_a_cursor_that_fits_and_never_claims_more(clusters: int, resources: int) -> None:
    seen = [
        StorePosition(
            f"cluster-{c}", f"uid-{c}", f"resource-{r}.example.com", None, 90_000_000 + c * 977 + r * 13
        )
        for c in range(clusters)
        for r in range(resources)
    ]
    text = Cursor.at(seen, SIGNATURE).encode()
    assert len(text) <= LIMIT
    cursor = Cursor.decode(text)
    claims = [(read(cursor, position), position.version) for position in seen]
    assert all(claimed is None or claimed <= version for claimed, version in claims)
    if clusters == 500:
        # Coarser, but not by much: nobody is sent from the start.
        assert all(claimed is not None and claimed > version - 1000 for claimed, version in claims)


def test_500_clusters_of_one_resource_stay_exact() -> None:
    seen = [StorePosition(f"cluster-{c}", f"uid-{c}", "pods", None, 200_000_000 + c) for c in range(500)]
    cursor = Cursor.decode(Cursor.at(seen, SIGNATURE).encode())
    assert [read(cursor, position) for position in seen] == [position.version for position in seen]


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.hex()))
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(CursorError, match="is not a cursor; accepted is"):
        Cursor.decode(text)


@given(st.data())
def test_a_damaged_cursor_is_refused_or_claims_something_else_without_a_crash(data: st.DataObject) -> None:
    text = Cursor.at([StorePosition("prod", "uid", "pods", None, 7)], SIGNATURE).encode()
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.sampled_from("Aa0_-")) + text[at + 1 :]
    with suppress(CursorError):
        Cursor.decode(damaged)
