"""What is asked about the fleet itself: clusters, resources, readiness, metrics, documentation."""

import base64
import json
import logging

import pytest
import yaml

from app.api import health
from app.api.routes import ENDPOINTS
from tests.reading.conftest import Client, Held, StartServer


async def test_clusters_say_how_they_are(client: Client, clusters: dict[str, Held]) -> None:
    clusters["prod"].report("secrets", "forbidden", "may not list secrets")
    clusters["staging"].know("unreachable", "connection refused")
    async with client.get("/clusters") as answer:
        prod, staging = (await answer.json())["clusters"]
    assert (prod["name"], prod["context"], prod["state"]) == ("prod", "the prod", "synced")
    assert prod["version"] == "v1.37.0"
    states = {entry["name"]: (entry["state"], entry["error"]) for entry in prod["resources"]}
    assert states == {"pods": ("synced", None), "secrets": ("forbidden", "may not list secrets")}
    assert (staging["state"], staging["error"]) == ("unreachable", "connection refused")
    async with client.get("/clusters", params={"cluster": "prod"}) as answer:
        assert len((await answer.json())["clusters"]) == 1


async def test_resources_say_what_can_be_asked_for(client: Client) -> None:
    async with client.get("/resources") as answer:
        found = {entry["name"]: entry for entry in (await answer.json())["resources"]}
    assert found["pods"]["clusters"] == ["prod", "staging"]
    assert found["deployments.apps"]["kind"] == "Deployment"
    assert found["nodes"]["namespaced"] is False
    assert "po" in found["pods"]["shortNames"]


async def test_the_kubeconfig_leads_back_to_where_it_was_asked_for(start: StartServer) -> None:
    client = await start()
    async with client.get("/clusters/prod/kubeconfig", headers={"Host": "localhost:9"}) as answer:
        assert answer.status == 200
        document = yaml.safe_load(await answer.text())
    assert document["clusters"][0]["cluster"] == {"server": "http://localhost:9/clusters/prod"}
    assert document["users"][0]["user"] == {}
    async with client.get("/clusters/nowhere/kubeconfig") as answer:
        assert answer.status == 404


async def test_the_kubeconfig_has_the_token_and_the_certificate(start: StartServer) -> None:
    client = await start(token="t0ken", certificate="PEM")
    headers = {"Authorization": "Bearer t0ken"}
    async with client.get("/clusters/prod/kubeconfig", headers=headers) as answer:
        document = yaml.safe_load(await answer.text())
    assert document["users"][0]["user"] == {"token": "t0ken"}
    data = document["clusters"][0]["cluster"]["certificate-authority-data"]
    assert base64.b64decode(data) == b"PEM"


async def test_ready_is_when_each_cluster_has_synced_or_failed_once(
    client: Client, clusters: dict[str, Held]
) -> None:
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
    clusters["new"] = new = Held("new")
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert "1 of 3" in json.loads(await answer.text())["detail"]
    async with client.get("/readyz?verbose") as answer:
        assert answer.status == 503
        assert await answer.text() == "[+]prod synced\n[+]staging synced\n[-]new syncing\n"
    new.report("pods", "unreachable", "connection refused")
    async with client.get("/readyz?verbose=1") as answer:
        assert answer.status == 200
        assert "[+]new unreachable\n" in await answer.text()


async def test_metrics_tell_of_clusters_watches_and_requests(client: Client) -> None:
    async with client.get("/pods"):
        pass
    async with client.get("/nothing/at/all"):
        pass
    async with client.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        lines = (await answer.text()).splitlines()
    assert 'k8s_mcp_objects{cluster="prod",resource="pods"} 2.0' in lines
    assert 'k8s_mcp_cluster_state{cluster="prod",state="synced"} 1.0' in lines
    assert 'k8s_mcp_reconnects_total{cluster="prod",reason="eof",resource="pods"} 2.0' in lines
    assert 'k8s_mcp_relists_total{cluster="prod",resource="pods"} 0.0' in lines
    assert any(line.startswith('k8s_mcp_object_bytes{cluster="prod",resource="pods"}') for line in lines)
    assert any(line.startswith('k8s_mcp_watch_lag_seconds{cluster="prod",resource="pods"}') for line in lines)
    assert 'k8s_mcp_request_duration_seconds_count{endpoint="/{resource}",status="200"} 1.0' in lines
    assert 'k8s_mcp_request_duration_seconds_count{endpoint="none",status="404"} 1.0' in lines


async def test_the_api_describes_all_of_itself(client: Client) -> None:
    async with client.get("/openapi.json") as answer:
        document = await answer.json()
    assert document["openapi"].startswith("3.1")
    assert {*document["paths"], *document["x-streams"]} == {endpoint.path for endpoint in ENDPOINTS}
    parameters = {entry["name"] for entry in document["paths"]["/{resource}"]["get"]["parameters"]}
    choosing = {"cluster", "namespace", "labelSelector", "fieldSelector", "sort", "limit", "continue"}
    streaming = {"watch", "cursor", "initial", "history", "delta", "shape"}
    assert parameters == {"resource", *choosing, *streaming, "fields", "format", "after"}
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in document["components"]["schemas"]


async def test_an_unexpected_error_is_a_problem_and_one_log_line(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(health, "this_version", broken)
    async with client.get("/version") as answer:
        assert (answer.status, answer.content_type) == (500, "application/problem+json")
        assert "secret detail" not in await answer.text()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == ["request failed"]


async def test_what_is_served_is_not_guessed_at(client: Client) -> None:
    async with client.get("/pods") as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
