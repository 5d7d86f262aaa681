"""Custom resources with a member ``cluster`` of their own lose it neither by reads nor by writes."""

import json
import time
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import aiohttp
import pytest
import yaml

from app.client import AsyncFleet, Fleet, FleetError
from bench.testbed.control_plane import ControlPlane, write_kubeconfig
from bench.testbed.product import Product, until
from tests.builders import crd

OBJECT: dict[str, Any] = {"type": "object"}
ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}
SCHEMAS = {
    "gadgets": {**OBJECT, "properties": {"cluster": {**OBJECT, **ANYTHING}, "spec": {**OBJECT, **ANYTHING}}},
    "widgets": {**OBJECT, "properties": {"cluster": {"type": "string"}, "spec": {**OBJECT, **ANYTHING}}},
    "things": {**OBJECT, **ANYTHING},
    "plains": {**OBJECT, "properties": {"spec": {**OBJECT, **ANYTHING}}},
}
OWN: dict[str, Any] = {"gadgets": {"region": "x"}, "widgets": "prod", "things": ["x"]}


class Kinds:
    """The custom resources above, of a group of this test's own, in a real API server."""

    def __init__(self, plane: ControlPlane, group: str) -> None:
        self.plane = plane
        self.group = group

    def path(self, plural: str, name: str = "") -> str:
        return f"/apis/{self.group}/v1/namespaces/default/{plural}" + (f"/{name}" if name else "")

    def object(self, plural: str, name: str, **more: Any) -> dict[str, Any]:
        head = {"apiVersion": f"{self.group}/v1", "kind": plural[:-1].title()}
        return {**head, "metadata": {"name": name, "namespace": "default"}, "spec": {"a": 1}, **more}

    def stored(self, plural: str, name: str) -> dict[str, Any]:
        return dict(self.plane.request("GET", self.path(plural, name)))


@pytest.fixture(scope="module")
def kinds(control_plane: ControlPlane) -> Iterator[Kinds]:
    group = f"own-{uuid.uuid4().hex[:8]}.example.com"
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    kinds = Kinds(control_plane, group)
    for plural in SCHEMAS:
        control_plane.request(
            "POST", definitions, crd(plural, plural[:-1].title(), group, schema=SCHEMAS[plural])
        )
    for plural in SCHEMAS:
        until(partial(served, kinds, plural), seconds=20)
        own = {"cluster": OWN[plural]} if plural in OWN else {}
        control_plane.request("POST", kinds.path(plural), kinds.object(plural, "x", **own))
    yield kinds
    for plural in SCHEMAS:
        control_plane.request("DELETE", f"{definitions}/{plural}.{group}")


def served(kinds: Kinds, plural: str) -> bool:
    try:
        kinds.plane.request("GET", kinds.path(plural))
    except Exception:
        time.sleep(0.2)
        return False
    return True


