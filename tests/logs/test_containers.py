"""Which containers' logs are read, and in which order their lines come."""

import asyncio

import pytest

from tests.kubernetes.binaries import assets
from tests.logs.conftest import Client, following
from tests.logs.kubelet import Kubelet, now

HERE = {"cluster": "plane", "namespace": "default"}


async def read(client: Client, path: str, status: int = 200, **params: str) -> str:
    async with client.get(path, params=HERE | params) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return text


async def test_init_and_ephemeral_containers_have_logs_too(client: Client, kubelet: Kubelet) -> None:
    assets("kubectl")
    kubelet.run("web-1", "main", init=("prepare", "mesh"))
    kubelet.attach("web-1", "debugger")
    moment = now()
    for name in ("debugger", "main", "mesh", "prepare"):
        kubelet.say("web-1", name, f"{moment} from {name}")
    # All were written at one time, so that they stand in the order in which kubectl names containers.
    expected = ["prepare", "mesh", "main", "debugger"]
    text = await read(client, "/pods/web-1/logs")
    assert text.splitlines() == [f"[plane/web-1/{name}] from {name}" for name in expected]
    printed = await asyncio.to_thread(kubelet.plane.kubectl, "logs", "web-1", "--all-containers")
    assert sorted(printed.splitlines()) == sorted(f"from {name}" for name in expected)
    for name in expected:
        assert await read(client, "/pods/web-1/logs", container=name) == f"from {name}\n"


async def test_an_ephemeral_container_joins_the_others_of_a_pod_that_is_followed(
    client: Client, kubelet: Kubelet
) -> None:
    kubelet.run("web-1", "main", "side")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, "/pods/web-1/logs") as log:
        await log.until("one")
        kubelet.attach("web-1", "debugger")
        kubelet.say("web-1", "debugger", f"{now()} a look inside")
        assert await log.until("inside") == ["[plane/web-1/main] one", "[plane/web-1/debugger] a look inside"]
    async with following(client, "/pods/web-1/logs", container="main") as log:
        await log.until("one")
        kubelet.attach("web-1", "other")
        kubelet.say("web-1", "other", f"{now()} a look inside")
        await asyncio.sleep(0.5)
        kubelet.say("web-1", "main", f"{now()} two")
        assert await log.until("two") == ["one", "two"]


async def test_a_workload_has_the_logs_of_all_its_containers(client: Client, kubelet: Kubelet) -> None:
    labels = {"app": "web"}
    kubelet.plane.request("POST", "/api/v1/namespaces/default/services", service("web", labels))
    try:
        kubelet.run("web-1", "main", init=("prepare",), labels=labels)
        kubelet.say("web-1", "prepare", f"{now(5)} done")
        kubelet.say("web-1", "main", f"{now(4)} started")
        text = await read(client, "/services/web/logs")
        assert text.splitlines() == ["[plane/web-1/prepare] done", "[plane/web-1/main] started"]
        async with following(client, "/services/web/logs") as log:
            await log.until("started")
            kubelet.attach("web-1", "debugger")
            kubelet.say("web-1", "debugger", f"{now()} a look inside")
            assert "[plane/web-1/debugger] a look inside" in await log.until("inside")
    finally:
        kubelet.plane.request("DELETE", "/api/v1/namespaces/default/services/web")


async def test_a_container_that_is_not_there_is_an_error_that_names_those_there_are(
    client: Client, kubelet: Kubelet
) -> None:
    labels = {"app": "web"}
    accepted = "container 'nothing' is not accepted; accepted is prepare, main, side"
    kubelet.run("web-1", "main", "side", init=("prepare",), labels=labels)
    assert accepted in await read(client, "/pods/web-1/logs", 400, container="nothing")
    kubelet.plane.request("POST", "/apis/apps/v1/namespaces/default/replicasets", replica_set("web", labels))
    try:
        for follow in ("0", "1"):
            path = "/replicasets/web/logs"
            assert accepted in await read(client, path, 400, container="nothing", follow=follow)
        kubelet.delete("web-1")
        # Where there are no pods, the template says which containers they will have.
        assert "accepted is main" in await read(client, "/replicasets/web/logs", 400, container="nothing")
        assert await read(client, "/replicasets/web/logs", container="main") == ""
    finally:
        kubelet.plane.request("DELETE", "/apis/apps/v1/namespaces/default/replicasets/web")


