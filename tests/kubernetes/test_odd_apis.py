"""APIs of a real API server that do not work say so themselves, and spoil nothing else of their cluster."""

import asyncio
import json
import urllib.error
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bench.testbed.control_plane import ControlPlane, Refused
from bench.testbed.product import Product, until
from tests.builders import crd
from tests.connecting.certificates import Authority

pytestmark = [pytest.mark.xdist_group("kubernetes"), pytest.mark.timeout(300)]

GROUP = "odd.example.com"
ROOT = f"/apis/{GROUP}/v1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
ANYTHING = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}


def gadget(plural: str) -> dict[str, Any]:
    metadata = {"name": "one", "namespace": "default", "uid": f"{plural}-1", "resourceVersion": "7"}
    return {"apiVersion": f"{GROUP}/v1", "kind": plural.capitalize(), "metadata": metadata}


def entry(plural: str, verbs: list[str] | None) -> dict[str, Any]:
    return {
        "name": plural,
        "singularName": "",
        "namespaced": True,
        "kind": plural.capitalize(),
        "verbs": verbs,
    }


async def aggregated(request: web.BaseRequest) -> web.StreamResponse:
    """An API server of extensions: of its resources one lists, one fails, and one has no verbs."""
    failure = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    if request.path == ROOT:
        reads = ["get", "list", "watch"]
        resources = [entry("listed", reads), entry("broken", reads), entry("mute", None)]
        version = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/v1"}
        return web.json_response({**version, "resources": resources})
    if request.path.endswith("/listed") and "watch" not in request.query:
        head = {"apiVersion": f"{GROUP}/v1", "kind": "ListedList", "metadata": {"resourceVersion": "9"}}
        return web.json_response({**head, "items": [gadget("listed")]})
    if request.path.endswith("/listed/one"):
        return web.json_response(gadget("listed"))
    if request.path.startswith(ROOT):
        away = {"code": 503, "reason": "ServiceUnavailable", "message": "the store is away"}
        return web.json_response({**failure, **away}, status=503)
    return web.json_response({**failure, "code": 404}, status=404)


@pytest.fixture
async def odd_plane(control_plane: ControlPlane) -> AsyncIterator[ControlPlane]:
    """An API server with the extension, another that is away, and objects that cannot be converted."""
    runner = web.ServerRunner(web.Server(aggregated), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=Authority().server()).start()

    def make() -> list[str]:
        return [
            *aggregate(control_plane, GROUP, "extension", runner.addresses[0][1]),
            *aggregate(control_plane, "away.example.com", "away", 1),
            define(control_plane),
        ]

    made = await asyncio.to_thread(make)
    yield control_plane
    for path in reversed(made):
        await asyncio.to_thread(control_plane.request, "DELETE", path)
    await runner.cleanup()


def aggregate(plane: ControlPlane, group: str, name: str, port: int) -> list[str]:
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    services = "/api/v1/namespaces/default/services"
    plane.request("POST", services, {"metadata": {"name": name}, "spec": spec})
    reference = {"namespace": "default", "name": name, "port": port}
    priorities = {"groupPriorityMinimum": 100, "versionPriority": 100}
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1.{group}"},
        "spec": {
            **priorities,
            "group": group,
            "version": "v1",
            "service": reference,
            "insecureSkipTLSVerify": True,
        },
    }
    plane.request("POST", SERVICES, service)
    return [f"{services}/{name}", f"{SERVICES}/v1.{group}"]


