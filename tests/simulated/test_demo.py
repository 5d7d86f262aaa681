"""The clusters of a demonstration are reached with the kubeconfig that comes with them, and not without."""

from __future__ import annotations

import stat

import aiohttp
import orjson
import pytest
import yaml

from app.simulator.simulated_fleet import cluster_plans, run_demo


def test_clusters_have_telling_names_that_stay_when_more_are_asked_for() -> None:
    names = [plan.name for plan in cluster_plans(60)]
    assert names[:3] == ["prod-eu", "prod-us", "staging"]
    assert len(set(names)) == 60
    assert [plan.name for plan in cluster_plans(9)] == names[:9]


def test_no_clusters_at_all_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"count is 0.*1 cluster or more"):
        cluster_plans(0)


async def test_a_demonstration_serves_each_cluster_under_its_context() -> None:
    async with run_demo(3, seed=5) as demo:
        assert stat.S_IMODE(demo.path.stat().st_mode) == 0o600
        config = yaml.safe_load(demo.path.read_text())
        assert config == demo.kubeconfig
        assert [context["name"] for context in config["contexts"]] == ["prod-eu", "prod-us", "staging"]
        assert config["current-context"] == "prod-eu"
        servers = {each["name"]: each["cluster"]["server"] for each in config["clusters"]}
        tokens = {each["name"]: each["user"]["token"] for each in config["users"]}
        assert len(set(servers.values())) == len(set(tokens.values())) == 3
        counts = []
        async with aiohttp.ClientSession() as session:
            for context in config["contexts"]:
                server = servers[context["context"]["cluster"]]
                token = tokens[context["context"]["user"]]
                headers = {"Authorization": f"Bearer {token}"}
                async with session.get(f"{server}/api/v1/pods", headers=headers) as answer:
                    assert answer.status == 200
                    counts.append(len((await answer.json())["items"]))
                async with session.get(f"{server}/api/v1/pods") as answer:
                    assert answer.status == 401
        assert len(set(counts)) == 3, "clusters differ in size"
        assert min(counts) > 30
    assert not demo.path.exists()


async def test_a_demonstration_that_lives_replaces_what_a_client_deletes() -> None:
    async with run_demo(1, speed=20) as demo, aiohttp.ClientSession() as session:
        server = demo.kubeconfig["clusters"][0]["cluster"]["server"]
        token = demo.kubeconfig["users"][0]["user"]["token"]
        session.headers["Authorization"] = f"Bearer {token}"
        pods = f"{server}/api/v1/namespaces/shop/pods"
        query = {"labelSelector": "app=cart"}
        async with session.get(pods, params=query) as answer:
            listed = await answer.json()
        version = listed["metadata"]["resourceVersion"]
        victim = listed["items"][0]["metadata"]["name"]
        async with session.delete(f"{pods}/{victim}") as answer:
            assert answer.status == 200
        seen: list[tuple[str, bool]] = []
        watch = {**query, "watch": "1", "resourceVersion": version, "timeoutSeconds": "60"}
        async with session.get(pods, params=watch) as answer:
            async for line in answer.content:
                event = orjson.loads(line)
                seen.append((event["type"], event["object"]["metadata"]["name"] == victim))
                if ("DELETED", True) in seen and ("ADDED", False) in seen:
                    break
        assert ("MODIFIED", True) in seen, "it had its time to stop"


async def test_a_demonstration_without_tokens_answers_clients_that_send_none_over_plain_http() -> None:
    async with run_demo(1, living=False, tokens=False) as demo, aiohttp.ClientSession() as session:
        assert demo.lives == ()
        assert demo.kubeconfig["users"] == [{"name": "prod-eu", "user": {}}]
        server = demo.kubeconfig["clusters"][0]["cluster"]["server"]
        async with session.get(f"{server}/apis/apps/v1/namespaces/shop/deployments/cart") as answer:
            assert (await answer.json())["status"]["readyReplicas"] == 4


async def test_a_write_of_one_field_leaves_all_others_in_their_order() -> None:
    """Who reviews an edit sees what was edited, and no fields that have moved."""
    patch = {"metadata": {"annotations": {"edited": "1"}}}
    async with run_demo(1, seed=5) as demo, aiohttp.ClientSession() as session:
        (cluster,), (user,) = demo.kubeconfig["clusters"], demo.kubeconfig["users"]
        headers = {"Authorization": f"Bearer {user['user']['token']}"}
        for path in ("/api/v1/pods", "/apis/apps/v1/deployments", "/api/v1/services", "/apis/batch/v1/jobs"):
            async with session.get(cluster["cluster"]["server"] + path, headers=headers) as answer:
                first = (await answer.json())["items"][0]
            place = f"namespaces/{first['metadata']['namespace']}/"
            group, _, plural = path.rpartition("/")
            async with session.patch(
                f"{cluster['cluster']['server']}{group}/{place}{plural}/{first['metadata']['name']}",
                params={"dryRun": "All"},
                data=orjson.dumps(patch),
                headers=headers | {"Content-Type": "application/merge-patch+json"},
            ) as answer:
                assert answer.status == 200, await answer.text()
                patched = orjson.loads(await answer.read())
            assert orjson.dumps(patched["spec"]) == orjson.dumps(first["spec"])
