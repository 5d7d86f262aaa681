"""Many contexts with the same credentials: they are fetched once, and never too many at a time."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from app.fleet import cluster as fleet_cluster
from app.fleet.cluster import ClusterOptions
from app.fleet.fleet import Fleet
from app.kube.api_errors import ApiError
from app.kube.auth import credentials
from app.kube.auth.shared_credentials import Keyring
from tests.connecting.certificates import Authority
from tests.connecting.conftest import Connect, Serve, only

V1 = "client.authentication.k8s.io/v1"
# Says when it began and ended, in files, and hands out the token "t".
PLUGIN = """#!{python} -S
import os, time
here = {folder!r}
open(here + "/began", "a").write(".")
running = here + "/running-" + str(os.getpid())
open(running, "w").close()
most = here + "/most"
number = len([name for name in os.listdir(here) if name.startswith("running-")])
open(most, "a").write(str(number) + "\\n")
time.sleep({seconds})
os.remove(running)
print({answer!r})
"""


class Plugin:
    def __init__(self, folder: Path, seconds: float = 0.2) -> None:
        self.folder = folder
        self.path = folder / "plugin"
        answer = json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "t"}})
        self.path.write_text(
            PLUGIN.format(python=sys.executable, folder=str(folder), seconds=seconds, answer=answer)
        )
        self.path.chmod(0o755)

    @property
    def runs(self) -> int:
        return len((self.folder / "began").read_text())

    @property
    def most(self) -> int:
        """The most that ran at once."""
        return max(map(int, (self.folder / "most").read_text().split()))

    def user(self, *args: str) -> dict[str, Any]:
        return {"exec": {"apiVersion": V1, "command": str(self.path), "args": list(args)}}


def kubeconfig(path: Path, url: str, users: list[dict[str, Any]]) -> Path:
    """As many contexts as there are users, each with a user of its own."""
    names = [f"c{number}" for number in range(len(users))]
    document = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": name, "user": user} for name, user in zip(names, users, strict=True)],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": name}} for name in names],
    }
    path.write_text(yaml.safe_dump(document))
    return path


async def until(check: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def fleet_of(path: Path) -> Fleet:
    return Fleet(
        ClusterOptions(watch=(), release_after=600, managed_fields=False, secret_values=False), [path]
    )


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """Of an API server that serves nothing."""
    if request.headers.get("Authorization") != "Bearer t":
        return web.Response(status=401)
    documents: dict[str, Any] = {
        "/version": {"gitVersion": "v1.34.0", "major": "1", "minor": "34"},
        "/api": {"kind": "APIVersions", "versions": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    }
    if request.path not in documents:
        return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound"}, status=404)
    return web.json_response(documents[request.path])


async def test_120_contexts_of_one_exec_user_run_it_once(serve: Serve, tmp_path: Path) -> None:
    served = await serve(answer)
    plugin = Plugin(tmp_path)
    fleet = fleet_of(kubeconfig(tmp_path / "config", served.url, [plugin.user()] * 120))
    await fleet.start()
    try:
        await until(lambda: all(cluster.identity for cluster in fleet.clusters.values()))
        assert plugin.runs == 1
    finally:
        await fleet.close()


async def test_different_programs_run_a_few_at_a_time(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "FETCHES_AT_ONCE", 4)
    served = await serve(answer)
    plugin = Plugin(tmp_path)
    users = [plugin.user(str(number)) for number in range(24)]
    fleet = fleet_of(kubeconfig(tmp_path / "config", served.url, users))
    await fleet.start()
    try:
        await until(lambda: all(cluster.identity for cluster in fleet.clusters.values()))
        assert plugin.runs == 24
        assert 2 <= plugin.most <= 4
    finally:
        await fleet.close()


async def test_programs_that_hang_do_not_keep_others_from_running(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "FETCHES_AT_ONCE", 2)
    monkeypatch.setattr(credentials, "SLOT_SECONDS", 0.3)
    served = await serve(answer)
    (tmp_path / "hung").mkdir()
    hung, well = Plugin(tmp_path / "hung", seconds=600), Plugin(tmp_path)
    users = [*(hung.user(str(number)) for number in range(4)), well.user()]
    fleet = fleet_of(kubeconfig(tmp_path / "config", served.url, users))
    await fleet.start()
    try:
        await until(lambda: fleet.clusters["c4"].identity is not None, 10)
        assert fleet.clusters["c0"].identity is None
    finally:
        await fleet.close()


async def test_attempts_that_fail_do_not_run_the_program_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_cluster, "RETRY_SECONDS", (0.05, 0.05))
    plugin = Plugin(tmp_path, seconds=0)
    fleet = fleet_of(kubeconfig(tmp_path / "config", "http://127.0.0.1:1", [plugin.user()] * 3))
    await fleet.start()
    try:
        await until(lambda: all(cluster.settled.is_set() for cluster in fleet.clusters.values()))
        await asyncio.sleep(0.5)
        assert plugin.runs == 1
    finally:
        await fleet.close()


async def test_what_is_not_the_same_is_not_shared(tmp_path: Path) -> None:
    keyring = Keyring()
    made: list[str] = []

    def lease(key: object, name: str) -> None:
        def make() -> credentials.Credentials:
            made.append(name)
            return credentials.Fixed({})

        keyring.lease(key, make)

    plugin = Plugin(tmp_path)
    lease(["exec", plugin.user("a"), {}], "a")
    lease(["exec", plugin.user("b"), {}], "b")
    lease(["exec", plugin.user("a"), {"server": "x"}], "for x")
    lease(["exec", plugin.user("a"), {}], "again")
    assert made == ["a", "b", "for x"]


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"token": "s3cret"}, "token"),
        ({"username": "u", "password": "s3cret"}, "user name and password"),
        ({"tokenFile": "TOKEN"}, "token of the file TOKEN"),
        ({}, "none, as the user of the context has none"),
    ],
)
async def test_refused_credentials_are_named_and_never_shown(
    user: dict[str, Any], said: str, serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret")
    user = {key: value.replace("TOKEN", str(tmp_path / "token")) for key, value in user.items()}
    served = await serve(only("other"))
    with pytest.raises(ApiError) as caught:
        await (await connect(served.url, user)).get("/version")
    said = said.replace("TOKEN", str(tmp_path / "token"))
    assert str(caught.value) == f"credentials refused (401): {said}"
    assert "s3cret" not in str(caught.value)


async def test_refused_credentials_are_the_state_of_a_cluster(serve: Serve, tmp_path: Path) -> None:
    served = await serve(only("other"))
    fleet = fleet_of(kubeconfig(tmp_path / "config", served.url, [{"token": "s3cret"}]))
    await fleet.start()
    try:
        await fleet.clusters["c0"].settled.wait()
        condition = fleet.clusters["c0"].condition
        assert (condition.state, condition.error) == ("unreachable", "credentials refused (401): token")
    finally:
        await fleet.close()


async def test_300_client_certificates_do_not_hold_the_loop(tmp_path: Path, authority: Authority) -> None:
    """The longest turn of the loop is what everybody else waits. All trust the system's CAs."""
    pairs = [authority.issue(f"user-{number}").user() for number in range(300)]
    path = kubeconfig(tmp_path / "config", "https://127.0.0.1:1", pairs)
    fleet = fleet_of(path)
    turns: list[float] = []

    async def turn() -> None:
        while True:
            # Of the loop's thread alone; a busy machine may take the core away.
            began = time.thread_time()
            await asyncio.sleep(0.001)
            turns.append(time.thread_time() - began)

    ticking = asyncio.create_task(turn())
    try:
        await fleet.start()
        await until(lambda: all(cluster.settled.is_set() for cluster in fleet.clusters.values()), 100)
    finally:
        ticking.cancel()
        await fleet.close()
    # One may be the garbage collector's.
    assert sorted(turns)[-2] < 0.05
