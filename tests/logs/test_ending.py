"""A followed log ends when nothing more can come: by the state of containers, pods and workloads."""

import asyncio
from typing import Any

import pytest

from tests.logs.conftest import Client, following
from tests.logs.kubelet import Kubelet, Run, now
from tests.logs.test_containers import replica_set

POD = "/pods/web-1/logs"


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "startedAt": now(9), "finishedAt": now()}}


@pytest.mark.parametrize(("policy", "code"), [("Never", 1), ("Never", 0), ("OnFailure", 0)])
@pytest.mark.parametrize("closes", [True, False])
async def test_a_pod_whose_container_is_not_started_again(
    client: Client, kubelet: Kubelet, policy: str, code: int, closes: bool
) -> None:
    kubelet.run("web-1", "main", "side", policy=policy)
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD, container="main") as log:
        await log.until("one")
        kubelet.say("web-1", "main", f"{now()} bye")
        # A kubelet closes the log; one that does not is waited for no more than a moment.
        kubelet.runs["web-1", "main"][-1].has_ended = closes
        kubelet.state("web-1", "Running", {"main": ended(code), "side": {"running": {"startedAt": now()}}})
        assert await log.end() == ["one", "bye"]


async def test_a_pod_whose_container_is_started_again_is_followed_on(
    client: Client, kubelet: Kubelet
) -> None:
    kubelet.run("web-1", "main", policy="OnFailure")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD) as log:
        await log.until("one")
        kubelet.runs["web-1", "main"][-1].has_ended = True
        kubelet.state("web-1", "Running", {"main": ended(1)})
        await asyncio.sleep(1)
        kubelet.runs["web-1", "main"].append(Run([f"{now()} two"]))
        kubelet.state("web-1", "Running", {"main": {"running": {"startedAt": now()}}})
        assert await log.until("two") == ["one", "two"]
        kubelet.runs["web-1", "main"][-1].has_ended = True
        kubelet.state("web-1", "Succeeded", {"main": ended(0)})
        assert await log.end() == ["one", "two"]


@pytest.mark.parametrize("container", ["", "main"])
async def test_a_pod_that_is_deleted(client: Client, kubelet: Kubelet, container: str) -> None:
    kubelet.run("web-1", "main", "side")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD, container=container) as log:
        await log.until("one")
        kubelet.delete("web-1")
        assert len(await log.end()) == 1


async def test_what_a_pod_wrote_while_it_could_not_be_read_may_be_lost_and_that_is_said(
    client: Client, kubelet: Kubelet
) -> None:
    kubelet.run("web-1", "main")
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, POD) as log:
        await log.until("one")
        kubelet.refuses = True
        kubelet.cut()
        await log.until("(interrupted: ")
        kubelet.delete("web-1")
        lines = await log.end()
    assert lines[-1].startswith("(interrupted: ")
    assert "its last lines may be missing" in lines[-1]


async def test_a_workload_that_is_deleted(client: Client, kubelet: Kubelet) -> None:
    labels = {"app": "web"}
    path = "/apis/apps/v1/namespaces/default/replicasets"
    kubelet.plane.request("POST", path, replica_set("web", labels))
    kubelet.run("web-1", "main", labels=labels)
    kubelet.say("web-1", "main", f"{now()} one")
    async with following(client, "/replicasets/web/logs") as log:
        await log.until("one")
        kubelet.delete("web-1")
        # It may have pods again.
        kubelet.run("web-2", "main", labels=labels)
        kubelet.say("web-2", "main", f"{now()} two")
        await log.until("two")
        kubelet.plane.request("DELETE", f"{path}/web")
        kubelet.say("web-2", "main", f"{now()} three")
        await log.until("three")
        kubelet.delete("web-2")
        await log.end()
    assert log.lines == ["[plane/web-1/main] one", "[plane/web-2/main] two", "[plane/web-2/main] three"]


async def test_a_job_that_is_finished(client: Client, kubelet: Kubelet) -> None:
    path = "/apis/batch/v1/namespaces/default/jobs"
    labels = {"job": "x"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "i"}], "restartPolicy": "Never"},
    }
    spec = {"manualSelector": True, "selector": {"matchLabels": labels}, "template": template}
    kubelet.plane.request("POST", path, {"metadata": {"name": "x"}, "spec": spec})
    try:
        kubelet.run("x-1", "main", labels=labels, policy="Never")
        kubelet.say("x-1", "main", f"{now()} one")
        async with following(client, "/jobs/x/logs") as log:
            await log.until("one")
            kubelet.runs["x-1", "main"][-1].has_ended = True
            kubelet.state("x-1", "Failed", {"main": ended(1)})
            # The job tries again.
            kubelet.run("x-2", "main", labels=labels, policy="Never")
            kubelet.say("x-2", "main", f"{now()} two")
            await log.until("two")
            kubelet.runs["x-2", "main"][-1].has_ended = True
            kubelet.state("x-2", "Succeeded", {"main": ended(0)})
            finish(kubelet)
            assert await log.end() == ["[plane/x-1/main] one", "[plane/x-2/main] two"]
        async with following(client, "/jobs/x/logs") as log:
            assert len(await log.end()) == 2
    finally:
        kubelet.plane.request("DELETE", f"{path}/x?propagationPolicy=Background")


def finish(kubelet: Kubelet) -> None:
    """Report the job ``x`` as complete, as a job controller does."""
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": f"{now()[:19]}Z"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    status = {
        "startTime": f"{now(60)[:19]}Z",
        "completionTime": f"{now()[:19]}Z",
        "succeeded": 1,
        "failed": 1,
        "conditions": conditions,
    }
    kubelet.plane.request(
        "PATCH",
        "/apis/batch/v1/namespaces/default/jobs/x/status",
        {"status": status},
        content_type="application/merge-patch+json",
    )
