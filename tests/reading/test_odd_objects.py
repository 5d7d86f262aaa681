"""Objects of every kind, in which one value is not what anybody expects, in every form there is.

The object is shown, and all others are shown as if it were not there.
"""

import asyncio
import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app import jsontext
from app.api.http import rendering
from app.api.http.rendering import Listing, Pieces
from app.cache.objects import CachedObject, key_of
from app.cache.query.object_paths import ANY, Path
from app.cache.query.queries import Query, run
from app.cache.store import Store
from app.cache.tables import builtin_tables, live_cells, table_for
from app.commands.object_description import describe_object
from app.commands.table_rows import ResourceTable
from app.kube.wire.watch_event import decode_event
from app.kube.wire.wire_object import BodyFormat
from app.kubeapi.cached import cached_body
from app.streams.deltas import merge_patch
from app.streams.frames import ResourceFrames
from app.yamltext import dump
from tests.querying.objects import patient
from tests.reading.kinds import Example, examples

EXAMPLES = examples()
# Who it is, API servers and what reads them see to.
IDENTITY = [
    ("kind",),
    ("apiVersion",),
    ("metadata",),
    *(
        ("metadata", name)
        for name in ("name", "namespace", "uid", "resourceVersion", "labels", "managedFields")
    ),
]
Steps = tuple[str | int, ...]


def deep(depth: int, inner: Any) -> Any:
    for number in range(depth):
        inner = {"a": inner} if number % 2 else [inner]
    return inner


HUGE = [jsontext.decode(each) for each in (b"1" * 5000, b"-" + b"9" * 5000, b"1e999", b"-1E999")]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 5, 1.5, -0.0, 10**25, -(10**400), *HUGE),
    *([], [None], [[]], [{}], ["text"], [5], {}, {"a": None}, {"a": [5]}, {"": {}}, {"a\n\x00.b": 1}),
    *("", "text", "5", "-1", "1e3", "null", "~", "NaN", "2026-02-31T00:00:00Z", "0001-01-01T00:00:00+14:00"),
    *("\x00", "\x1b[2J", "a\tb\nc\r\n", "\u2028\x85", "\ufffe", "😀" * 300, "x" * 100_000, "1" * 5000),
    *(deep(450, 1), deep(450, HUGE[0]), [HUGE[0], {"a": HUGE[2]}]),
]


def places(value: object, *above: str | int) -> Iterator[Steps]:
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in within:
        if (*above, step) not in IDENTITY:
            yield (*above, step)
        if (*above, step) not in (("metadata", "labels"), ("metadata", "managedFields")):
            yield from places(below, *above, step)


def turned(value: Any) -> Any:
    """A value of another kind that says the same."""
    match value:
        case dict():
            return [*value.values()]
        case list():
            return {f"key {number}": each for number, each in enumerate(value)}
        case str():
            return len(value)
        case bool() | None:
            return str(value)
        case _:
            return jsontext.encode(value).decode()


@st.composite
def mutated(draw: st.DrawFn, example: dict[str, Any]) -> tuple[dict[str, Any], list[Steps]]:
    """An object with one to three odd values, and where these are."""
    found, where = copy.deepcopy(example), []
    for _ in range(draw(st.integers(1, 3))):
        steps = draw(st.sampled_from([*places(example)]))
        holder: Any = found
        try:
            for step in steps[:-1]:
                holder = holder[step]
            before = holder[steps[-1]]
            holder[steps[-1]] = turned(before) if draw(st.booleans()) else draw(st.sampled_from(ODD))
        except (KeyError, IndexError, TypeError):  # Another odd value is there.
            continue
        where.append(steps)
    return found, where


def cached(store: Store, example: Example, name: str, obj: dict[str, Any], version: int) -> CachedObject:
    """As it comes out of a watch."""
    metadata = {**obj["metadata"], "name": name, "uid": name, "resourceVersion": str(version)}
    document = jsontext.encode({**obj, "metadata": metadata})
    wired = decode_event(b'{"type":"ADDED","object":%s}' % document, BodyFormat()).object
    assert wired is not None
    key = key_of(wired.namespace, wired.name)
    return CachedObject(key, wired.uid, wired.version, store.labels(wired.labels), wired.tail)


