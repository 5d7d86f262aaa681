"""Edits: two texts of an object, of which the difference is written."""

import json
import logging
from typing import Any

import pytest

from app.fleet.cluster_request import EDIT
from tests.builders import config_map
from tests.writing.conftest import Client, Clusters, StartServer

TEXT = """apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  namespace: default
data:
  x: old
"""
NEW = TEXT.replace("x: old", "x: new")


@pytest.fixture(autouse=True)
def there(clusters: Clusters) -> None:
    for cluster in clusters.values():
        cluster.storage.create(config_map("a", data={"x": "old", "y": "kept"}))


def stored(clusters: Clusters, name: str) -> Any:
    return clusters[name].storage.collection("configmaps")["default", "a"].obj


async def edit(
    client: Client, before: str, after: str, cluster: str = "prod", name: str = "a", **params: str
) -> tuple[int, Any]:
    answer = await client.patch(
        f"/configmaps/{name}",
        params={"cluster": cluster, "namespace": "default", **params},
        data=json.dumps({"before": before, "after": after}),
        headers={"Content-Type": EDIT},
    )
    return answer.status, await answer.json(content_type=None)


async def test_only_what_was_changed_is_written_in_each_cluster(client: Client, clusters: Clusters) -> None:
    status, answer = await edit(client, TEXT, NEW, cluster="*")
    assert status == 200, answer
    assert [result["object"]["data"] for result in answer["results"]] == [{"x": "new", "y": "kept"}] * 2
    assert stored(clusters, "staging")["data"] == {"x": "new", "y": "kept"}


async def test_each_cluster_has_its_own_conflicts_and_nothings(client: Client, clusters: Clusters) -> None:
    await edit(client, TEXT, NEW)
    status, answer = await edit(client, TEXT, TEXT.replace("x: old", "x: mine"), cluster="*")
    assert status == 207
    prod, staging = answer["results"]
    assert prod["error"]["detail"] == "somebody else has changed data.x meanwhile: read the object again"
    assert staging["object"]["data"]["x"] == "mine"
    _, answer = await edit(client, TEXT, NEW, cluster="*")
    assert answer["results"][0]["warnings"] == [
        "nothing was written: the object is as the edit would make it"
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name: a", "name: b"), "metadata.name cannot be changed from 'a' to 'b'"),
        (("namespace: default", "namespace: other"), "metadata.namespace cannot be changed"),
        (("  namespace: default\n", ""), "metadata.namespace cannot be changed from 'default' to nothing"),
        (("kind: ConfigMap", "kind: Secret"), "kind cannot be changed from 'ConfigMap' to 'Secret'"),
        (("apiVersion: v1", "apiVersion: v2"), "apiVersion cannot be changed"),
        (("apiVersion: v1", "cluster: staging\napiVersion: v1"), "cluster cannot be changed"),
    ],
)
async def test_an_edit_makes_no_other_object(
    client: Client, clusters: Clusters, change: tuple[str, str], said: str
) -> None:
    status, answer = await edit(client, TEXT, NEW.replace(*change))
    assert status == 422
    assert said in answer["detail"]
    assert stored(clusters, "prod")["data"]["x"] == "old"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name: a", "name: b"), "metadata.name of the text before the edit is 'b', and the object has 'a'"),
        (("kind: ConfigMap", "kind: Pod"), "kind of the text before the edit is 'Pod'"),
        (("namespace: default", "namespace: other"), "metadata.namespace of the text before"),
    ],
)
async def test_an_edit_is_of_the_object_that_the_path_names(
    client: Client, clusters: Clusters, change: tuple[str, str], said: str
) -> None:
    status, answer = await edit(client, TEXT.replace(*change), NEW.replace(*change))
    assert status == 422
    assert said in answer["detail"]
    assert stored(clusters, "prod")["data"]["x"] == "old"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (TEXT, TEXT + "  x: twice\n", "after: line 8, column 3: 'x' is there already"),
        (
            TEXT,
            TEXT + "a: [",
            "after: while parsing a flow node did not find expected node content in line 9, column 1",
        ),
        (TEXT, "data: {x: .nan}", "after: line 1, column 11: .nan is no number of JSON"),
        (TEXT, "data: !!binary aGk=", "after: line 1, column 7: the tag 'tag:yaml.org,2002:binary'"),
        (TEXT, "data: *x", "after: line 1, column 7: there is no anchor 'x' before it"),
        (TEXT, "? [a]\n: b", "after: line 1, column 3: a name must be text"),
        (TEXT, TEXT + "a: " + "[" * 300, "after: "),
        (TEXT, "", "after: it must be one object"),
        (TEXT, f"{TEXT}---\n{TEXT}", "after: it must be one object"),
        ("- a", TEXT, "before: it must be one object"),
    ],
)
async def test_what_cannot_be_read_is_named_with_its_place(
    client: Client, before: str, after: str, said: str
) -> None:
    status, answer = await edit(client, before, after)
    assert status == 400
    assert said in answer["detail"]
    assert "\n" not in answer["detail"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b'{"before":"a: 1","after":1}', b'{"before":"\xff"}', b"\xff"]
)
async def test_a_body_that_is_no_edit_is_refused(client: Client, body: bytes) -> None:
    params = {"cluster": "prod", "namespace": "default"}
    answer = await client.patch("/configmaps/a", params=params, data=body, headers={"Content-Type": EDIT})
    assert answer.status == 400
    assert '{"before": YAML, "after": YAML}' in (await answer.json())["detail"]


