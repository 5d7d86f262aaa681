"""Logs of a real cluster, read through kube-apiserver, merged and followed."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bench.testbed.control_plane import WHOLE, ControlPlane
from bench.testbed.processes import free_port
from bench.testbed.product import Product, until
from tests.kubernetes.binaries import assets

WHERE = {"namespace": "default"}


def say(plane: ControlPlane, *texts: str) -> None:
    """Have every container say something."""
    with plane.container_log.open("a") as log:
        for text in texts:
            log.write(f"{datetime.now(UTC).isoformat().replace('+00:00', 'Z')} stdout F {text}\n")


def running(plane: ControlPlane, number: int) -> bool:
    pods = plane.request("GET", "/api/v1/namespaces/default/pods?labelSelector=app=web")["items"]
    return [pod["status"].get("phase") for pod in pods] == number * ["Running"]


@pytest.mark.timeout(240)
async def test_logs_of_a_real_deployment_are_merged_and_followed(tmp_path: Path) -> None:
    async with ControlPlane(assets(*WHOLE), nodes=1, forwarded=free_port()) as plane:
        plane.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2")
        await asyncio.to_thread(until, lambda: running(plane, 2), seconds=60)
        say(plane, "one", "two")
        product = Product(tmp_path, "--kubeconfig", str(plane.kubeconfig(tmp_path / "config")))
        await asyncio.to_thread(product.__enter__)
        try:
            await asyncio.to_thread(until, lambda: product.state("plane") == "synced", seconds=20)
            async with aiohttp.ClientSession() as session:
                await _look(session, product.url, plane)
        finally:
            await asyncio.to_thread(product.__exit__, None, None, None)


@pytest.mark.timeout(240)
async def test_following_a_job_a_pod_or_a_deployment_ends_with_it(tmp_path: Path) -> None:
    """kwok never ends a log that is followed, so that all depends on what the control plane says."""
    async with ControlPlane(assets(*WHOLE), nodes=1, forwarded=free_port()) as plane:
        say(plane, "one")
        product = Product(tmp_path, "--kubeconfig", str(plane.kubeconfig(tmp_path / "config")))
        await asyncio.to_thread(product.__enter__)
        try:
            await asyncio.to_thread(until, lambda: product.state("plane") == "synced", seconds=20)
            async with aiohttp.ClientSession() as session, asyncio.timeout(100):
                await asyncio.to_thread(plane.kubectl, "create", "job", "x", "--image=nginx")
                assert "] one" in await _followed(session, product.url, "jobs/x", "one")
                (pod,) = plane.request("GET", "/api/v1/namespaces/default/pods")["items"]
                assert await _followed(session, product.url, f"pods/{pod['metadata']['name']}") == "one\n"
                plane.kubectl("create", "deployment", "web", "--image=nginx")
                await asyncio.to_thread(until, lambda: running(plane, 1), seconds=60)
                following = asyncio.create_task(_followed(session, product.url, "deploy/web"))
                await asyncio.sleep(3)
                assert not following.done()
                await asyncio.to_thread(plane.kubectl, "delete", "deployment", "web")
                assert "] one" in await following
        finally:
            await asyncio.to_thread(product.__exit__, None, None, None)


async def _followed(session: aiohttp.ClientSession, url: str, what: str, text: str = "") -> str:
    """All of a followed log, once it has ended; asked for again until it has this text."""
    params = {**WHERE, "follow": "1"}
    while True:
        async with session.get(f"{url}/{what}/logs", params=params) as answer:
            said = await answer.text()
            if answer.status == 200 and text in said:
                return said
        await asyncio.sleep(0.2)


async def _look(session: aiohttp.ClientSession, url: str, plane: ControlPlane) -> None:
    async def text(path: str, **params: str) -> str:
        async with session.get(url + path, params=WHERE | params) as answer:
            found = await answer.text()
            assert answer.status == 200, found
            return found

    found = await text("/deployments/web/logs")
    places = {*re.findall(r"^\[plane/(web-[a-z0-9-]+)/nginx\] ", found, re.MULTILINE)}
    assert len(places) == 2
    # By their times: "one" of both, then "two" of both.
    assert [line.partition("] ")[2] for line in found.splitlines()] == ["one", "one", "two", "two"]
    assert await text(f"/pods/{min(places)}/logs", tailLines="1") == "two\n"
    params: dict[str, Any] = {**WHERE, "follow": "1"}
    seen: set[tuple[str, str]] = set()
    async with asyncio.timeout(60), session.get(f"{url}/deploy/web/logs", params=params) as answer:
        assert answer.status == 200

        async def until_said(what: str, pods: int) -> None:
            async for line in answer.content:
                place, _, told = line.decode().strip().partition("] ")
                seen.add((place, told))
                if sum(told == what for _, told in seen) == pods:
                    return

        say(plane, "three")
        await until_said("three", 2)
        async with session.post(f"{url}/deployments/web/scale", params=WHERE, json={"replicas": 3}) as scaled:
            assert scaled.status == 200
        await until_said("three", 3)
        say(plane, "four")
        await until_said("four", 3)
    events = await session.get(f"{url}/deployments/web/events", params=WHERE)
    reasons = {item["reason"] for item in (await events.json())["items"]}
    assert reasons == {"ScalingReplicaSet"}