class World:
    """An odd object between two that are not."""

    def __init__(self, example: Example, odd: dict[str, Any], where: list[Steps]) -> None:
        self.example, self.where = example, where
        self.store = Store("prod", example.resource.name)
        self.first, self.last = (
            cached(self.store, example, name, example.object, number) for name, number in (("a", 1), ("z", 3))
        )
        self.before = cached(self.store, example, "odd", example.object, 2)
        self.odd = cached(self.store, example, "odd", odd, 4)
        self.objects = [self.first, self.odd, self.last]
        self.table = table_for(example.resource.name, example.columns)
        self.others = Store("prod", example.resource.name)
        for each in (self.first, self.before, self.last, self.odd):
            self.store.apply(each)
        for each in (self.first, self.last):
            self.others.apply(each)

    def paths(self) -> Iterator[str]:
        """To the odd values, what is beside them and what is in them."""
        for steps in self.where:
            yield str(Path(steps))
            for every in range(len(steps)):
                yield str(Path((*steps[:every], ANY, *steps[every + 1 :])[:32]))
            yield f"{Path(steps)}[*]"
            yield f"{Path(steps)}.a[0]"

    async def query(self, store: Store | None = None, **given: str) -> list[str]:
        result = await run(Query.parse(**given), [store or self.store])
        return [found.name for _, objects in result.runs for found in objects]

    def listing(self, objects: list[CachedObject], fields: str = "") -> Listing:
        tail_of = Query.parse(fields=fields).projection
        return Listing(
            self.example.resource,
            "cursor",
            [],
            [("prod", objects)],
            tail_of=tail_of.tail if tail_of is not None else None,
            printer_columns=self.example.columns,
        )


async def body(pieces: Pieces) -> bytes:
    return b"".join([piece async for piece in pieces])


def loads(document: bytes) -> Any:
    return jsontext.decode(document)


def words(line: str) -> list[str]:
    return line.split()


async def check_lists(world: World) -> None:
    everything, others = world.listing(world.objects), world.listing([world.first, world.last])
    items = loads(await body(rendering.json_list(everything)))["items"]
    assert [item["metadata"]["name"] for item in items] == ["a", "odd", "z"]
    assert items[1] == {"cluster": "prod", **loads(world.odd.json)}
    assert [loads(line) for line in (await body(rendering.ndjson_list(everything))).splitlines()] == items
    assert len((await body(rendering.LISTS["name"](everything))).splitlines()) == 3
    text = await body(rendering.yaml_list(everything))
    assert text.startswith(b"kind: ")
    assert text.endswith(dump([items[0]]) + dump([items[1]]) + dump([items[2]]))
    assert sum(isinstance(event, yaml.DocumentEndEvent) for event in yaml.parse(text, yaml.CSafeLoader)) == 1
    assert await body(rendering.yaml_object(world.listing([world.odd]))) == dump(items[1])
    for form in ("table", "wide"):
        lines = (await body(rendering.LISTS[form](everything))).decode().split("\n")
        expected = (await body(rendering.LISTS[form](others))).decode().split("\n")
        assert len(lines) == 5, lines
        assert [words(lines[0]), words(lines[1]), words(lines[3])] == [*map(words, expected[:3])]


async def check_cut(world: World) -> None:
    fields = ",".join(["metadata.creationTimestamp", *world.paths()])
    items = loads(await body(rendering.json_list(world.listing(world.objects, fields))))["items"]
    others = loads(await body(rendering.json_list(world.listing([world.first, world.last], fields))))["items"]
    assert [items[0], items[2]] == others
    for steps in world.where:
        expected, found = loads(world.odd.json), items[1]
        for step in steps:
            if not isinstance(expected, dict) or step not in expected:
                break
            expected, found = expected[step], found[step]
        else:
            assert repr(found) == repr(expected)