@pytest.fixture(scope="module")
def product(kinds: Kinds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("own")
    write_kubeconfig(folder / "kubeconfig", {"prod": kinds.plane})
    with Product(folder, "--kubeconfig", str(folder / "kubeconfig")) as product:
        yield product


def twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


@pytest.mark.parametrize("plural", SCHEMAS)
async def test_reads_say_which_cluster_an_object_is_in(kinds: Kinds, product: Product, plural: str) -> None:
    resource = f"{plural}.{kinds.group}"
    async with aiohttp.ClientSession() as session:
        for path in (
            resource,
            f"{resource}/x",
            f"{resource}?fields=cluster.region,spec",
            f"{resource}/x?fields=[*]",
        ):
            async with session.get(f"{product.url}/{path}") as answer:
                document = json.loads(await answer.text(), object_pairs_hook=twice)
            shown = document["items"][0] if "items" in document else document
            assert (shown["cluster"], shown["spec"]) == ("prod", {"a": 1})
        async with session.get(f"{product.url}/{resource}/x?format=yaml") as answer:
            assert yaml.safe_load(await answer.text())["cluster"] == "prod"
        async with session.get(f"{product.url}/{resource}?watch=1") as answer:
            async for line in answer.content:
                frame = json.loads(line, object_pairs_hook=twice)
                if frame["type"] == "ADDED":
                    assert frame["object"]["cluster"] == "prod"
                    break
        # In the cluster's own API it is what it is.
        async with session.get(f"{product.url}/clusters/prod{kinds.path(plural)}") as answer:
            (item,) = (await answer.json())["items"]
    assert item.get("cluster") == OWN.get(plural)


@pytest.mark.parametrize("plural", OWN)
async def test_what_was_read_is_not_written_back_without_it(
    kinds: Kinds, product: Product, plural: str
) -> None:
    resource = f"{plural}.{kinds.group}"
    where: dict[str, Any] = {"cluster": "prod", "namespace": "default"}
    async with AsyncFleet(product.url) as fleet:
        read = dict(await fleet.get(resource, "x"))
        without = {name: value for name, value in read.items() if name != "cluster"}
        for body in (read, without):
            with pytest.raises(FleetError, match=r"of (its|their) own") as error:
                await fleet.replace(resource, "x", body, **where)
            assert (error.value.status, error.value.members["reason"]) == (422, "Invalid")
        (result,) = await fleet.apply(
            {**read, "metadata": {"name": "x", "namespace": "default"}}, cluster=["prod"], force=True
        )
        assert result["documents"][0]["status"] == 422
        # What says nothing of it leaves it as it is.
        patched = await fleet.patch(resource, "x", {"spec": {"b": 2}}, **where)
    assert patched.cluster == "prod"
    stored = kinds.stored(plural, "x")
    assert (stored["cluster"], stored["spec"]) == (OWN[plural], {"a": 1, "b": 2})
    kinds.plane.request("PUT", kinds.path(plural, "x"), {**stored, "spec": {"a": 1}})


@pytest.mark.parametrize("verb", ["create", "replace", "patch", "apply"])
def test_a_member_that_is_no_text_is_the_objects_own(kinds: Kinds, product: Product, verb: str) -> None:
    where: dict[str, Any] = {"cluster": "prod", "namespace": "default"}
    for plural in ("gadgets", "things"):
        name, resource = f"w-{verb}", f"{plural}.{kinds.group}"
        own = {"of": verb}
        body = kinds.object(plural, name, cluster=own)
        if verb in ("replace", "patch"):
            kinds.plane.request("POST", kinds.path(plural), kinds.object(plural, name))
            body["metadata"]["resourceVersion"] = kinds.stored(plural, name)["metadata"]["resourceVersion"]
        with Fleet(product.url) as fleet:
            if verb == "create":
                answer = fleet.create(resource, body, **where)
            elif verb == "replace":
                answer = fleet.replace(resource, name, body, **where)
            elif verb == "patch":
                answer = fleet.patch(resource, name, {"cluster": own}, **where)
            else:
                (answer,) = fleet.apply(body, cluster=["prod"])[0]["documents"]
                answer = answer["object"]
        assert answer["cluster"] == "prod"
        assert kinds.stored(plural, name)["cluster"] == own
        kinds.plane.request("DELETE", kinds.path(plural, name))


async def test_what_has_none_of_its_own_is_written_back_as_it_was_read(
    kinds: Kinds, product: Product
) -> None:
    where: dict[str, Any] = {"cluster": "prod", "namespace": "default"}
    kinds.plane.request("POST", kinds.path("things"), kinds.object("things", "none"))
    async with AsyncFleet(product.url) as fleet:
        for plural, name in (("plains", "x"), ("things", "none")):
            resource = f"{plural}.{kinds.group}"
            read = {**await fleet.get(resource, name, **where), "spec": {"a": 2}}
            assert read["cluster"] == "prod"
            await fleet.replace(resource, name, read, **where)
            stored = kinds.stored(plural, name)
            assert (stored["spec"], "cluster" in stored) == ({"a": 2}, False)
        # Read from a server that calls its clusters otherwise.
        elsewhere = {**await fleet.get(f"plains.{kinds.group}", "x", **where), "cluster": "elsewhere"}
        await fleet.replace(f"plains.{kinds.group}", "x", elsewhere, **where)
        assert "cluster" not in kinds.stored("plains", "x")
    kinds.plane.request("DELETE", kinds.path("things", "none"))