async def test_lines_are_in_the_order_of_their_times_whatever_zone_and_digits_these_have(
    client: Client, kubelet: Kubelet
) -> None:
    labels = {"app": "web"}
    for pod, stamps in {
        "a": ("2026-11-23T10:00:01Z", "2026-11-23T10:00:03.5Z", "2026-11-23T10:00:03.52Z"),
        "b": (
            "2026-11-23T18:00:02+08:00",
            "2026-11-23T18:00:03.500000001+08:00",
            "2026-11-23T18:00:09+08:00",
        ),
        "c": ("2026-11-23T04:30:01.000000001-05:30", "2026-11-23T04:30:03.51-05:30"),
    }.items():
        kubelet.run(pod, "main", labels=labels)
        kubelet.say(pod, "main", *(f"{stamp} {number}" for number, stamp in enumerate(stamps)))
    kubelet.plane.request("POST", "/api/v1/namespaces/default/services", service("web", labels))
    try:
        for tail in ("3", "100"):
            text = await read(client, "/services/web/logs", tailLines=tail)
            lines = [line.replace("[plane/", "").replace("/main]", "") for line in text.splitlines()]
            assert lines == ["a 0", "c 0", "b 0", "a 1", "b 1", "c 1", "a 2", "b 2"]
    finally:
        kubelet.plane.request("DELETE", "/api/v1/namespaces/default/services/web")


@pytest.mark.parametrize("follow", ["0", "1"])
async def test_a_node_that_is_slow_to_answer_does_not_change_the_order(
    client: Client, kubelet: Kubelet, follow: str
) -> None:
    labels = {"app": "web"}
    kubelet.plane.request("POST", "/api/v1/namespaces/default/services", service("web", labels))
    try:
        for name, ago in (("web-1", 20), ("web-2", 30)):
            kubelet.run(name, "main", labels=labels)
            kubelet.say(name, "main", f"{now(ago)} first", f"{now(ago - 5)} second")
        kubelet.delays["web-2"] = 1
        async with following(client, "/services/web/logs", follow=follow) as log:
            lines = [(await log.answer.content.readline()).decode() for _ in range(4)]
        assert [line.partition("/main] ")[0][-1] for line in lines] == ["2", "2", "1", "1"]
    finally:
        kubelet.plane.request("DELETE", "/api/v1/namespaces/default/services/web")


async def test_logs_beyond_the_limit_are_named_and_read_when_there_is_room(
    client: Client, kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.podlogs.pod_logs.MOST", 2)
    labels = {"app": "web"}
    kubelet.plane.request("POST", "/api/v1/namespaces/default/services", service("web", labels))
    try:
        for name in ("web-1", "web-2"):
            kubelet.run(name, "main", labels=labels)
            kubelet.say(name, "main", f"{now()} from {name}")
        async with following(client, "/services/web/logs") as log:
            await log.until("from web-2")
            kubelet.run("web-3", "main", labels=labels)
            kubelet.say("web-3", "main", f"{now()} from web-3")
            await log.until(
                "[plane/web-3/main] (no log yet: 2 are read already; container= or cluster= choose"
            )
            kubelet.delete("web-1")
            lines = await log.until("from web-3")
        assert [line for line in lines if "web-3" in line][1:] == ["[plane/web-3/main] from web-3"]
    finally:
        kubelet.plane.request("DELETE", "/api/v1/namespaces/default/services/web")


def service(name: str, labels: dict[str, str]) -> dict[str, object]:
    return {"metadata": {"name": name}, "spec": {"selector": labels, "ports": [{"port": 80}]}}


def replica_set(name: str, labels: dict[str, str]) -> dict[str, object]:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "i"}]}}
    selector = {"matchLabels": labels}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 0, "selector": selector, "template": template},
    }