async def check_queries(world: World) -> None:
    for path in world.paths():
        for sort in (path, f"-{path}", f"{path},-metadata.name"):
            names = await world.query(sort=sort)
            assert sorted(names) == ["a", "odd", "z"]
            names.remove("odd")
            assert names == await world.query(world.others, sort=sort)
        for condition in ("=", "!=", "=5", "~.", ">1", "<1", ">2026-01-01T00:00:00Z"):
            names = await world.query(field_selector=path + condition)
            others = await world.query(world.others, field_selector=path + condition)
            assert [name for name in names if name != "odd"] == others
        assert await world.query(field_selector=f"metadata.name=odd,{path}!=nothing like this") == ["odd"]


async def check_streams(world: World) -> None:
    place = ResourceFrames("prod", world.example.resource)
    for found in world.objects:
        cells = live_cells(world.table, found)
        row = loads(place.row("ADDED", found, place.cells(cells, None)))
        assert len(row["cells"]) >= len(world.table.columns)
        # Browsers read it.
        orjson.loads(place.row("ADDED", found, place.cells(cells, None)))
        frame = loads(place.state("MODIFIED", found, found.tail))
        assert frame["object"]["metadata"]["name"] == found.name
    for old, new in ((world.before, world.odd), (world.odd, world.before), (world.odd, world.odd)):
        patch = merge_patch(old.json, new.json)
        if patch is not None:
            assert repr(merged(loads(old.json), loads(patch))) == repr(in_order(loads(new.json)))
            loads(place.patch(old, new, patch))


def merged(value: Any, patch: Any) -> Any:
    """RFC 7396, with the members of objects in the order of their names."""
    if not isinstance(patch, dict):
        return in_order(patch)
    found = dict(value) if isinstance(value, dict) else {}
    for name, member in patch.items():
        if member is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), member)
    return in_order(found)


def in_order(value: Any) -> Any:
    return jsontext.decode(jsontext.encode(value, by_name=True))


async def check_kubernetes(world: World) -> None:
    listed = cached_body.Listed(world.example.resource, "List", world.objects, {}, world.example.columns)
    for included in ("Object", "Metadata", "None"):
        # kubectl gives up a table of which one cell is a number that Go has not.
        rows = loads(await body(cached_body.table(listed, included)))["rows"]
        for row in rows:
            orjson.loads(orjson.dumps(row["cells"]))
        for row, found in zip(rows, world.objects, strict=True):
            assert any(str(cell).startswith(found.name) for cell in row["cells"])
    assert len(loads(await body(cached_body.metadata_list(listed)))["items"]) == 3


async def check_commands(world: World) -> None:
    objects = [{"cluster": "prod", **loads(each.json)} for each in world.objects]
    rows = ResourceTable(
        world.example.resource.name,
        namespaced=world.example.resource.namespaced,
        printer_columns=world.example.columns,
        wide=True,
        whole_names=True,
    )
    now = datetime.now(UTC)
    assert len(rows.lines(objects, now)) == len(rows.more(objects, now)) == 4
    assert jsontext.decode(jsontext.encode(objects, indented=True)) == objects
    lines = [*describe_object(objects[1], objects, now, colour=True)]
    assert lines[0].split() == ["name:", "odd"]
    assert any("events:" in line for line in lines)


CHECKS = (check_lists, check_cut, check_queries, check_streams, check_kubernetes, check_commands)


async def check(world: World) -> None:
    for each in CHECKS:
        await each(world)


@pytest.mark.parametrize("name", EXAMPLES)
@settings(patient, max_examples=4)
@given(st.data())
def test_one_odd_object_spoils_no_form_of_the_others(name: str, data: st.DataObject) -> None:
    example = EXAMPLES[name]
    odd, where = data.draw(mutated(example.object))
    asyncio.run(check(World(example, odd, where)))


def test_every_kind_with_a_table_of_its_own_is_tried() -> None:
    assert {*builtin_tables._ROWS} <= {name.split()[0] for name in EXAMPLES}
