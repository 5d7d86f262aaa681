"""Kubeconfigs that change under a running server, with a real API server behind them."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from bench.testbed.control_plane import ControlPlane
from tests.serving.process import started


def kubeconfig(plane: ControlPlane, *names: str) -> str:
    """As kubectl writes it, with contexts of these names."""
    cluster = {"server": plane.url, "certificate-authority": str(plane.ca_file)}
    document = {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster, "name": name} for name in names],
        "contexts": [{"context": {"cluster": name, "user": name}, "name": name} for name in names],
        "kind": "Config",
        "users": [{"name": name, "user": {"token": plane.token}} for name in names],
    }
    return yaml.safe_dump(document)


def replace(path: Path, text: str) -> None:
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


@contextlib.asynccontextmanager
async def streaming(url: str) -> AsyncIterator[list[dict[str, Any]]]:
    """The frames of a stream of namespaces so far."""
    frames: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as session, session.get(f"{url}namespaces?watch=1") as answer:

        async def read() -> None:
            async for line in answer.content:
                frames.append(json.loads(line))  # noqa: PERF401 they are looked at meanwhile

        reading = asyncio.create_task(read())
        try:
            yield frames
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def until(check: Any, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_kubeconfig_that_is_being_written_resets_no_stream_and_a_removal_works(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    whole = kubeconfig(control_plane, "one", "two")
    path.write_text(whole)
    with started("serve", "--port", "0", "--kubeconfig", str(path)) as running:
        url = running.read_until(r"http://\S+")
        async with streaming(url) as frames:
            await until(lambda: any(frame["type"] == "SYNCED" for frame in frames))
            seen = len(frames)
            users = whole.index("users:")
            for part in (
                "",
                whole[: whole.index("contexts:")],
                whole[:users],
                whole[: whole.index("- name: two", users)],
                whole[:-10],
                "garbage: [",
            ):
                path.write_text(part)
                await asyncio.sleep(2.5)
            path.unlink()
            await asyncio.sleep(2.5)
            path.write_text(whole)
            await asyncio.sleep(2.5)
            unquiet = [frame for frame in frames[seen:] if frame["type"] not in ("BOOKMARK", "MODIFIED")]
            assert unquiet == []
            path.write_text(kubeconfig(control_plane, "two"))

            def removed() -> list[str]:
                return [frame["cluster"] for frame in frames if frame.get("state") == "removed"]

            await until(removed, 10)
            assert removed() == ["one"]


async def test_what_is_protected_stays_so_whatever_is_written(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    path.write_text(kubeconfig(control_plane, "team/prod", "team-prod", "free"))
    arguments = ("serve", "--port", "0", "--kubeconfig", str(path))

    async def write(session: aiohttp.ClientSession, cluster: str) -> int:
        """The status of a write that the API server would take."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "written-"}}
        where = {"cluster": cluster, "namespace": "default"}
        async with session.post(f"{url}configmaps", params=where, json=body) as answer:
            return answer.status

    async def contexts(session: aiohttp.ClientSession) -> dict[str, str]:
        async with session.get(f"{url}clusters") as answer:
            return {each["context"]: each["name"] for each in (await answer.json())["clusters"]}

    async def settled(session: aiohttp.ClientSession, *names: str) -> dict[str, str]:
        async with asyncio.timeout(30):
            while set(found := await contexts(session)) != set(names):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        async with session.get(f"{url}namespaces") as answer:
            assert answer.status == 200
        return found

    with started(*arguments, K8S_MCP_READ_ONLY="team-prod") as running:
        url = running.read_until(r"http://\S+")
        async with aiohttp.ClientSession() as session:
            names = await settled(session, "team/prod", "team-prod", "free")
            assert await write(session, names["team/prod"]) == 403
            assert await write(session, names["team-prod"]) == 403
            assert await write(session, names["free"]) == 201
            # The number would go to the other one.
            replace(path, kubeconfig(control_plane, "team-prod", "free"))
            names = await settled(session, "team-prod", "free")
            assert names["team-prod"] == "team-prod-2"
            assert await write(session, names["team-prod"]) == 403
            # What was called so is called otherwise.
            replace(path, kubeconfig(control_plane, "production", "free"))
            names = await settled(session, "production", "free")
            assert await write(session, names["production"]) == 403
            assert await write(session, names["free"]) == 201


@pytest.mark.parametrize("token", ["wrong", ""])
async def test_credentials_that_are_refused_are_the_state_of_the_cluster(
    control_plane: ControlPlane, tmp_path: Path, token: str
) -> None:
    path = tmp_path / "config"
    path.write_text(kubeconfig(control_plane, "one").replace(control_plane.token, token or "''"))
    with started("serve", "--port", "0", "--kubeconfig", str(path)) as running:
        url = running.read_until(r"http://\S+")
        running.read_until("cluster is (unreachable|forbidden|stale)")
        async with aiohttp.ClientSession() as session, session.get(f"{url}clusters") as answer:
            (cluster,) = (await answer.json())["clusters"]
    if token:
        assert cluster["error"] == "credentials refused (401): token"
        assert "wrong" not in json.dumps(cluster)
    else:
        # Who shows nothing is let in as anonymous, and forbidden.
        assert "403" in cluster["error"]
