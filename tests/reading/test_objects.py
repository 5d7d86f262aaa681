"""One object: found in one place it is the answer, else what is known about where it is."""

import json

from tests.builders import stored_pod
from tests.reading.conftest import Client, Held


async def test_found_in_one_place_it_is_the_answer(client: Client) -> None:
    async with client.get("/pods/db-1") as answer:
        assert answer.status == 200
        assert "X-Cursor" in answer.headers
        document = await answer.json()
    assert next(iter(document)) == "cluster"
    assert document == {"cluster": "prod", **stored_pod("db-1", "data", 7, app="db")}


async def test_found_in_several_it_is_409_with_the_places(client: Client) -> None:
    async with client.get("/pods/web-1") as answer:
        assert (answer.status, answer.content_type) == (409, "application/problem+json")
        document = json.loads(await answer.text())
    assert document["places"] == [
        {"cluster": "prod", "namespace": "default", "name": "web-1"},
        {"cluster": "staging", "namespace": "default", "name": "web-1"},
    ]
    async with client.get("/pods/web-1", params={"cluster": "staging"}) as answer:
        assert (await answer.json())["metadata"]["resourceVersion"] == "3"
    async with client.get("/pods/db-1", params={"namespace": "data,default"}) as answer:
        assert answer.status == 200


async def test_nowhere_is_404_only_if_everybody_was_asked(client: Client, clusters: dict[str, Held]) -> None:
    async with client.get("/pods/web-9") as answer:
        assert answer.status == 404
    async with client.get("/pods/db-1", params={"namespace": "default"}) as answer:
        assert answer.status == 404
    clusters["staging"].report("pods", "stale", "connection lost")
    async with client.get("/pods/web-9") as answer:
        assert answer.status == 503
        document = json.loads(await answer.text())
    assert [(entry["name"], entry["state"]) for entry in document["clusters"]] == [
        ("prod", "synced"),
        ("staging", "stale"),
    ]
    async with client.get("/pods/web-9", params={"cluster": "prod"}) as answer:
        assert answer.status == 404


async def test_fields_and_formats_work_as_in_lists(client: Client) -> None:
    async with client.get("/pods/db-1", params={"fields": "status.phase"}) as answer:
        assert set(await answer.json()) == {"cluster", "kind", "apiVersion", "metadata", "status"}
    async with client.get("/pods/db-1", params={"format": "yaml"}) as answer:
        assert (await answer.text()).startswith("cluster: prod\nkind: Pod\napiVersion: v1\nmetadata:\n")
    async with client.get("/pods/db-1", params={"format": "name"}) as answer:
        assert await answer.text() == "prod pod/db-1\n"
    async with client.get("/pods/db-1", params={"limit": "1"}) as answer:
        assert answer.status == 400


async def test_the_tag_of_an_object_changes_with_it(client: Client, clusters: dict[str, Held]) -> None:
    async with client.get("/pods/db-1") as answer:
        tag = answer.headers["ETag"]
    async with client.get("/pods/db-1", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    clusters["prod"].fill("pods", [stored_pod("db-1", "data", 8)], 11)
    async with client.get("/pods/db-1", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200