async def test_what_is_not_there_cannot_be_edited(client: Client) -> None:
    other = TEXT.replace("name: a", "name: b")
    status, answer = await edit(client, other, other.replace("x: old", "x: new"), name="b")
    assert (status, answer["reason"]) == (404, "NotFound")


async def test_read_only_and_dry_runs(clusters: Clusters, serve: StartServer) -> None:
    client = await serve(clusters, read_only=frozenset({"prod"}))
    status, answer = await edit(client, TEXT, NEW)
    assert status == 403, answer
    assert (await edit(client, TEXT, NEW, dryRun="All"))[0] == 200
    assert stored(clusters, "prod")["data"]["x"] == "old"


async def test_an_edit_is_a_patch_in_the_audit_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.api.door.audit"):
        await edit(client, TEXT, NEW)
    (line,) = [record for record in caplog.records if record.name == "app.api.door.audit"]
    assert {"verb": "patch", "cluster": "prod", "resource": "configmaps", "object": "a"}.items() <= vars(
        line
    ).items()


async def test_members_that_are_added_and_removed(client: Client, clusters: Clusters) -> None:
    after = TEXT.replace("  name: a\n", "  name: a\n  labels: {'x.y/z~1': b}\n").replace(
        "  x: old\n", "  z: ''\n"
    )
    status, answer = await edit(client, TEXT, after)
    assert status == 200, answer
    assert stored(clusters, "prod")["metadata"]["labels"] == {"x.y/z~1": "b"}
    assert stored(clusters, "prod")["data"] == {"y": "kept", "z": ""}
    # Below what was not there before, and is now.
    status, _ = await edit(client, TEXT, TEXT.replace("  name: a\n", "  name: a\n  labels: {c: d}\n"))
    assert status == 200
    assert stored(clusters, "prod")["metadata"]["labels"] == {"x.y/z~1": "b", "c": "d"}


async def test_a_text_that_stands_twice_is_refused(client: Client, clusters: Clusters) -> None:
    one, other = json.dumps(NEW), json.dumps(TEXT.replace("x: old", "x: other"))
    answer = await client.patch(
        "/configmaps/a?cluster=prod&namespace=default",
        data=f'{{"before":{json.dumps(TEXT)},"after":{one},"after":{other}}}',
        headers={"Content-Type": EDIT},
    )
    assert answer.status == 400
    assert "'after' stands twice in one object" in await answer.text()
    assert stored(clusters, "prod")["data"]["x"] == "old"
