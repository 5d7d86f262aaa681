"""Secrets that were read redacted, edited and written back keep their values, on a real API server."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp.test_utils import TestServer

from app.api.application import make_application
from app.api.door.door import Door
from app.api.http.app_keys import Serving
from app.fleet.fleet import Fleet
from bench.testbed.control_plane import BASIC, ControlPlane, write_kubeconfig
from tests.kubernetes.binaries import assets
from tests.reading.conftest import OPTIONS

REDACTED = "k8s-mcp/redacted"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
VALUES = {"user": "alice", "password": "hunter2", "empty": ""}
JSON, YAML = "application/json", "application/yaml"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
APPLY, JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Place:
    """A Secret in the API server, and the product in front of it."""

    def __init__(self, session: aiohttp.ClientSession, plane: ControlPlane, url: str, name: str) -> None:
        self._session = session
        self._plane = plane
        self._url = url
        self.name = name
        self.path = f"/api/v1/namespaces/default/secrets/{name}"

    @property
    def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = self._plane.request("GET", self.path)
        return found

    @property
    def values(self) -> dict[str, str]:
        data = self.stored.get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def create(self, **members: Any) -> None:
        annotations = {"note": "mine", LAST_APPLIED: "{}"}
        body = {"metadata": {"name": self.name, "annotations": annotations}, "stringData": VALUES, **members}
        self._plane.request("POST", self.path.rpartition("/")[0], body)

    async def read(self) -> Any:
        """As the fleet tells it."""
        async with self._session.get(f"{self._url}/secrets/{self.name}?namespace=default") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def write(self, method: str, path: str, media: str, body: Any, **params: str) -> tuple[int, Any]:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        async with self._session.request(
            method, self._url + path, params=params, data=data, headers={"Content-Type": media}
        ) as answer:
            return answer.status, await answer.json(content_type=None)

    async def write_fleet(self, method: str, media: str, body: Any, **params: str) -> tuple[int, Any]:
        return await self.write(
            method, f"/secrets/{self.name}", media, body, cluster="plane", namespace="default", **params
        )

    async def write_own(self, method: str, media: str, body: Any, **params: str) -> tuple[int, Any]:
        return await self.write(method, f"/clusters/plane{self.path}", media, body, **params)


@pytest.fixture
async def place(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Place]:
    fleet = Fleet(OPTIONS, [control_plane.kubeconfig(tmp_path / "kubeconfig")])
    await fleet.start()
    app = make_application(fleet, Door(None, "127.0.0.1", []), Serving(5.0, None, None))
    try:
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            await fleet.clusters["plane"].settled.wait()
            place = Place(
                session, control_plane, str(server.make_url("")).rstrip("/"), f"s-{uuid.uuid4().hex[:8]}"
            )
            yield place
            control_plane.request("DELETE", place.path)
    finally:
        await fleet.close()


FACES = pytest.mark.parametrize("face", ["write_fleet", "write_own"])


@FACES
@pytest.mark.parametrize(
    ("method", "media", "params"),
    [
        ("PUT", JSON, {}),
        ("PUT", YAML, {}),
        ("PATCH", MERGE, {}),
        ("PATCH", STRATEGIC, {}),
        ("PATCH", APPLY, {"fieldManager": "somebody", "force": "true"}),
    ],
)
async def test_what_was_redacted_is_kept_and_what_was_changed_is_written(
    place: Place, face: str, method: str, media: str, params: dict[str, str]
) -> None:
    place.create()
    secret = await place.read()
    assert secret["data"] == dict.fromkeys(VALUES, "")
    assert secret["metadata"]["annotations"] == {"note": "mine", REDACTED: "true"}
    secret["data"]["password"] = encoded("changed")
    secret["metadata"]["annotations"]["note"] = "yours"
    if face == "write_own":
        del secret["cluster"]
    body = yaml.safe_dump(secret) if "yaml" in media else secret
    status, answer = await getattr(place, face)(method, media, body, **params)
    assert status == 200, answer
    assert place.values == {**VALUES, "password": "changed"}
    assert place.stored["metadata"]["annotations"] == {"note": "yours", LAST_APPLIED: "{}"}


@FACES
async def test_a_key_that_is_left_out_of_a_replacement_goes(place: Place, face: str) -> None:
    place.create()
    secret = await place.read()
    del secret["data"]["password"], secret["cluster"]
    status, answer = await getattr(place, face)("PUT", JSON, secret)
    assert status == 200, answer
    assert place.values == {"user": "alice", "empty": ""}


@FACES
@pytest.mark.parametrize(
    ("method", "media", "left"),
    [("PUT", JSON, VALUES), ("PATCH", MERGE, {"password": "hunter2", "empty": ""}), ("PUT", YAML, VALUES)],
)
async def test_null_is_empty_but_for_patches_that_remove_by_it(
    place: Place, face: str, method: str, media: str, left: dict[str, str]
) -> None:
    place.create()
    secret = await place.read()
    del secret["cluster"]
    secret["data"]["user"] = None
    body = yaml.safe_dump(secret) if media == YAML else secret
    status, answer = await getattr(place, face)(method, media, body)
    assert status == 200, answer
    assert place.values == left


@FACES
async def test_a_name_that_stands_twice_is_refused(place: Place, face: str) -> None:
    place.create()
    secret = await place.read()
    del secret["cluster"]
    text = json.dumps(secret)
    for body in (text[:-1] + f', "metadata": {{"name": "{place.name}"}}}}', text[:-1] + ', "data": {}}'):
        status, answer = await getattr(place, face)("PUT", JSON, body)
        assert (face, status) in (("write_fleet", 400), ("write_fleet", 422), ("write_own", 422)), answer
    assert place.values == VALUES


@pytest.mark.parametrize(
    ("media", "odd"),
    [(YAML, "metadata: {}\n"), (YAML, "a: &a [*a]\n"), (JSON, "[" * 2000 + "]" * 2000)],
)
async def test_what_is_redacted_and_cannot_be_read_is_not_passed_on(
    place: Place, media: str, odd: str
) -> None:
    place.create()
    secret = await place.read()
    del secret["cluster"]
    body = yaml.safe_dump(secret) + odd if media == YAML else json.dumps(secret)[:-1] + f', "a": {odd}}}'
    status, answer = await place.write_own("PUT", media, body)
    assert (status, "redacted" in json.dumps(answer)) == (422, True), answer
    assert place.values == VALUES


@FACES
async def test_a_key_that_was_renamed_is_refused_by_its_name(place: Place, face: str) -> None:
    place.create()
    secret = await place.read()
    del secret["cluster"]
    secret["data"]["pass"] = secret["data"].pop("password")
    status, answer = await getattr(place, face)("PUT", JSON, secret)
    assert status == 422
    assert "holds no value of pass" in json.dumps(answer)
    assert place.values == VALUES


async def test_apply_of_what_was_read_changes_nothing_and_owns_what_it_held(place: Place) -> None:
    place.create()
    before = place.stored
    text = yaml.safe_dump(await place.read())
    for _ in range(2):
        status, answer = await place.write("POST", "/apply", YAML, text, cluster="plane")
        assert (status, answer["results"][0]["documents"][0]["status"]) == (200, 200), answer
        text = yaml.safe_dump(await place.read())
    assert place.values == VALUES
    assert place.stored["metadata"]["annotations"] == before["metadata"]["annotations"]


async def test_a_change_in_between_is_not_overwritten(place: Place) -> None:
    place.create()
    secret = await place.read()
    place._plane.request("PUT", place.path, {"metadata": {"name": place.name}, "stringData": {"user": "bob"}})
    status, _ = await place.write_fleet("PUT", JSON, secret)
    assert status == 409
    assert place.values == {"user": "bob"}


async def test_values_may_be_given_as_text(place: Place) -> None:
    place.create()
    secret = await place.read()
    secret["stringData"] = {"password": "changed", "new": "1"}
    status, answer = await place.write_fleet("PUT", JSON, secret)
    assert status == 200, answer
    assert place.values == {**VALUES, "password": "changed", "new": "1"}


async def test_a_copy_elsewhere_is_refused_for_it_would_be_empty(place: Place) -> None:
    place.create()
    secret = await place.read()
    other = {**secret, "metadata": {"name": f"{place.name}-copy", "annotations": {REDACTED: "true"}}}
    for method, path in (("POST", "/secrets"), ("POST", "/apply")):
        status, answer = await place.write(method, path, JSON, other, cluster="plane", namespace="default")
        assert "holds no value of" in json.dumps(answer), answer
        assert status == 422
    del other["cluster"]
    status, _ = await place.write(
        "POST", "/clusters/plane/api/v1/namespaces/default/secrets", JSON, {**other, "apiVersion": "v1"}
    )
    assert status == 422


@FACES
async def test_operations_cannot_write_the_annotation(place: Place, face: str) -> None:
    place.create()
    path = "/metadata/annotations/k8s-mcp~1redacted"
    for operation in (
        {"op": "add", "path": path, "value": "true"},
        {"op": "add", "path": "/metadata/annotations", "value": {REDACTED: "true"}},
    ):
        status, answer = await getattr(place, face)("PATCH", JSON_PATCH, [operation])
        assert status == 422, answer
    operation = {"op": "replace", "path": "/data/user", "value": encoded("bob")}
    status, answer = await getattr(place, face)("PATCH", JSON_PATCH, [operation])
    assert status == 200, answer
    assert place.values == {**VALUES, "user": "bob"}


async def test_what_kubectl_sends_of_a_file_that_was_read_here_keeps_the_values(
    place: Place, tmp_path: Path
) -> None:
    place.create()
    secret = await place.read()
    del secret["cluster"]
    applied = json.dumps({**secret, "metadata": {"name": place.name, "annotations": {REDACTED: "true"}}})
    patch = {
        "metadata": {"annotations": {REDACTED: "true", LAST_APPLIED: applied}},
        "data": dict.fromkeys(VALUES, ""),
    }
    status, answer = await place.write_own("PATCH", STRATEGIC, patch)
    assert status == 200, answer
    assert place.values == VALUES
    assert REDACTED not in json.dumps(place.stored)


async def test_a_dry_run_says_the_same_and_writes_nothing(place: Place) -> None:
    place.create()
    version = place.stored["metadata"]["resourceVersion"]
    secret = await place.read()
    secret["data"]["user"] = encoded("bob")
    status, answer = await place.write_fleet("PUT", JSON, secret, dryRun="All")
    assert (status, answer["data"]) == (200, dict.fromkeys(VALUES, ""))
    assert answer["metadata"]["annotations"][REDACTED]
    assert place.stored["metadata"]["resourceVersion"] == version


async def test_an_immutable_secret_may_be_relabelled(place: Place) -> None:
    place.create(immutable=True)
    secret = await place.read()
    secret["metadata"]["labels"] = {"a": "b"}
    status, answer = await place.write_fleet("PUT", JSON, secret)
    assert status == 200, answer
    assert (place.values, place.stored["metadata"]["labels"]) == (VALUES, {"a": "b"})


async def test_a_binary_body_with_the_annotation_is_refused(place: Place) -> None:
    place.create()
    body = b"k8s\0" + REDACTED.encode()
    status, answer = await place.write_own("PUT", "application/vnd.kubernetes.protobuf", body)
    assert status == 422, answer
    assert place.values == VALUES


def cbor(value: Any, *, parts: int = 0) -> bytes:
    """A document as CBOR, with texts in parts of so many bytes."""
    if isinstance(value, dict):
        members = b"".join(cbor(name, parts=parts) + cbor(each, parts=parts) for name, each in value.items())
        return bytes([0xA0 + len(value)]) + members
    text = str(value).encode()
    if not parts:
        return (bytes([0x60 + len(text)]) if len(text) < 24 else bytes([0x78, len(text)])) + text
    pieces = [text[at : at + parts] for at in range(0, len(text), parts)]
    return b"\x7f" + b"".join(bytes([0x60 + len(piece)]) + piece for piece in pieces) + b"\xff"


@pytest.mark.parametrize("media", ["application/cbor", "application/apply-patch+cbor"])
@pytest.mark.parametrize("parts", [0, 1, 5, 16])
async def test_cbor_with_the_annotation_is_refused_however_it_is_cut(
    place: Place, media: str, parts: int
) -> None:
    place.create()
    metadata = {"name": place.name, "annotations": {REDACTED: "true"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"user": ""}}
    method = "PUT" if media == "application/cbor" else "PATCH"
    status, answer = await place.write_own(method, media, b"\xd9\xd9\xf7" + cbor(secret, parts=parts))
    assert (status, "accepted is JSON or YAML" in json.dumps(answer)) == (422, True), answer
    assert place.values == VALUES


@pytest.mark.parametrize("kind", ["List", "SecretList"])
async def test_lists_of_secrets_that_are_applied_keep_the_values(place: Place, kind: str) -> None:
    place.create()
    secret = await place.read()
    secret["data"]["user"] = encoded("bob")
    item = {
        name: value for name, value in secret.items() if kind == "List" or name not in ("kind", "apiVersion")
    }
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": place.name, "namespace": "default"},
    }
    items = [config, item] if kind == "List" else [item]
    body = yaml.safe_dump({"apiVersion": "v1", "kind": kind, "items": items})
    # Who created it manages the user.
    _, answer = await place.write("POST", "/apply", YAML, body, cluster="plane", force="true")
    assert {each["status"] for each in answer["results"][0]["documents"]} <= {200, 201}, answer
    assert place.values == {**VALUES, "user": "bob"}
    if kind == "List":
        place._plane.request("DELETE", f"/api/v1/namespaces/default/configmaps/{place.name}")


@pytest.mark.parametrize("kind", ["List", "SecretList"])
async def test_lists_of_secrets_are_created_by_nobody(place: Place, kind: str) -> None:
    """An API server takes one object at a time: what is redacted in a list cannot get past us."""
    place.create()
    secret = await place.read()
    del secret["cluster"]
    secret["metadata"] = {"name": f"{place.name}-copy", "annotations": {REDACTED: "true"}}
    body = {"apiVersion": "v1", "kind": kind, "items": [secret]}
    collection = place.path.rpartition("/")[0]
    for path in ("/secrets?cluster=plane&namespace=default", f"/clusters/plane{collection}"):
        status, answer = await place.write("POST", path, JSON, body)
        assert 400 <= status < 500, answer
    listed = place._plane.request("GET", collection)["items"]
    assert not [each for each in listed if each["metadata"]["name"] == f"{place.name}-copy"]
    assert place.values == VALUES


@pytest.fixture
def other_plane() -> Iterator[ControlPlane]:
    with ControlPlane(assets(*BASIC)) as plane:
        yield plane


async def test_each_cluster_keeps_its_own_values(
    control_plane: ControlPlane, other_plane: ControlPlane, tmp_path: Path
) -> None:
    planes = {"a": control_plane, "b": other_plane}
    name = f"s-{uuid.uuid4().hex[:8]}"
    path = f"/api/v1/namespaces/default/secrets/{name}"
    before = {"a": {"user": "alice", "password": "one"}, "b": {"user": "bob", "password": "two", "more": "b"}}
    for cluster, plane in planes.items():
        body = {"metadata": {"name": name}, "stringData": before[cluster]}
        plane.request("POST", path.rpartition("/")[0], body)
    write_kubeconfig(tmp_path / "kubeconfig", planes)
    fleet = Fleet(OPTIONS, [tmp_path / "kubeconfig"])
    await fleet.start()
    app = make_application(fleet, Door(None, "127.0.0.1", []), Serving(5.0, None, None))

    def values() -> dict[str, dict[str, str]]:
        held = {cluster: plane.request("GET", path)["data"] for cluster, plane in planes.items()}
        return {
            cluster: {key: base64.b64decode(value).decode() for key, value in data.items()}
            for cluster, data in held.items()
        }

    try:
        async with TestServer(app) as server, aiohttp.ClientSession(str(server.make_url("/"))) as session:
            await asyncio.gather(*(each.settled.wait() for each in fleet.clusters.values()))
            async with session.get(f"secrets/{name}?namespace=default&cluster=a") as answer:
                secret = await answer.json()
            del secret["metadata"]["resourceVersion"], secret["metadata"]["uid"]
            secret["data"]["password"] = encoded("new")
            to_all = {"cluster": "*", "namespace": "default"}
            for method, media in (("PATCH", MERGE), ("PATCH", STRATEGIC), ("PATCH", APPLY)):
                params = {**to_all, **({"force": "true"} if media == APPLY else {})}
                headers = {"Content-Type": media}
                async with session.request(
                    method, f"secrets/{name}", params=params, json=secret, headers=headers
                ) as answer:
                    assert answer.status == 200, await answer.text()
                assert values() == {each: {**before[each], "password": "new"} for each in before}
            async with session.post("apply", params={**to_all, "force": "true"}, json=secret) as answer:
                assert answer.status == 200, await answer.text()
            assert values() == {each: {**before[each], "password": "new"} for each in before}
            # A replacement has the keys that it names; what a cluster does not hold is refused there.
            secret["data"]["more"] = ""
            async with session.put(f"secrets/{name}", params=to_all, json=secret) as answer:
                results = (await answer.json())["results"]
            assert [(each["cluster"], each["status"]) for each in results] == [("a", 422), ("b", 200)]
            assert "holds no value of more" in results[0]["error"]["detail"]
            assert values() == {each: {**before[each], "password": "new"} for each in before}
    finally:
        await fleet.close()
        control_plane.request("DELETE", path)


async def test_some_fields_of_a_secret_say_too_that_they_are_redacted(place: Place) -> None:
    place.create()
    url = f"{place._url}/secrets/{place.name}?namespace=default&fields=data"
    async with place._session.get(url) as answer:
        secret = await answer.json()
    assert secret["metadata"]["annotations"] == {REDACTED: "true"}
    status, answer = await place.write_fleet("PUT", JSON, secret)
    assert (status, "fields=" in answer["detail"]) == (422, True), answer
    assert place.values == VALUES


@FACES
async def test_the_answer_to_a_deletion_is_no_secret_and_is_not_redacted(place: Place, face: str) -> None:
    place.create()
    status, answer = await getattr(place, face)("DELETE", JSON, "")
    place.create()
    assert (status, answer["kind"], answer["status"], answer["metadata"]) == (200, "Status", "Success", {})


@FACES
async def test_the_answer_to_a_deletion_that_waits_is_the_secret(place: Place, face: str) -> None:
    place.create()
    finalized = {"metadata": {"finalizers": ["example.com/stays"]}}
    place._plane.request("PATCH", place.path, finalized, content_type=MERGE)
    status, answer = await getattr(place, face)("DELETE", JSON, "")
    place._plane.request("PATCH", place.path, {"metadata": {"finalizers": None}}, content_type=MERGE)
    place.create()
    assert (status, answer["kind"]) == (200, "Secret"), answer
    # The cluster's own API answers writes with what the API server says.
    redacted = face == "write_fleet"
    assert (REDACTED in answer["metadata"]["annotations"], any(answer["data"].values())) == (
        redacted,
        not redacted,
    )


async def test_who_may_not_read_the_values_cannot_have_them_kept(
    control_plane: ControlPlane, place: Place
) -> None:
    place.create()
    secret = await place.read()
    del secret["cluster"]
    headers = {"Content-Type": JSON, "Impersonate-User": "somebody"}
    async with place._session.put(
        f"{place._url}/clusters/plane{place.path}", data=json.dumps(secret), headers=headers
    ) as answer:
        assert answer.status == 422
    assert place.values == VALUES
