"""Values that JSON has and Python has not: the object that holds one is shown, and hurts no other."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from app import jsontext
from app.client import AsyncFleet
from app.commands import describe, get
from app.commands.object_args import ObjectFilter, parse_resource_args
from app.yamltext import dump
from tests.builders import stored_pod
from tests.reading.conftest import Client, Held

DEPTH = 450
# What is printed of each in YAML; None for what stands in many lines.
ODD: dict[str, tuple[bytes, str | None]] = {
    "integer of 5,000 digits": (b"1" * 5000, "1" * 5000),
    "negative one": (b"-" + b"2" * 5000, "-" + "2" * 5000),
    "integer of 25 digits": (b"1234567890123456789012345", "1234567890123456789012345"),
    "beyond doubles": (b"1e999", "1e999"),
    "below doubles": (b"-1E+999", "-1E+999"),
    "minus zero": (b"-0", "0"),
    "minus zero with a point": (b"-0.0", "-0.0"),
    "a fraction of 5,000 digits": (b"0." + b"3" * 5000, "0.3333333333333333"),
    "control characters": (rb'"\u0000\u001b[31m\u0085\u009b\u2028"', r'"\0\e[31m\N\x9B\L"'),
    "NaN as a text": (b'"NaN"', "NaN"),
    "infinity as a text": (b'".inf"', "'.inf'"),
    "a long text": (b'"%s"' % (b"x" * 1_000_000), "x" * 1_000_000),
    "deep objects": (b'{"a":' * DEPTH + b"1" + b"}" * DEPTH, None),
    "deep arrays": (b"[" * DEPTH + b"]" * DEPTH, None),
    "an odd number in what is deep": (b"[" * DEPTH + b"1e999" + b"]" * DEPTH, None),
    "a map for a list": (b'{"containers":1e999}', None),
}


def odd_pod(value: bytes, version: int = 6) -> bytes:
    whole = json.dumps(stored_pod("odd", version=version, app="odd")).encode()
    # In what some columns are made of, and in what nobody reads.
    return whole.replace(b'"spec": {', b'"spec": {"priority": %s, "odd": %s, ' % (value, value))


@pytest.fixture(params=ODD)
def value(request: pytest.FixtureRequest) -> bytes:
    return ODD[request.param][0]


@pytest.fixture
async def odd(client: Client, clusters: dict[str, Held], value: bytes) -> Client:
    """A server with a pod that holds an odd value, between two others."""
    others = [
        json.dumps(stored_pod(name, version=number)).encode() for number, name in enumerate(("a", "z"), 4)
    ]
    clusters["prod"].fill_with_json("pods", [others[0], odd_pod(value), others[1]], 10)
    clusters["staging"].fill("pods", [], 10)
    return client


@pytest.mark.parametrize(
    ("value", "spelled"), [pytest.param(*each, id=name) for name, each in ODD.items() if each[1]]
)
def test_yaml_says_the_value_as_it_was_spelled(value: bytes, spelled: str) -> None:
    assert dump(jsontext.decode(b'{"a":%s}' % value)).decode() == f"a: {spelled}\n"


async def text(client: Client, path: str, **query: str) -> str:
    async with client.get(path, params=query) as answer:
        # What is cut off raises here.
        found = await answer.text()
        assert answer.status == 200, found
        return found


def loads(document: str) -> Any:
    return json.loads(document, parse_int=str, parse_float=str)


def names(document: str) -> list[str]:
    return [item["metadata"]["name"] for item in loads(document)["items"]]


async def test_lists_in_every_format_are_whole(odd: Client, value: bytes) -> None:
    document = await text(odd, "/pods")
    assert names(document) == ["a", "odd", "z"]
    assert value.decode() in document
    assert len((await text(odd, "/pods", format="ndjson")).splitlines()) == 3
    assert len((await text(odd, "/pods", format="name")).splitlines()) == 3
    for form in ("table", "wide"):
        _, a, row, z = (await text(odd, "/pods", format=form)).splitlines()
        # kubectl prints one that is not odd in the same way.
        assert [cell for cell in row.split() if cell != "odd"] == [cell for cell in a.split() if cell != "a"]
        assert z.split()[2] == "z"
    events = [*yaml.parse(await text(odd, "/pods", format="yaml"), Loader=yaml.CSafeLoader)]
    scalars = [event.value for event in events if isinstance(event, yaml.ScalarEvent)]
    assert [scalars[at + 1] for at, each in enumerate(scalars) if each == "name"].count("main") == 3
    assert {"a", "odd", "z"} <= {*scalars}


async def test_the_object_alone_is_whole(odd: Client, value: bytes) -> None:
    document = await text(odd, "/pods/odd")
    assert value.decode() in document
    assert loads(document)["metadata"]["name"] == "odd"
    assert (await text(odd, "/pods/odd", format="yaml")).startswith("cluster: prod\nkind: Pod\n")
    assert "\nodd" not in await text(odd, "/pods/odd", format="table")


async def test_selecting_sorting_and_cutting_see_the_value_and_the_rest(odd: Client, value: bytes) -> None:
    for selector in ("status.phase=Running", "spec.containers[*].name=main", "spec.odd!=nothing"):
        assert names(await text(odd, "/pods", fieldSelector=selector)) == ["a", "odd", "z"]
    assert names(await text(odd, "/pods", fieldSelector="spec.nodeName=node-1,spec.odd=")) == ["a", "z"]
    for sort in ("spec.odd", "-spec.odd", "spec.odd[*]", "-spec[*]", "spec.priority,-spec.odd"):
        assert {*names(await text(odd, "/pods", sort=sort))} == {"a", "odd", "z"}
    first = loads(await text(odd, "/pods", sort="spec.odd", limit="1"))
    rest = await text(odd, "/pods", sort="spec.odd", limit="2", **{"continue": first["metadata"]["continue"]})
    assert [item["metadata"]["name"] for item in first["items"]] == ["odd"]
    assert names(rest) == ["a", "z"]
    cut = loads(await text(odd, "/pods", fields="spec.odd,spec.containers[*].image"))
    assert [item["metadata"]["name"] for item in cut["items"]] == ["a", "odd", "z"]
    assert cut["items"][1]["spec"]["odd"] == loads(value.decode())


async def stream(client: Client, path: str, **query: str) -> AsyncIterator[Any]:
    """The frames of a stream of lines, each with how it was spelled."""
    async with client.get(path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        while line := await answer.content.readuntil(b"\n", max_size=1 << 24):
            yield jsontext.decode(line), line


async def test_streams_of_objects_rows_and_patches_bring_it_and_all_others(
    odd: Client, clusters: dict[str, Held], value: bytes
) -> None:
    for shape in ({}, {"delta": "merge"}, {"shape": "table"}, {"shape": "table", "fields": "spec.odd"}):
        frames = stream(odd, "/pods", watch="1", **shape)
        seen = []
        async for frame, line in frames:
            if frame["type"] == "SYNCED":
                break
            seen += [frame["name"]] if frame["type"] == "ADDED" else []
            if frame.get("name") == "odd" and "shape" not in shape:
                assert value in line
        assert sorted(seen) == ["a", "odd", "z"]
        clusters["prod"].modify("pods", odd_pod(b"1", 20))
        clusters["prod"].modify("pods", odd_pod(value, 21))
        clusters["prod"].modify("pods", odd_pod(value, 22).replace(b"nginx:1.27", b"nginx:2"))
        clusters["prod"].modify("pods", json.dumps(stored_pod("z", version=23)).encode())
        last = b""
        async for frame, line in frames:
            if frame.get("name") == "z":
                break
            assert frame["type"] in ("MODIFIED", "BOOKMARK"), frame
            if frame.get("resourceVersion") == "21" and "shape" not in shape:
                told = frame.get("patch") or frame["object"]
                assert told["spec"]["odd"] == jsontext.decode(value)
            last = line if frame.get("resourceVersion") == "22" else last
        assert b"nginx:2" in last or "shape" in shape
        assert len(last) < 1000 or shape.get("delta") != "merge" or len(value) > 100_000
        clusters["prod"].fill_with_json(
            "pods", [odd_pod(value), *(json.dumps(stored_pod(n, version=5)).encode() for n in "az")], 30
        )


async def test_sse_and_websockets_bring_it(odd: Client, value: bytes) -> None:
    async with odd.get(
        "/stream", params={"resource": "pods"}, headers={"Accept": "text/event-stream"}
    ) as sse:
        seen = []
        while b"SYNCED" not in (line := await sse.content.readuntil(b"\n", max_size=1 << 24)):
            seen += [line] if line.startswith(b"data:") else []
        assert sum(value in line for line in seen) == 1
        assert len([line for line in seen if b'"ADDED"' in line]) == 3
    async with odd.ws_connect("/ws?resource=pods", max_msg_size=0) as socket:
        messages = []
        while "SYNCED" not in (message := (await socket.receive()).data):
            messages.append(message)
        assert sum(value.decode() in message for message in messages) == 1
        assert len([message for message in messages if '"ADDED"' in message]) == 3


async def test_the_client_reads_it_and_what_it_writes_of_it_is_the_same(odd: Client, value: bytes) -> None:
    async with AsyncFleet(str(odd.make_url("/"))) as fleet:
        pods = await fleet.list("pods")
        assert [pod.metadata.name for pod in pods] == ["a", "odd", "z"]
        assert jsontext.encode(pods[1].spec.odd) == jsontext.encode(jsontext.decode(value))
        async for event in fleet.watch("pods"):
            if event.type == "SYNCED":
                break
            if event.name == "odd":
                assert event.object is not None
                assert event.object["spec"]["odd"] == jsontext.decode(value)


async def test_commands_print_it(odd: Client, value: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    everywhere = ObjectFilter([], [])
    async with AsyncFleet(str(odd.make_url("/"))) as fleet:
        for form in ("json", "yaml", "table", "wide", "name"):
            assert await get._show(fleet, parse_resource_args(["pods"]), everywhere, form) == 0
            printed = capsys.readouterr().out
            assert "odd" in printed
            if form == "json":
                found = jsontext.decode(printed.encode())["items"]
                assert [each["metadata"]["name"] for each in found] == ["a", "odd", "z"]
                assert jsontext.encode(found[1]["spec"]["odd"]) == jsontext.encode(jsontext.decode(value))
        # Of names, the command makes the table.
        assert await get._show(fleet, parse_resource_args(["pods", "a", "odd", "z"]), everywhere, "wide") == 0
        assert [line.split()[2] for line in capsys.readouterr().out.splitlines()[1:]] == ["a", "odd", "z"]
        assert await describe._describe(fleet, parse_resource_args(["pod/odd"]), everywhere) == 0
        assert capsys.readouterr().out.startswith("name:         odd\n")