def define(plane: ControlPlane) -> str:
    """``gears``, one of which is stored as v1 and would have to be converted to be read as v2."""
    definition = crd("gears", "Gear", schema=ANYTHING["openAPIV3Schema"])
    (first,) = definition["spec"]["versions"]
    plane.request("POST", DEFINITIONS, definition)
    gear = {"apiVersion": "example.com/v1", "kind": "Gear", "metadata": {"name": "one"}}
    until(lambda: answers(plane, "POST", "/apis/example.com/v1/namespaces/default/gears", gear), seconds=30)
    client = {"url": "https://127.0.0.1:1/convert"}
    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
    spec = {
        "versions": [first, {**first, "name": "v2", "storage": False}],
        "conversion": {"strategy": "Webhook", "webhook": webhook},
    }
    path = f"{DEFINITIONS}/gears.example.com"
    plane.request("PATCH", path, {"spec": spec}, content_type="application/merge-patch+json")
    # At once, or once its cache has given up.
    until(lambda: refusal(plane, "/apis/example.com/v2/gears") in (429, 500), seconds=30)
    return path


def answers(plane: ControlPlane, method: str, path: str, body: object = None) -> bool:
    try:
        plane.request(method, path, body)
    except Refused:
        return False
    return True


def refusal(plane: ControlPlane, path: str) -> int:
    """The status of an error; 0 where there is none."""
    try:
        plane.request("GET", path)
    except Refused as error:
        return error.status
    return 0


def failure(product: Product, path: str) -> Any:
    """The document of an error."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        product.get(path)
    with refused.value as answer:
        body = answer.read()
    return json.loads(body) if body.startswith(b"{") else {"code": answer.code}


def entry_of(product: Product, resource: str) -> tuple[str, str, int]:
    """State, error and number of objects of the cluster in a list."""
    (found,) = product.get(f"/{resource}")["clusters"]
    return found["state"], str(found["error"]), found["objects"]


async def test_each_says_its_own_state_and_the_cluster_is_synced(
    odd_plane: ControlPlane, tmp_path: Path
) -> None:
    await asyncio.to_thread(check, odd_plane, tmp_path)


def check(odd_plane: ControlPlane, tmp_path: Path) -> None:
    until(lambda: answers(odd_plane, "GET", f"{ROOT}/namespaces/default/listed/one"), seconds=60)
    config = odd_plane.kubeconfig(tmp_path / "config")
    with Product(tmp_path, "--kubeconfig", str(config)) as product:
        until(lambda: product.state("plane") == "synced", seconds=30)

        def says(resource: str, state: str, error: str) -> bool:
            found, why, _ = entry_of(product, resource)
            return found == state and error in why

        until(lambda: says("gears.example.com", "unreachable", ""), seconds=30)
        until(lambda: says(f"broken.{GROUP}", "unreachable", "the store is away"), seconds=30)
        until(lambda: says(f"listed.{GROUP}", "stale", "cannot be watched: "), seconds=60)
        assert product.names(f"/listed.{GROUP}") == {"plane/default/one"}
        # What has no verbs is not there to be listed, and is no trouble.
        assert failure(product, f"/mute.{GROUP}")["status"] == 404

        (cluster,) = product.get("/clusters")["clusters"]
        assert cluster["state"] == "synced"
        assert any("away.example.com" in problem for problem in cluster["discoveryErrors"])
        for resource in ("pods", "namespaces", "nodes", "services"):
            assert product.state("plane", f"/{resource}") == "synced"
        assert "plane/default/extension" in product.names("/services")

        # Whatever the cache thinks of it, the API server is asked and answers itself.
        own = "/clusters/plane"
        listed = product.get(f"{own}{ROOT}/namespaces/default/listed/one")
        gear = product.get(f"{own}/apis/example.com/v1/namespaces/default/gears/one")
        assert (listed["metadata"]["uid"], gear["metadata"]["name"]) == ("listed-1", "one")
        resources = product.get(f"{own}{ROOT}")["resources"]
        assert [each["name"] for each in resources] == ["listed", "broken", "mute"]
        for path in ("/apis/example.com/v2/gears", f"{ROOT}/broken"):
            found = failure(product, f"{own}{path}")
            assert (found["kind"], found["code"]) == ("Status", refusal(odd_plane, path))
        assert failure(product, f"{own}/apis/away.example.com/v1/things")["code"] == 503
